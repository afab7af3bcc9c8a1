"""Slack, through an incoming webhook."""

from __future__ import annotations

from engine.alerts import message
from engine.alerts.http import Unreached, judge, post
from engine.alerts.message import Message, Receipt, clip

WEBHOOK = "EVENKEEL_SLACK_WEBHOOK"


class Channel(message.Channel):
    """The webhook's address is the secret; it says which workspace and which channel."""

    name, title = "slack", "Slack"
    secrets_needed = (WEBHOOK,)

    def send(self, message: Message) -> Receipt:
        """One message without mark-up. Slack answers "ok", or a word like invalid_token."""
        payload = {
            "text": escaped(clip(message.text, 3_500)),
            "mrkdwn": False,
            "unfurl_links": False,
            "unfurl_media": False,
        }
        try:
            answer = post(self.secret(WEBHOOK), self.settings.timeout_s, json=payload)
        except Unreached as error:
            return Receipt("retry", self.mask(str(error)))
        receipt = judge(answer, good=answer.text.strip() == "ok")
        return Receipt(receipt.outcome, self.mask(receipt.words), receipt.wait_s, receipt.broken)


def escaped(text: str) -> str:
    """What Slack asks for: without these three no <!channel>, no link and no entity comes out of data."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
