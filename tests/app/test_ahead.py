"""What is imported ahead: what the pages opened first need, and nothing that is slow for its own sake."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CODE = """
import sys
from app import ahead
ahead.begin().join(120)
print(sorted({"numba", "scipy"} & set(sys.modules)), [name for name in ahead.modules() if name not in sys.modules
    and name.rpartition(".")[0] != "app"], "app.performance_views" in sys.modules)
"""


def test_the_first_pages_are_imported_ahead_and_the_kernel_is_not() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] [] True", done.stderr
