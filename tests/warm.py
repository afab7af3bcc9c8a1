"""Compile the kernel before the suite's workers start: in a fresh clone each of them would else do it at the same moment.

python -m tests.warm
"""

from __future__ import annotations

from tests.core.picture import check


def main() -> None:
    """Live one small picture; what is compiled for it stays in .cache/numba."""
    check("""
        0:00  1000 1020  990 1010 | buy  |
        0:01  1013 1040 1010 1020 |      | buy 1013
        0:02  1050 1060 1040 1050 | exit |
        0:03  1044 1060 1030 1050 |      | sell 1044
    """)


if __name__ == "__main__":
    main()
