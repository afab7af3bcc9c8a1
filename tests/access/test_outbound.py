"""Addresses that a person gave: none of them leads to a neighbour, however it is written and whatever a name server says."""

from __future__ import annotations

import logging
import os
import socket
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests

from engine.access import outbound, outbound_http
from engine.access.outbound import Forbidden, Rules, current, permit
from engine.ai.client import Client
from engine.ai.prices import Price
from engine.alerts.channels import discord, email, slack, sms, telegram, webhook
from engine.alerts.message import Message
from engine.config.alerts import AlertsSection
from engine.config.errors import ConfigError
from engine.config.network import check_addresses
from engine.config.reading import parse
from engine.market.feeds import coinbase
from engine.market.feeds._socket import StreamFeed
from engine.market.pace import pace_of
from engine.market.venue import Venue, VenueError
from engine.runtime.ping import Ping

METADATA = "169.254.169.254"
NEAR = """
127.0.0.1 127.0.0.2 127.255.255.254 127.1 127.0.1 2130706433 0x7f000001 0x7f.0.0.1 0x7f.1 017700000001 0177.0.0.1 0177.1
127.0.0.1. 0.0.0.0 0 0x0 0.0.0.1 localhost LOCALHOST localhost. a.localhost localhost.localdomain 10.0.0.1 10.255.255.255
172.16.0.1
172.31.255.255 192.168.0.1 192.168.1.254 169.254.169.254 169.254.0.1 2852039166 0xa9fea9fe 0251.0376.0251.0376 100.64.0.1
100.127.255.255 100.100.100.200 192.0.0.192 198.18.0.1 192.0.2.1 203.0.113.7 224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255
[::1] [::] [::ffff:127.0.0.1] [::ffff:7f00:1] [0:0:0:0:0:ffff:a9fe:a9fe] [::127.0.0.1] [64:ff9b::7f00:1] [64:ff9b::a9fe:a9fe]
[64:ff9b:1::1] [2002:7f00:1::1] [2001::1] [fe80::1] [fe80::1%25eth0] [fc00::1] [fd00:ec2::254] [fec0::1] [ff02::1] [2001:db8::1]
""".split()
"""Hosts as an attacker writes them."""
TRICKS = (
    "http://1.1.1.1/", "ftp://1.1.1.1/", "file:///etc/passwd", "gopher://1.1.1.1/", "//1.1.1.1/", "https:///", "https://",
    "https://1.1.1.1@127.0.0.1/", "https://1.1.1.1:443@10.0.0.1/", "https://127.0.0.1#@1.1.1.1/", "https://127.0.0.1?@1.1.1.1/",
    "https://1.1.1.1\\@127.0.0.1/", "https://127.0.0.1\t.example/", "https://exam\nple.com/", "https://127。0。0。1/", "https://①②⑦.0.0.1/",
    "https://ⓛocalhost/", "https://%31%32%37.0.0.1/", "https://1.1.1.1@127.0.0.1%2f/", "https://1.1.1.1:99999/", "https://[::1/",
    "https://a..b/", "https://-a.example/", "https://" + "a" * 3000, "javascript:alert(1)", "https://[v1.::1]/", "https://*.example/",
)  # fmt: skip


class Sink(ThreadingHTTPServer):
    """A server on this machine that must not be reached, or redirects to what must not."""

    daemon_threads = True

    def __init__(self, to: str = "") -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.to, self.paths, self.reached = to, list[str](), 0

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def verify_request(self, request: Any, client_address: Any) -> bool:
        self.reached += 1
        return True


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server: Any = self.server
        server.paths.append(self.path)
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(302 if server.to else 200)
        self.send_header("Location", server.to)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_POST = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        pass


def serving(server: Sink) -> Iterator[Sink]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.fixture
def sink() -> Iterator[Sink]:
    yield from serving(Sink())


