"""Text messages, through an HTTP API like Twilio's."""

from __future__ import annotations

from collections.abc import Mapping

from engine.alerts import message
from engine.alerts.http import Unreached, judge, post
from engine.alerts.message import Message, Missing, Receipt, clip
from engine.config.alerts import AlertsSection

ACCOUNT, TOKEN = "EVENKEEL_SMS_ACCOUNT", "EVENKEEL_SMS_TOKEN"
LONGEST = 300
"""Characters: at most a few segments, each of which costs."""


class Channel(message.Channel):
    """One short message to one number."""

    name, title = "sms", "SMS"
    secrets_needed = (ACCOUNT, TOKEN)

    def __init__(self, settings: AlertsSection, env: Mapping[str, str]) -> None:
        super().__init__(settings, env)
        lacking = [name for name in ("sms_from", "sms_to") if not getattr(settings, name)]
        if lacking:
            raise Missing(f"set {' and '.join(lacking)} in [alerts]")

    def send(self, message: Message) -> Receipt:
        """The provider answers with the message's number, or with a code and words."""
        account = self.secret(ACCOUNT)
        url = f"{self.settings.sms_url.rstrip('/')}/2010-04-01/Accounts/{account}/Messages.json"
        form = {"To": self.settings.sms_to, "From": self.settings.sms_from, "Body": clip(message.text, LONGEST)}
        try:
            answer = post(url, self.settings.timeout_s, data=form, auth=(account, self.secret(TOKEN)))
        except Unreached as error:
            return Receipt("retry", self.mask(str(error)))
        told = answer.json
        code = f" (code {told['code']})" if "code" in told else ""
        said = f"{told['message']}{code}" if "message" in told else str(told.get("status", ""))
        found = judge(answer, good="sid" in told, said=said)
        return Receipt(found.outcome, self.mask(found.words), found.wait_s, found.broken)
