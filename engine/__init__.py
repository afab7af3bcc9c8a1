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
    """First writable of: the repository's .cache, the user's cache folder."""
    for root in (_HERE.parent / ".cache", Path.home() / ".cache" / "evenkeel"):
        folder = root / "numba" / KERNEL_HASH
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


if "NUMBA_CACHE_DIR" not in os.environ:
    os.environ["NUMBA_CACHE_DIR"] = str(_cache_folder())
