"""Passwords inside addresses, masked where a configuration is shown and put back where it is written. Pure."""

from __future__ import annotations

import re

MASK = "***"
_PASSWORD = re.compile(r"(://[^\s:/@\"']*:)([^\s@\"']+)(?=@)")


def masked(text: str) -> str:
    """`text` with the password of every address as ***."""
    return _PASSWORD.sub(rf"\1{MASK}", text)


def unmasked(shown: str, real: str) -> str:
    """`shown` with the passwords of `real` where the same user of the same kind of address stands masked."""
    known: dict[str, str] = dict(_PASSWORD.findall(real))

    def back(found: re.Match[str]) -> str:
        head, password = found[1], found[2]
        return head + (known.get(head, password) if password == MASK else password)

    return _PASSWORD.sub(back, shown)
