"""`python -m tests.oracles`: makes the peers' environments and compares with them live; `make`, `record`, `live`
alone.
"""

import sys

from tests.oracles import peers

if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.exit(peers.main(sys.argv[1:]))
    peers.main(["make"])
    sys.exit(peers.main(["live"]))
