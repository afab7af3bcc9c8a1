"""Names of orders at the venue: 32 lower-case hex, a pure function of this installation and of what was decided.

The first eight say whose order it is, also to an empty or restored database; the rest names the decision. An id is a key to
look up by, never a licence to send again. The tag's file is the only thing read or written here.
"""

from __future__ import annotations

import os
import secrets
from hashlib import blake2b
from pathlib import Path

from engine.access import files

TAG, REST = 8, 24
FILE = "instance"


def tag_of(instance: str) -> str:
    """The eight hex digits that begin every client id of an installation."""
    return blake2b(instance.encode(), digest_size=TAG // 2).hexdigest()


def client_id(tag: str, decision_key: str) -> str:
    """The id under which the order of a decision goes to the venue. ValueError for a tag that is none."""
    if len(tag) != TAG or not set(tag) <= set("0123456789abcdef"):
        raise ValueError(f"{tag!r} is no tag of an installation: {TAG} lower-case hex digits")
    return tag + blake2b(decision_key.encode(), digest_size=REST // 2).hexdigest()


def is_ours(tag: str, client: str) -> bool:
    """Whether an id that the venue tells is one of this installation's."""
    return len(client) == TAG + REST and client.startswith(tag) and set(client) <= set("0123456789abcdef")


def order_key(run: str, slot_key: str, purpose: str, created_ts: int, order_seq: int) -> str:
    """The decision behind an order: its slot, why, when it was decided, and its number, which every further try has anew."""
    return f"{run}|{slot_key}|{purpose}|{created_ts}|{order_seq}"


def stop_key(run: str, slot_key: str, trade_seq: int, entry_ts: int, attempt: int) -> str:
    """The decision behind a stop kept at the venue: the position that it protects, and the how-manieth stop of it."""
    return f"{run}|{slot_key}|stop|{entry_ts}|{trade_seq}|{attempt}"


def instance_of(folder: Path) -> str:
    """The installation's own name, random, made once and kept in its data folder beside the database, not in it."""
    path = folder / FILE
    try:
        return files.read(path, "ascii").strip()
    except FileNotFoundError:
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / f"{FILE}.part"
        with files.fresh(part, 0o600) as file:
            file.write(secrets.token_hex(16).encode())
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        return files.read(path, "ascii").strip()
