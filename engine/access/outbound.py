"""Whom this program may call at an address that a person gave: webhooks, mail servers, models, exchanges elsewhere.

An address may name a neighbour that trusts this machine (a router, a database, a cloud's metadata), or come to name one between
a check and a call. So a name is resolved once, every address it has is judged, and the connection goes to one of those. What
[network] allow_hosts names is reached all the same, and said in the log. Nothing here knows HTTP; that is outbound_http's.
"""

from __future__ import annotations

import ipaddress
import logging
import re
import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, urlsplit

log = logging.getLogger("evenkeel.outbound")
LONGEST = 2048
MOST_ADDRESSES = 16
LOCAL = ("127.0.0.1", "localhost", "::1")
ENCRYPTED = ("https", "wss")
_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_CARRIER = ipaddress.ip_network("100.64.0.0/10")
_EMBEDDING = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("::/96"))
"""IPv6 whose last 32 bits are an IPv4 address: NAT64, and the old compatible form."""
_NEVER_V6 = tuple(
    ipaddress.IPv6Network(net) for net in ("2002::/16", "2001::/23", "64:ff9b:1::/48", "fec0::/10", "5f00::/16")
)
"""Tunnels into somewhere else, and ranges that are no host's."""
_NEVER_V4 = tuple(
    ipaddress.IPv4Network(net)
    for net in (
        "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
    )
)  # fmt: skip
"""The same of IPv4; the library's own list depends on Python's version (192.0.0.192 is a cloud's metadata)."""
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[..., Sequence[Any]]


class Forbidden(ValueError):
    """This address is not called; the words say why and what a person can do. They hold the host alone: the rest of an
    address may be a secret."""


@dataclass(frozen=True)
class Rules:
    """`allow`: hosts, addresses or networks ("192.168.1.0/24") that may be called although they are near by, and without TLS.
    `resolve` is socket.getaddrinfo; `sandbox` the host that is in `allow` for being one."""

    allow: tuple[str, ...] = ()
    resolve: Resolve = socket.getaddrinfo
    sandbox: str = ""
    _told: set[str] = field(default_factory=set, compare=False, repr=False)

    def judge(self, url: str, schemes: Sequence[str] = ENCRYPTED) -> tuple[str, int, str]:
        """(host, port, scheme) of an address, looked at alone: nothing is resolved. Forbidden where it must not be called.
        Beside `schemes` their plain forms are taken for allowed hosts."""
        parts = _parts(url)
        scheme, host = parts.scheme.lower(), parts.hostname or ""
        plain = {"https": "http", "wss": "ws"}
        if scheme not in (*schemes, *(plain[one] for one in schemes)):
            raise Forbidden(f"the address must begin with {schemes[0]}://")
        literal = _literal(host)
        if literal is not None:
            self._check(host, literal)
        elif not all(map(_NAME.fullmatch, host.rstrip(".").split("."))) or _numeric(host):
            raise Forbidden(f"{host[:80]!r} is no host's name: write the name, or the address as 192.0.2.1")
        elif _is_here(host) and not self.names(host):
            raise Forbidden(f"{host} is this machine: {_remedy(host)}")
        if scheme not in schemes and not self._may(host, literal):
            raise Forbidden(f"{host} is called over {schemes[0]}:// only; or {_remedy(host)}")
        return host, parts.port or {"https": 443, "wss": 443}.get(scheme, 80), scheme

    def addresses(self, host: str, port: int) -> list[tuple[int, Any]]:
        """(family, socket address) of every address the host has, resolved once. Forbidden when one of them must not be
        called: a name that means two places is trusted in neither. OSError where the name is not known."""
        found = self.resolve(host, port, type=socket.SOCK_STREAM)[:MOST_ADDRESSES]
        for _, _, _, _, address in found:
            literal = _literal(str(address[0]))
            if literal is None:
                raise Forbidden(f"{host} has an address that is none")
            self._check(host, literal)
        if not found:
            raise OSError(f"{host} has no address")
        return [(family, address) for family, _, _, _, address in found]

    def connect(self, host: str, port: int, timeout: float | None, options: Iterable[Any] = ()) -> socket.socket:
        """A TCP connection to one of the addresses that were judged. Forbidden, or OSError where nobody answers."""
        trouble: OSError = OSError(f"{host} has no address")
        for family, address in self.addresses(host.strip("[]"), port):
            made = socket.socket(family, socket.SOCK_STREAM)
            try:
                for option in options:
                    made.setsockopt(*option)
                made.settimeout(timeout)
                made.connect(address)
            except OSError as error:
                made.close()
                trouble = error
                continue
            return made
        raise trouble

    def names(self, host: str) -> bool:
        """Whether `allow` holds this host by its own name."""
        return host.lower().rstrip(".") in {one.lower().strip("[]").rstrip(".") for one in self.allow}

    def with_sandbox(self, url: str) -> Rules:
        """These rules, and this machine where `url` names it outright: an exchange there is a sandbox."""
        try:
            host = _parts(url).hostname or ""
        except Forbidden:
            return self
        return Rules((*self.allow, host), self.resolve, host, self._told) if host in LOCAL else self

    def _may(self, host: str, literal: Address | None) -> bool:
        if self.names(host):
            return True
        return literal is not None and any(literal in net for net in _networks(self.allow))

    def _check(self, host: str, literal: Address) -> None:
        why = trouble_of(literal)
        if not why:
            return
        where = f"{host} is" if _literal(host) is not None else f"{host} is at {literal},"
        if self._may(str(literal), literal) or (self.names(host) and why in _NEAR):
            self._tell(host, f"{where} {why}")
            return
        raise Forbidden(f"{where} {why}: {_remedy(host)}")

    def _tell(self, host: str, words: str) -> None:
        if host not in self._told and host != self.sandbox:
            self._told.add(host)
            log.warning("%s; it is called because [network] allow_hosts names it", words)


