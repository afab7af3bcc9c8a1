"""The table [alerts]: what is told to a person, when, and by which channel. Secrets are never here: they stand in my/.env.

What can be told stands in KINDS; what a channel does with it is engine.alerts' business.
"""

from __future__ import annotations

import re
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from engine.config.errors import nearest
from engine.config.local_time import known_zone
from engine.config.sections import Section

KINDS: dict[str, str] = {
    "fill": "an order was filled",
    "trade": "a trade was closed",
    "breaker": "a breaker tripped, was released or ended",
    "kill": "the account was killed, or the kill was released",
    "limit": "a limit is in use to the share of limit_at",
    "engine": "the engine started, stopped, crashed or came back",
    "outage": "the exchange or its feed was lost or is back",
    "daily": "the daily summary",
    "error": "something went wrong in the engine",
    "strategy": "a slot was stopped because its strategy failed",
    "config": "the configuration was reloaded or refused",
    "ai_budget": "part of the budget for AI is spent",
    "venue": "a real order nobody can tell about, a refused or missing stop, coins or fills that do not add up",
    "drift": "a run does not do what its backtest says",
    "backup": "a backup failed",
    "report": "a scheduled report was written; its summary",
    "channel": "a channel does not take messages",
}
"""What can be told, and what it means."""
PUSHED = ("trade", "breaker", "kill", "limit", "engine", "outage", "venue", "daily")
EVERY = "all"
_CLOCK = r"^(([01]\d|2[0-3]):[0-5]\d)?$"
_URL = r"^https?://[^\s/]+(/\S*)?$"
_ADDRESS = r"^[^\s@<>,;]+@[^\s@<>,;]+$"


class AlertsSection(Section):
    """What is told, when, and by which channel. A channel is in use once its secrets are in .env (see docs/alerts.md)."""

    enabled: bool = Field(True, description="false: nothing is sent; the page Alerts shows everything all the same")
    push: tuple[str, ...] = Field(
        PUSHED, strict=False, description=f"kinds that are sent, the others are history: {', '.join(KINDS)}"
    )
    info: tuple[str, ...] = Field(
        (EVERY,), strict=False, description='channels for severity info: names, or "all" that have their secrets'
    )
    warning: tuple[str, ...] = Field((EVERY,), strict=False, description="channels for severity warning")
    critical: tuple[str, ...] = Field((EVERY,), strict=False, description="channels for severity critical")
    digest: tuple[str, ...] = Field(
        (), strict=False, description="kinds of push that are gathered and sent as one message at daily_at"
    )
    timezone: str = Field("UTC", description="of the times below: Europe/Berlin, America/New_York")
    daily_at: str = Field(
        "08:00", pattern=_CLOCK, description='local time of the daily summary and the digest; "" for none'
    )
    quiet_from: str = Field(
        "",
        pattern=_CLOCK,
        description="from here to quiet_until only critical is sent; the rest follows as one message",
    )
    quiet_until: str = Field("", pattern=_CLOCK, description="local end of the quiet hours")
    limit_at: float = Field(0.8, gt=0, le=1, description="share of a limit from which its use is told, once a UTC day")
    limit_skip: tuple[str, ...] = Field((), strict=False, description='limits that are not told: "per_symbol"')
    throttle_count: int = Field(
        20,
        ge=1,
        le=1000,
        description="messages of one kind a channel gets within throttle_minutes; the rest follows as one",
    )
    throttle_minutes: int = Field(10, ge=1, le=1440, description="see throttle_count")
    tries: int = Field(
        10,
        ge=1,
        le=100,
        description="attempts at a message (5 s to 15 min apart) before it is put aside as a dead letter",
    )
    timeout_s: float = Field(10.0, gt=0, le=60, description="how long a provider may take to answer")
    escalate_minutes: int = Field(
        15, ge=0, le=1440, description="a critical alert nobody acknowledged for so long goes to escalate_to; 0 = never"
    )
    escalate_to: tuple[str, ...] = Field(("sms",), strict=False, description="channels it goes to then")
    telegram_chat: str = Field("", pattern=r"^(-?\d+|@\w+)?$", description="chat that messages go to: its number")
    telegram_commands: bool = Field(
        False, description="take /status /positions /daily /pause /close /kill from telegram_allowed"
    )
    telegram_allowed: tuple[int, ...] = Field(
        (), strict=False, description="numbers of the chats that may command; others are ignored"
    )
    telegram_url: str = Field("https://api.telegram.org", pattern=_URL, description="address of the bot API")
    email_host: str = Field("", pattern=r"^\S*$", description="mail server: smtp.example.org")
    email_port: int = Field(587, ge=1, le=65535, description="587 with starttls, 465 with tls")
    email_security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="none is for a server on this machine; a password is never sent without encryption"
    )
    email_from: str = Field("", pattern=f"^$|{_ADDRESS}", description="sender's address")
    email_to: tuple[str, ...] = Field((), strict=False, description="recipients' addresses")
    sms_from: str = Field("", pattern=r"^[+\w]*$", description="number or name that text messages come from")
    sms_to: str = Field("", pattern=r"^(\+\d{6,15})?$", description="number that they go to: +4915112345678")
    sms_url: str = Field("https://api.twilio.com", pattern=_URL, description="address of an API like Twilio's")

    @field_validator("push", "digest")
    @classmethod
    def _known(cls, kinds: tuple[str, ...]) -> tuple[str, ...]:
        for kind in kinds:
            if kind not in KINDS:
                close = nearest(kind, list(KINDS))
                hint = f"did you mean {close}?" if close else f"there are {', '.join(KINDS)}"
                raise ValueError(f"kinds of alerts; {kind!r} is none: {hint}")
        return tuple(dict.fromkeys(kinds))

    @field_validator("timezone")
    @classmethod
    def _zone(cls, name: str) -> str:
        return known_zone(name)

    @field_validator("email_to")
    @classmethod
    def _addresses(cls, found: tuple[str, ...]) -> tuple[str, ...]:
        for one in found:
            if not re.fullmatch(_ADDRESS, one):
                raise ValueError(f"mail addresses; {one!r} is none")
        return found

    @model_validator(mode="after")
    def _pairs(self) -> Self:
        if bool(self.quiet_from) != bool(self.quiet_until):
            raise ValueError("quiet hours need both quiet_from and quiet_until")
        if self.telegram_commands and not self.telegram_allowed:
            raise ValueError("telegram_commands needs telegram_allowed: the numbers of the chats that may command")
        return self
