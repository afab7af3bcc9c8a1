"""Telegram, through a bot. Listening to chats is telegram_bot's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.alerts import message
from engine.alerts.http import Answer, Unreached, judge, post
from engine.alerts.message import Message, Missing, Receipt, clip
from engine.config.alerts import AlertsSection

TOKEN = "EVENKEEL_TELEGRAM_TOKEN"
LONGEST = 4_000


class Channel(message.Channel):
    """Plain text to one chat: no mark-up is asked for, so none can come out of data."""

    name, title = "telegram", "Telegram"
    secrets_needed = (TOKEN,)

    def __init__(self, settings: AlertsSection, env: Mapping[str, str]) -> None:
        super().__init__(settings, env)
        if not settings.telegram_chat:
            raise Missing("set telegram_chat in [alerts]: the number of the chat that messages go to")

    def send(self, message: Message) -> Receipt:
        """One message, with a button to acknowledge it where that is wanted and commands are taken."""
        payload: dict[str, Any] = {
            "chat_id": self.settings.telegram_chat,
            "text": clip(message.text, LONGEST),
            "link_preview_options": {"is_disabled": True},
            "disable_notification": message.severity == "info",
        }
        if message.ask_ack and self.settings.telegram_commands:
            button = {"text": "Acknowledge", "callback_data": f"ack:{message.id}"}
            payload["reply_markup"] = {"inline_keyboard": [[button]]}
        try:
            answer = self.call("sendMessage", payload, self.settings.timeout_s)
        except Unreached as error:
            return Receipt("retry", self.mask(str(error)))
        return self.receipt(answer)

    def call(self, method: str, payload: Mapping[str, Any], timeout: float) -> Answer:
        """One call of the bot API. Unreached without an answer."""
        url = f"{self.settings.telegram_url.rstrip('/')}/bot{self.secret(TOKEN)}/{method}"
        return post(url, timeout, json=dict(payload))

    def receipt(self, answer: Answer) -> Receipt:
        """What the bot API's answer means."""
        told = answer.json
        parameters = told.get("parameters")
        wait = parameters.get("retry_after") if isinstance(parameters, dict) else None
        said = str(told.get("description") or ("delivered" if told.get("ok") is True else ""))
        found = judge(
            answer,
            good=told.get("ok") is True,
            said=said,
            wait_s=float(wait) if isinstance(wait, (int, float)) else None,
        )
        # 400 is Telegram's answer to a chat that is not there: the channel's fault, not the message's
        broken = found.broken or (found.outcome == "refused" and "chat" in said.lower())
        return Receipt(found.outcome, self.mask(found.words), found.wait_s, broken)
