"""Text without secrets, for what leaves the machine: known values are taken out, and what looks like one. Pure but for `known`.

A text that only might hold one loses it: too much masked costs a question, too little a key.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

MASK = "***"
LEAST = 6
_NAMES = re.compile(r"TOKEN|SECRET|PASS|KEY|WEBHOOK|CREDENTIAL|ACCOUNT_SID|PING_URL|COOKIE|AUTH", re.IGNORECASE)
_WORDS = r"(?:api[_-]?key|secret|passw(?:or)?d|token|signature|credential|authorization|webhook|private[_-]?key)"
_LOOKS = (
    (re.compile(r"(?<=://)[^/\s:@]*:[^/\s@]+(?=@)"), MASK),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}"), rf"\1 {MASK}"),
    (re.compile(rf"(?i)([\w-]*{_WORDS}[\w-]*[\"']?\s*[=:]\s*[\"']?)[^\s\"',;&}}\]]{{3,}}"), rf"\1{MASK}"),
    (re.compile(r"(?i)(hooks\.slack\.com/|discord(?:app)?\.com/api/webhooks/|hc-ping\.com/)\S+"), rf"\1{MASK}"),
    (re.compile(r"\bbot\d{5,}:[\w-]{20,}"), f"bot{MASK}"),
    (re.compile(r"\b(?:evk_|sk-|xox[a-z]-|ghp_)[\w-]{12,}"), MASK),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]+"), MASK),
)


def known() -> list[str]:
    """The values of secrets in the environment and in the person's .env, longest first."""
    pairs = list(os.environ.items())
    home = Path(os.environ.get("EVENKEEL_HOME") or "my")
    for path in (home / ".env", Path(".env")):
        if path.is_file():
            from dotenv import dotenv_values

            pairs += [(name, value or "") for name, value in dotenv_values(path).items()]
    found = {value for name, value in pairs if _NAMES.search(name) and len(value) >= LEAST}
    return sorted(found, key=len, reverse=True)


def redacted(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` without `secrets`, and without what looks like one."""
    for secret in secrets:
        text = text.replace(secret, MASK)
    for pattern, mask in _LOOKS:
        text = pattern.sub(mask, text)
    return text