@pytest.fixture(autouse=True)
def _as_a_start_is() -> Iterator[None]:
    permit(())
    yield
    permit(())


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every address that this process would connect to; nothing leaves."""
    found: list[Any] = []

    def refused(self: socket.socket, address: Any) -> None:
        found.append(address)
        raise ConnectionRefusedError("not in a test")

    monkeypatch.setattr(socket.socket, "connect", refused)
    return found


def answers(*addresses: str) -> Any:
    """A resolver that answers with these, a further one at each question."""
    left = list(addresses)

    def resolve(host: str, port: int, **_: Any) -> list[Any]:
        address = left.pop(0) if len(left) > 1 else left[0]
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [(family, socket.SOCK_STREAM, 6, "", (address, port))]

    return resolve


def test_sixty_ways_to_write_a_neighbour_reach_nobody(connected: list[Any]) -> None:
    assert len(NEAR) + len(TRICKS) > 60
    for url in (*(f"https://{host}/x" for host in NEAR), *(f"https://{host}:8443/" for host in NEAR), *TRICKS):
        with pytest.raises(Forbidden):
            current().judge(url)
        with pytest.raises((Forbidden, requests.RequestException)), outbound_http.session(1.0) as session:
            session.get(url, timeout=0.5)
    for host in NEAR:
        with pytest.raises((Forbidden, socket.gaierror)):
            current().connect(host, 443, 0.5)
    assert {host for host, *_ in connected} <= {"1.1.1.1"}, "requests reads two of the tricks as a stranger's address"


@pytest.mark.parametrize("address", ["127.0.0.1", METADATA, "10.1.2.3", "fd00::1", "::ffff:10.0.0.1", "64:ff9b::a00:1"])
def test_a_name_that_means_a_neighbour_is_not_called(address: str, connected: list[Any]) -> None:
    rules = Rules(resolve=answers(address))
    with pytest.raises(Forbidden, match=r"allow_hosts = \[\"hooks.example\"\]"):
        rules.connect("hooks.example", 443, 0.5)
    assert connected == []


def test_a_name_with_one_good_and_one_bad_address_is_not_called(connected: list[Any]) -> None:
    both = [*answers("1.1.1.1")("x", 443), *answers("10.0.0.1")("x", 443)]
    with pytest.raises(Forbidden, match="private network"):
        Rules(resolve=lambda *_, **__: both).connect("hooks.example", 443, 0.5)
    assert connected == []


def test_a_name_that_changes_its_mind_is_asked_once_and_called_where_it_was_judged(connected: list[Any]) -> None:
    rules = Rules(resolve=answers("1.1.1.1", "127.0.0.1"))
    with pytest.raises(requests.ConnectionError), outbound_http.session(1.0, rules) as session:
        session.get("https://rebinding.example/", timeout=0.5)
    assert connected == [("1.1.1.1", 443)]
    with pytest.raises(Forbidden), outbound_http.session(1.0, rules) as session:
        session.get("https://rebinding.example/", timeout=0.5)
    assert connected == [("1.1.1.1", 443)]


def test_nobody_is_followed_to_the_metadata(sink: Sink) -> None:
    rules = Rules(("127.0.0.1",))
    for server in serving(Sink(f"http://127.0.0.1:{sink.port}/latest/meta-data/")):
        url = f"http://127.0.0.1:{server.port}/"
        with outbound_http.session(60.0, rules) as session:
            assert session.get(url, timeout=30, allow_redirects=False).status_code == 302
            assert session.get(url, timeout=30, allow_redirects=True).status_code == 302
        with pytest.raises(VenueError):
            Venue("coinbase", url, tries=1).call("fetch_time")
        assert pace_of(url) == 1.0
        assert len(server.paths) >= 4
    assert sink.reached == 0


def test_what_is_allowed_is_called_and_said_once(sink: Sink, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "evenkeel.outbound"):
        permit(("127.0.0.1",))
        for _ in range(3):
            with outbound_http.session(60.0) as session:
                assert session.get(f"http://127.0.0.1:{sink.port}/", timeout=30).status_code == 200
    assert [record.getMessage() for record in caplog.records] == [
        "127.0.0.1 is this machine; it is called because [network] allow_hosts names it"
    ]


def test_an_allowed_name_may_be_near_but_never_the_metadata(connected: list[Any]) -> None:
    for address, taken in (
        ("192.168.1.9", True),
        ("127.0.0.1", True),
        ("100.64.1.1", True),
        (METADATA, False),
        ("224.0.0.1", False),
    ):
        rules = Rules(("box.lan",), answers(address))
        with pytest.raises(ConnectionRefusedError if taken else Forbidden):
            rules.connect("box.lan", 80, 0.5)
    assert METADATA not in {host for host, _ in connected}
    with pytest.raises(ConnectionRefusedError):
        Rules(("192.168.0.0/16",), answers("192.168.7.7")).connect("any.example", 443, 0.5)


def test_a_server_that_speaks_a_byte_at_a_time_is_cut_off() -> None:
    """Whatever is read, head or body: the end comes from a watch of its own."""
    listening = socket.create_server(("127.0.0.1", 0))
    cut = threading.Event()

    def drip() -> None:
        client, _ = listening.accept()
        with client:
            client.settimeout(20)
            client.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            while client.recv(4096):
                pass
            cut.set()

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    with pytest.raises(requests.RequestException), outbound_http.session(0.2, Rules(("127.0.0.1",))) as session:
        session.get(f"http://127.0.0.1:{listening.getsockname()[1]}/", timeout=30)
    assert cut.wait(20)
    listening.close()


# ---- every address of ours --------------------------------------------------------------------------------------------------
MESSAGE = Message(1, 1_767_312_000_000, "info", "trade", "title")


def channels(url: str, port: int) -> list[Any]:
    settings = AlertsSection(
        telegram_url=url, telegram_chat="1", sms_url=url, sms_from="a", sms_to="+491511234567", email_host="127.0.0.1",
        email_port=port, email_from="a@b", email_to=("c@d",), email_security="none",
    )  # fmt: skip
    env = {
        webhook.URL: url, webhook.SECRET: "s", slack.WEBHOOK: url, discord.WEBHOOK: url, telegram.TOKEN: "1:x",
        sms.ACCOUNT: "a", sms.TOKEN: "t",
    }  # fmt: skip
    return [room.Channel(settings, env) for room in (webhook, slack, discord, telegram, sms, email)]


def test_no_channel_no_model_no_ping_and_no_feed_calls_a_neighbour(sink: Sink) -> None:
    for url in (
        f"http://127.0.0.1:{sink.port}/x",
        f"https://127.0.0.1:{sink.port}/x",
        f"https://[::ffff:127.0.0.1]:{sink.port}/x",
    ):
        for channel in channels(url, sink.port):
            receipt = channel.send(MESSAGE)
            assert receipt.outcome != "sent", channel.name
            assert "allow_hosts" in receipt.words, channel.name
        reply = Client(url, 1.0).complete("m", [{"role": "user", "content": "x"}], 50, Price(0, 0), 1.0)
        assert (reply.outcome, reply.charged) == ("refused", False)
        assert "allow_hosts" in reply.error
        with pytest.raises(ValueError, match="allow_hosts"):
            Client(url, 1.0).prices()
        ping = Ping(parse("[[slots]]\n"), lambda: True, url)
        ping._call()
        assert ping.vitals() == {"pings": 0, "pings_failed": 1}
    near = f"http://127.0.0.2:{sink.port}"
    with pytest.raises(VenueError, match="allow_hosts"):
        Venue("coinbase", near, tries=1).call("fetch_time")
    assert pace_of(near) == 1.0
    feed = StreamFeed(coinbase, {}, lambda event: None, f"ws://127.0.0.2:{sink.port}/")  # type: ignore[arg-type]
    with pytest.raises(Forbidden, match="allow_hosts"):
        feed._session()
    assert sink.reached == 0


def test_a_stream_elsewhere_is_encrypted_and_its_server_known(monkeypatch: pytest.MonkeyPatch) -> None:
    from engine.market.feeds import _socket

    with pytest.raises(Forbidden, match="over wss:// only"):
        _socket.dial("ws://stream.example/", 1.0)
    here, there = socket.socketpair()
    monkeypatch.setattr(Rules, "connect", lambda *_: here)
    threading.Thread(target=lambda: (there.recv(1), there.close()), daemon=True).start()
    with pytest.raises((ssl.SSLError, ConnectionError)):
        _socket.dial("wss://stream.example/", 1.0)
    assert here.fileno() == -1, "the socket stays open"


# ---- the configuration ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ('[ai]\nbase_url = "http://openrouter.ai/api/v1"', "over https:// only"),
        ('[ai]\nbase_url = "https://openrouter.ai.evil.example/v1"', "holds a secret that is openrouter.ai's"),
        ('[ai]\nbase_url = "http://127.0.0.1:11434/v1"', 'allow_hosts = ["127.0.0.1"]'),
        ('[alerts]\ntelegram_url = "https://telegram.example"', "api.telegram.org"),
        ('[alerts]\nsms_url = "https://169.254.169.254"', "cloud's metadata"),
        ('[run]\nbase_url = "http://10.0.0.7:8080"', 'allow_hosts = ["10.0.0.7"]'),
        ('[run]\nbase_url = "https://user@[fd00::1]/"', "private"),
        ('[run]\nws_url = "ws://exchange.example/"', "over wss:// only"),
    ],
)  # fmt: skip
def test_a_configuration_that_would_call_them_is_refused_with_the_remedy(lines: str, words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        check_addresses(parse(f"{lines}\n[[slots]]\n"))
    assert words in str(refused.value)


def test_a_sandbox_and_what_is_allowed_stand_in_a_configuration() -> None:
    check_addresses(parse('[run]\nbase_url = "http://127.0.0.1:8765"\nws_url = "ws://localhost:8765/"\n[[slots]]\n'))
    both = '[ai]\nbase_url = "http://127.0.0.1:11434/v1"\n[network]\nallow_hosts = ["127.0.0.1"]\n[[slots]]\n'
    check_addresses(parse(both))
    check_addresses(parse("[[slots]]\n"))
    for bad in ("0.0.0.0/0", "::/0", "https://a.example", "*.lan", ""):
        with pytest.raises(ConfigError, match=r"network\.allow_hosts|allow_hosts"):
            parse(f'[network]\nallow_hosts = ["{bad}"]\n[[slots]]\n')


def test_an_edit_alone_lets_nobody_in() -> None:
    from engine.config.diff import changes, effective

    running, wanted = parse("[[slots]]\n"), parse('[network]\nallow_hosts = ["127.0.0.1"]\n[[slots]]\n')
    assert [change.when for change in changes(running, wanted)] == ["restart"]
    assert effective(running, wanted).network.allow_hosts == ()


def test_the_words_hold_no_more_of_an_address_than_its_host() -> None:
    secret = "s3cr3t-canary"
    for url in (f"https://u:{secret}@10.0.0.1/{secret}?k={secret}", f"ftp://h/{secret}", f"https://a b/{secret}"):
        with pytest.raises(Forbidden) as refused:
            current().judge(url)
        assert secret not in str(refused.value)


def test_a_proxy_of_the_environment_is_asked_only_for_what_may_be_called(
    monkeypatch: pytest.MonkeyPatch, connected: list[Any]
) -> None:
    monkeypatch.setitem(os.environ, "https_proxy", "http://127.0.0.1:9")
    proxies = outbound_http.proxies("https://10.0.0.1/")
    assert proxies["https"] == "http://127.0.0.1:9"
    with pytest.raises(Forbidden), outbound_http.session(1.0) as session:
        session.get("https://10.0.0.1/", timeout=0.5, proxies=proxies)
    assert connected == []


def test_the_good_are_called() -> None:
    for address in (
        "1.1.1.1",
        "8.8.8.8",
        "93.184.216.34",
        "2606:4700:4700::1111",
        "172.32.0.1",
        "100.128.0.1",
        "169.253.1.1",
    ):
        import ipaddress

        assert outbound.trouble_of(ipaddress.ip_address(address)) == "", address
    assert current().judge("https://hooks.slack.com/services/T/B/x") == ("hooks.slack.com", 443, "https")
