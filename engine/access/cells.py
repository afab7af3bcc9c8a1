"""Text as a cell of a file that a spreadsheet will open: nothing in it is calculated, nothing leaves its cell. Pure."""

from __future__ import annotations

import re

DANGEROUS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_LED_IN = re.compile(r"[\s\x00-\x20\x7f-\xa0\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]*")
"""What a spreadsheet may pass over before it looks for a formula."""
_QUOTED = re.compile(r"[,;|\t\r\n\"]")
"""Signs that part cells in some country's spreadsheet: what stands behind one unquoted is a cell of its own."""


def shielded(text: str) -> str:
    """Text as a cell that no spreadsheet calculates; `unshielded` gives it back, whatever it was."""
    return "'" + text if text.startswith("'") or calculated(text) else text


def calculated(text: str) -> bool:
    """Whether a spreadsheet might calculate a cell of this text, or one that begins with a sign it does not show."""
    led = _LED_IN.match(text)
    rest = text[led.end() :] if led else text
    return rest.startswith(DANGEROUS) or text[:1] in ("\t", "\r", "\n", "\x00")


def unshielded(cell: str) -> str:
    """What stood in a cell that `shielded` wrote."""
    return cell[1:] if cell.startswith("'") else cell


def quoted(cell: str) -> str:
    """A cell as RFC 4180 writes it, in quotes wherever a sign in it parts cells somewhere."""
    return '"' + cell.replace('"', '""') + '"' if _QUOTED.search(cell) else cell
