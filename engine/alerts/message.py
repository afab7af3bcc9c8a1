"""What is sent and what came back: a message, a provider's answer in words, and what every channel is. Opens nothing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar, Literal
from urllib.parse import parse_qsl, quote, urlsplit

from engine.config.alerts import AlertsSection

Outcome = Literal["sent", "retry", "refused"]


@dataclass(frozen=True)
class Message:
    """One alert as a channel gets it. `ts` ms UTC; `id` is the same each time the message is tried; `ask_ack`: a person should
    acknowledge it."""

    id: int
    ts: int
    severity: str
    kind: str
    title: str
    body: str = ""
    run: str = ""
    demo: bool = False
    ask_ack: bool = False

    @property
    def subject(self) -> str:
        """The title on one line, with what must not be overlooked before it."""
        mark = "CRITICAL: " if self.severity == "critical" else ""
        return f"{'DEMO ' if self.demo else ''}{mark}{one_line(self.title)}"

    @property
    def text(self) -> str:
        """Subject and body, and where it comes from."""
        foot = " · ".join(part for part in (self.run and f"run {self.run}", self.when) if part)
        return "\n".join(part for part in (self.subject, clean(self.body).strip(), foot) if part)

    @property
    def when(self) -> str:
        return datetime.fromtimestamp(self.ts / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if self.ts > 0 else ""


@dataclass(frozen=True)
class Receipt:
    """What became of one attempt. retry: it may work later, not before `wait_s` seconds where the provider says so; refused:
    trying again would end the same way. `words` are the provider's own where it has any, never a secret."""

    outcome: Outcome
    words: str
    wait_s: float = 0.0
    broken: bool = False
    """The channel itself is refused (a revoked token, a deleted webhook), not this one message."""


class Missing(Exception):
    """A channel cannot be made: the words say which keys it lacks."""


class Channel(ABC):
    """One way to a person. Made anew for each configuration; `send` is called on a thread of the channel's own."""

    name: ClassVar[str]
    title: ClassVar[str]
    secrets_needed: ClassVar[tuple[str, ...]] = ()
    """Names in the environment (or .env) without which the channel is not in use."""
    secrets_allowed: ClassVar[tuple[str, ...]] = ()

    def __init__(self, settings: AlertsSection, env: Mapping[str, str]) -> None:
        """Missing names what is not set."""
        self.settings = settings
        lacking = [name for name in self.secrets_needed if not env.get(name, "").strip()]
        if lacking:
            raise Missing(f"set {' and '.join(lacking)} in my/.env")
        self.env = {name: env.get(name, "").strip() for name in (*self.secrets_needed, *self.secrets_allowed)}

    @abstractmethod
    def send(self, message: Message) -> Receipt:
        """Try once, within about `settings.timeout_s`."""

    def secret(self, name: str) -> str:
        return self.env[name]

    def mask(self, words: str) -> str:
        """`words` without any of this channel's secrets."""
        return mask(words, self.env.values())


def mask(words: str, secrets: Iterable[str]) -> str:
    """`words` without any of the secrets, plain or as an address writes them; they become ***."""
    for part in sorted({part for secret in secrets for part in _parts(secret)}, key=len, reverse=True):
        words = words.replace(part, "***")
    return words


def _parts(secret: str) -> Iterator[str]:
    """A secret, and what of it a provider might repeat alone: the end of an address and its values, the half after a colon."""
    found = [secret]
    if "://" in secret:
        address = urlsplit(secret)
        found += [address.path.rpartition("/")[2], *(value for _, value in parse_qsl(address.query))]
    elif ":" in secret:
        found.append(secret.rpartition(":")[2])
    for one in found:
        yield from (form for form in (one, quote(one, safe=""), quote(one)) if len(form) >= 4)


def clean(text: str) -> str:
    """Without control characters but line ends: nothing steers a terminal, a header or a right-to-left display."""
    return "".join(
        c if c == "\n" or (c.isprintable() and c not in _STEERING) else " " for c in text.replace("\r\n", "\n")
    )


_STEERING = set("\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")


def one_line(text: str) -> str:
    return " ".join(clean(text).split())


def clip(text: str, most: int) -> str:
    """At most `most` characters, and said when there was more."""
    return text if len(text) <= most else text[: most - 2].rstrip() + " …"
