"""Text without secrets, for logs, tracebacks and what leaves the machine: known values are taken out, and what looks like one.
Pure but for `known`.

A text that only might hold one loses it: too much masked costs a question, too little a key.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import threading
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any

MASK = "***"
LEAST = 6
_NAMES = re.compile(r"TOKEN|SECRET|PASS|KEY|WEBHOOK|CREDENTIAL|ACCOUNT_SID|PING_URL|COOKIE|AUTH", re.IGNORECASE)
_WORDS = r"(?:api[_-]?key|secret|passw(?:or)?d|token|signature|credential|authorization|webhook|private[_-]?key)"
_CERTAIN = (
    (re.compile(r"(?<=://)[^/\s:@]*:[^/\s@]+(?=@)"), MASK),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}"), rf"\1 {MASK}"),
    (re.compile(r"(?i)(hooks\.slack\.com/|discord(?:app)?\.com/api/webhooks/|hc-ping\.com/)\S+"), rf"\1{MASK}"),
    (re.compile(r"\bbot\d{5,}:[\w-]{20,}"), f"bot{MASK}"),
    (re.compile(r"\b(?:evk_|sk-|xox[a-z]-|ghp_)[\w-]{12,}"), MASK),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]+"), MASK),
)
_LIKELY = re.compile(rf"(?i)([\w-]*{_WORDS}[\w-]*[\"']?\s*[=:]\s*[\"']?)[^\s\"',;&}}\]]{{3,}}")
"""What follows the word for a secret: often one, sometimes a sentence."""


def is_secret(name: str) -> bool:
    """Whether an environment variable of this name holds a secret, by its name."""
    return _NAMES.search(name) is not None or name == "DATABASE_URL"


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
    return _LIKELY.sub(rf"\1{MASK}", said(text, secrets))


def said(text: str, secrets: Iterable[str] = ()) -> str:
    """For the engine's own sentences: without `secrets`, and without what can only be one."""
    for secret in secrets:
        if secret in text:
            text = text.replace(secret, MASK)
    for pattern, mask in _CERTAIN:
        text = pattern.sub(mask, text)
    return text


class Masked(logging.Formatter):
    """Lines without secrets, tracebacks and all. Those of the environment as it is when this is made."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._secrets = known()

    def format(self, record: logging.LogRecord) -> str:
        return said(super().format(record), self._secrets)


def mask_logs() -> None:
    """What the root logger's handlers write, in the form they have, without secrets."""
    for handler in logging.getLogger().handlers:
        now = handler.formatter or logging.Formatter()
        handler.setFormatter(Masked(now._fmt, now.datefmt))


def mask_tracebacks() -> None:
    """What ends the program, or a thread of it, is told on stderr without secrets."""

    def told(kind: type[BaseException], error: BaseException | None, trace: Any) -> None:
        if issubclass(kind, KeyboardInterrupt):
            return
        lines = traceback.format_exception(kind, error, trace)
        sys.stderr.write(said("".join(lines), known()))

    sys.excepthook = told
    threading.excepthook = lambda args: told(args.exc_type, args.exc_value, args.exc_traceback)