_LOOP, _PRIVATE, _SHARED = "this machine", "in a private network", "in a provider's shared network"
_NEAR = (_LOOP, _PRIVATE, _SHARED)
"""What a name that is allowed may mean. Anything worse must be allowed by its address."""


def trouble_of(address: Address) -> str:
    """Why an address must not be called, in words; empty for one of the open Internet."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = _inside(address)
        if inner is not None:
            return trouble_of(inner)
        if any(address in net for net in _NEVER_V6):
            return "a tunnel to somewhere else"
    elif any(address in net for net in _NEVER_V4):
        return "an address for special purposes"
    if address.is_loopback:
        return _LOOP
    if address.is_link_local:
        return "an address of the local link (a cloud's metadata lives there)"
    if address.is_multicast:
        return "a multicast address"
    if address.is_unspecified or (isinstance(address, ipaddress.IPv4Address) and address.packed[0] == 0):
        return "no host's address"
    if isinstance(address, ipaddress.IPv4Address) and address in _CARRIER:
        return _SHARED
    if address.is_reserved:
        return "a reserved address"
    if address.is_private:
        return _PRIVATE
    return "" if address.is_global else "an address for special purposes"


def _inside(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 one stands for."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if int(address) > 1 and any(address in net for net in _EMBEDDING):
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return None


def _parts(url: str) -> SplitResult:
    """The address taken apart. Forbidden where programs might read it in two ways."""
    if len(url) > LONGEST or not url.isascii() or not url.isprintable() or any(mark in url for mark in " \\<>\"'`{}|^"):
        raise Forbidden("the address holds characters that no address has, or is too long: copy it again")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise Forbidden("the address is none: copy it again") from None
    if not parts.hostname or "%" in parts.netloc.rpartition("@")[2]:
        raise Forbidden("the address names no host: copy it again")
    return parts


def _literal(host: str) -> Address | None:
    """The address that a host is written as; None for a name."""
    try:
        return ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None


def _numeric(host: str) -> bool:
    """Whether old resolvers take the host for a number: 127.1, 2130706433, 0x7f.1, 0177.0.0.1."""
    return re.fullmatch(r"(0[xX][0-9a-fA-F]*|\d+)", host.rstrip(".").rpartition(".")[2]) is not None


def _is_here(host: str) -> bool:
    name = host.lower().rstrip(".")
    return name == "localhost" or name.endswith((".localhost", ".localdomain"))


def _networks(allow: Iterable[str]) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    found = []
    for one in allow:
        try:
            found.append(ipaddress.ip_network(one.strip("[]")))
        except ValueError:
            continue
    return found


def _remedy(host: str) -> str:
    return f'it is not called. If you want that, name it in config.toml: [network] allow_hosts = ["{host}"]'


_rules = Rules()


def current() -> Rules:
    """The rules of this process."""
    return _rules


def permit(hosts: Iterable[str]) -> None:
    """Take the hosts of [network] allow_hosts for this process, once at its start; before that nobody near by is called."""
    global _rules
    _rules = Rules(tuple(hosts))
