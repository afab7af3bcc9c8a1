"""Is this container doing its work? Ends with 0 if the address given answers with 200, else with 1. Standard library only."""

import sys
import urllib.error
import urllib.request

ENGINE = "http://127.0.0.1:8600/readyz"


def main(address: str) -> int:
    """One question, four seconds of patience; redirects are not followed to anywhere else."""
    try:
        with urllib.request.urlopen(address, timeout=4) as answer:
            return int(answer.status != 200)
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        print(f"{address}: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ENGINE))
