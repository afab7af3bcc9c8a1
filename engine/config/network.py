"""The table [network]: hosts that may be called although the rules for addresses (engine.access.outbound) forbid it; and whether
the addresses of a configuration keep those rules. Nothing is resolved or called here."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from pydantic import Field, field_validator

from engine.access.outbound import Forbidden, Rules
from engine.config.errors import ConfigError
from engine.config.sections import Section

if TYPE_CHECKING:
    from engine.config.model import Config

_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_.])?")
PROVIDERS = {
    "ai.base_url": "openrouter.ai", "alerts.telegram_url": "api.telegram.org", "alerts.sms_url": "api.twilio.com",
}  # fmt: skip
"""Whose secret is sent to the address; another host than its provider's must stand in allow_hosts."""


class NetworkSection(Section):
    """Whom the engine may call (docs/security.md). Exchanges and providers of its own need nothing here."""

    allow_hosts: tuple[str, ...] = Field(
        (),
        strict=False,
        max_length=50,
        description="hosts, addresses or networks that alerts, models and exchanges may be called at although they are near by, "
        'speak no TLS or are not the provider\'s own: ["127.0.0.1", "192.168.1.0/24", "mail.lan"]',
    )

    @field_validator("allow_hosts")
    @classmethod
    def _hosts(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for host in hosts:
            try:
                net = ipaddress.ip_network(host.strip("[]"))
            except ValueError:
                if not _NAME.fullmatch(host) or "/" in host:
                    raise ValueError(
                        f"{host!r} is no host: a name, an address or a network, without https://"
                    ) from None
                continue
            if net.prefixlen < (8 if net.version == 4 else 32):
                raise ValueError(f"{host} is half the Internet: name the hosts you mean")
        return hosts


def check_addresses(config: Config, source: str = "config.toml") -> None:
    """ConfigError for the first address that would not be called, with the line that allows it."""
    rules = Rules(config.network.allow_hosts)
    for key, schemes in (("run.base_url", ("https",)), ("run.ws_url", ("wss",))):
        url = _value(config, key)
        if url:
            _judge(rules.with_sandbox(url), key, url, schemes, source)
    for key, own in PROVIDERS.items():
        host = _judge(rules, key, _value(config, key), ("https",), source)
        if host.lower().rstrip(".") != own and not rules.names(host):
            raise ConfigError(
                f"{source}: {key} is at {host}, and what is sent there holds a secret that is {own}'s: if you want that, "
                f'write [network] allow_hosts = ["{host}"]'
            )


def _judge(rules: Rules, key: str, url: str, schemes: tuple[str, ...], source: str) -> str:
    try:
        return rules.judge(url, schemes)[0]
    except Forbidden as error:
        raise ConfigError(f"{source}: {key}: {error}") from None


def _value(config: Config, key: str) -> str:
    section, _, name = key.partition(".")
    return str(getattr(getattr(config, section), name))
