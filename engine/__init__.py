"""Evenkeel's engine.

Before any kernel is imported this file points numba's cache at a folder named by the hash of the kernels' source:
numba does not notice a change in a helper imported from another module, and a stale kernel would trade by old rules.
Nothing else belongs here.
"""

import hashlib
import os
import sys
from pathlib import Path

__version__ = "0.1.0"

_HERE = Path(__file__).resolve().parent


def _source_hash() -> str:
    digest = hashlib.sha256(sys.version.encode())
    for path in sorted((_HERE / "core").glob("*.py")):
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


KERNEL_HASH = _source_hash()


def _cache_folder() -> Path:
    """First writable of: where NUMBA_CACHE_DIR points, the repository's .cache, the user's cache folder."""
    given = os.environ.get("NUMBA_CACHE_DIR")
    if given and Path(given).name == KERNEL_HASH:  # set by this file, in the process that started this one
        return Path(given)
    for root in (given, _HERE.parent / ".cache" / "numba", Path.home() / ".cache" / "evenkeel" / "numba"):
        if not root:
            continue
        folder = Path(root) / KERNEL_HASH
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return folder
    raise OSError(
        "No folder for compiled kernels can be written: tried .cache beside the program and ~/.cache/evenkeel. "
        "Make one of them writable, or set NUMBA_CACHE_DIR."
    )


os.environ["NUMBA_CACHE_DIR"] = str(_cache_folder())
if "numba" in sys.modules:  # it read its settings when it was imported, before this file
    sys.modules["numba"].config.CACHE_DIR = os.environ["NUMBA_CACHE_DIR"]
