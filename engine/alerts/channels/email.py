"""Mail, through an SMTP server with TLS. One attempt and what the server said to it; when to try again is the sender's."""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Mapping
from email.message import EmailMessage
from email.policy import SMTP as POLICY
from email.utils import formatdate

from engine.access.outbound import Forbidden, current
from engine.alerts import message
from engine.alerts.message import Message, Missing, Receipt, clip, one_line
from engine.config.alerts import AlertsSection

USER, PASSWORD = "EVENKEEL_SMTP_USER", "EVENKEEL_SMTP_PASSWORD"
HERE = ("localhost", "127.0.0.1", "::1")


class Channel(message.Channel):
    """One mail to all recipients. A server that wants no login needs no secrets."""

    name, title = "email", "E-mail"
    secrets_allowed = (USER, PASSWORD)

    def __init__(self, settings: AlertsSection, env: Mapping[str, str]) -> None:
        super().__init__(settings, env)
        wanted = {"email_host": settings.email_host, "email_from": settings.email_from, "email_to": settings.email_to}
        lacking = [name for name, value in wanted.items() if not value]
        if lacking:
            raise Missing(f"set {', '.join(lacking)} in [alerts]")
        if bool(self.env[USER]) != bool(self.env[PASSWORD]):
            raise Missing(f"set both {USER} and {PASSWORD} in my/.env, or neither")
        if settings.email_security == "none" and settings.email_host not in HERE:
            raise Missing("email_security none is for a mail server on this machine: use starttls or tls")

    def send(self, message: Message) -> Receipt:
        """Connect, log in, hand over, leave."""
        try:
            with self._open() as server:
                if self.env[USER]:
                    server.login(self.env[USER], self.env[PASSWORD])
                left_out = server.send_message(self._mail(message))
        except (OSError, Forbidden, UnicodeError) as error:  # smtplib's own errors are OSErrors
            return self._failed(error)
        words = f"taken by {self.settings.email_host}"
        return Receipt("sent", f"{words}, but not for {', '.join(sorted(left_out))}" if left_out else words)

    def _open(self) -> smtplib.SMTP:
        host, port, timeout = self.settings.email_host, self.settings.email_port, self.settings.timeout_s
        if self.settings.email_security == "tls":
            return _Encrypted(host, port, timeout=timeout, context=ssl.create_default_context())
        server = _Plain(host, port, timeout=timeout)
        if self.settings.email_security == "starttls":
            try:
                server.starttls(context=ssl.create_default_context())
            except BaseException:  # nobody else knows the connection yet
                server.close()
                raise
        return server

    def _mail(self, message: Message) -> EmailMessage:
        """The same Message-ID for each attempt, so that a mail box may know a second copy."""
        mail = EmailMessage(policy=POLICY)
        mail["Subject"] = clip(f"[Evenkeel] {one_line(message.subject)}", 180)
        mail["From"], mail["To"] = self.settings.email_from, ", ".join(self.settings.email_to)
        mail["Date"] = formatdate(message.ts / 1000 if message.ts > 0 else None)
        domain = self.settings.email_from.partition("@")[2]
        mail["Message-ID"] = f"<evenkeel.{message.id}.{message.ts}@{domain}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(clip(message.text, 100_000) + "\n", cte="quoted-printable")
        return mail

    def _failed(self, error: Exception) -> Receipt:
        if isinstance(error, Forbidden):
            return self._said(True, str(error), True)
        if isinstance(error, smtplib.SMTPRecipientsRefused):
            codes = {code for code, _ in error.recipients.values()}
            words = "; ".join(f"{who}: {code} {_text(said)}" for who, (code, said) in sorted(error.recipients.items()))
            return self._said(all(code >= 500 for code in codes), words)
        if isinstance(error, smtplib.SMTPResponseException):
            words = f"{error.smtp_code} {_text(error.smtp_error)}"
            login = isinstance(error, smtplib.SMTPAuthenticationError)
            return self._said(error.smtp_code >= 500, f"the login was refused: {words}" if login else words, login)
        if isinstance(error, smtplib.SMTPNotSupportedError):
            return self._said(True, f"{error} (email_security is {self.settings.email_security})", True)
        if isinstance(error, ssl.SSLError):
            return self._said(
                False, "no secure connection: the server's certificate is not trusted, or it speaks no TLS there"
            )
        return self._said(False, _reach(error, self.settings.timeout_s))

    def _said(self, final: bool, words: str, broken: bool = False) -> Receipt:
        return Receipt("refused" if final else "retry", self.mask(clip(one_line(words), 240)), broken=final and broken)


class _Plain(smtplib.SMTP):
    """Connects by the rules for addresses that a person gave."""

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return current().connect(host, port, timeout)


class _Encrypted(smtplib.SMTP_SSL):
    """The same, encrypted from the first byte."""

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return self.context.wrap_socket(current().connect(host, port, timeout), server_hostname=host)


def _text(said: object) -> str:
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)


def _reach(error: Exception, timeout: float) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {timeout:g} s"
    if isinstance(error, socket.gaierror):
        return "the mail server's name is not known: check email_host and the network"
    if isinstance(error, ConnectionRefusedError):
        return "the connection was refused: nothing listens at email_host and email_port"
    return f"the connection failed ({type(error).__name__})"
