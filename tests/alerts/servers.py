"""Real servers on this machine that answer as the providers do: HTTP with a script of answers, SMTP with and without TLS."""

from __future__ import annotations

import base64
import json
import socket
import socketserver
import ssl
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass
class Asked:
    """One request as it came in."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body)


@dataclass
class Say:
    """One answer. `hang`: nothing is said until the server closes; `then` is called before the answer leaves."""

    status: int = 200
    body: str | bytes = ""
    headers: dict[str, str] = field(default_factory=dict)
    hang: bool = False


class Http:
    """Answers what `script` holds, then `usual` for ever; `asked` is what came."""

    def __init__(self, usual: Say) -> None:
        self.usual, self.script = usual, deque[Say]()
        self.asked: list[Asked] = []
        self.came = threading.Semaphore(0)
        self.closing = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                outer.asked.append(Asked(self.path, dict(self.headers.items()), body))
                outer.came.release()
                say = outer.script.popleft() if outer.script else outer.usual
                if say.hang:
                    outer.closing.wait(30)
                    self.close_connection = True
                    return
                out = say.body.encode() if isinstance(say.body, str) else say.body
                self.send_response(say.status)
                for name, value in say.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(out)))
                self.end_headers()
                self.wfile.write(out)

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def wait_for(self, count: int) -> None:
        """Until `count` more requests have come in."""
        for _ in range(count):
            assert self.came.acquire(timeout=20), "the request did not come"


@contextmanager
def http(usual: Say) -> Iterator[Http]:
    made = Http(usual)
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.closing.set()
        made.server.shutdown()
        made.server.server_close()
        thread.join(5)


def nobody() -> str:
    """An address at which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


class Smtp:
    """Speaks SMTP; `refuse` gives a line in place of the usual one after a command ("RCPT": "550 no such user")."""

    def __init__(self, certificate: tuple[Path, Path] | None, mode: str, login: tuple[str, str] | None) -> None:
        self.refuse: dict[str, str] = {}
        self.mails: list[str] = []
        self.encrypted: list[bool] = []
        self.login, self.mode = login, mode
        self.context: ssl.SSLContext | None = None
        if certificate:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*certificate)
        outer = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                try:
                    outer._serve(self.request)
                except (OSError, ssl.SSLError):
                    return

        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = int(self.server.server_address[1])

    def _serve(self, raw: socket.socket) -> None:
        raw.settimeout(20)
        if self.mode == "tls":
            assert self.context is not None
            raw = self.context.wrap_socket(raw, server_side=True)
        lines = raw.makefile("rb")

        def say(text: str) -> None:
            raw.sendall(text.encode() + b"\r\n")

        if self.mode == "hang":
            lines.readline()
            return
        say(self.refuse.get("HELLO", "220 here"))
        while line := lines.readline().decode().strip():
            word = line.upper().partition(" ")[0]
            if word in self.refuse:
                say(self.refuse[word])
            elif word == "EHLO":
                offers = ["STARTTLS"] if self.mode == "starttls" and not isinstance(raw, ssl.SSLSocket) else []
                offers += ["AUTH PLAIN"] if self.login else []
                every = ["here", *offers]
                raw.sendall(
                    "".join(f"250{'-' if i < len(every) - 1 else ' '}{o}\r\n" for i, o in enumerate(every)).encode()
                )
            elif word == "STARTTLS":
                say("220 go on")
                assert self.context is not None
                raw = self.context.wrap_socket(raw, server_side=True)
                lines = raw.makefile("rb")
            elif word == "AUTH":
                user, password = base64.b64decode(line.split()[2]).decode().split("\0")[1:]
                say("235 welcome" if (user, password) == self.login else "535 5.7.8 who are you")
            elif word == "DATA":
                say("354 go on")
                text = b""
                while not text.endswith(b"\r\n.\r\n"):
                    text += lines.readline()
                self.mails.append(text.decode())
                self.encrypted.append(isinstance(raw, ssl.SSLSocket))
                say("250 taken")
            elif word == "QUIT":
                say("221 bye")
                return
            else:
                say("250 ok")


@contextmanager
def smtp(
    certificate: tuple[Path, Path] | None = None, mode: str = "none", login: tuple[str, str] | None = None
) -> Iterator[Smtp]:
    made = Smtp(certificate, mode, login)
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.server.shutdown()
        made.server.server_close()
        thread.join(5)


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 and localhost that only those trust who are told to, and its key."""
    import datetime
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    begin = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(7)
        .not_valid_before(begin).not_valid_after(begin + datetime.timedelta(days=36_500)).add_extension(names, False)
        .add_extension(x509.BasicConstraints(True, 0), True).sign(key, hashes.SHA256())
    )  # fmt: skip
    file, private = folder / "cert.pem", folder / "key.pem"
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return file, private
