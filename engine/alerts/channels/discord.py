"""Discord, through a webhook and the package discord-webhook."""

from __future__ import annotations

import re

from discord_webhook import DiscordEmbed, DiscordWebhook

from engine.alerts import message
from engine.alerts.http import Answer, Unreached, judge, post
from engine.alerts.message import Message, Receipt, clip, one_line

WEBHOOK = "EVENKEEL_DISCORD_WEBHOOK"
COLOURS = {"info": "5b7083", "warning": "d08700", "critical": "c2410c"}


class Channel(message.Channel):
    """The webhook's address is the secret. Nobody is ever mentioned."""

    name, title = "discord", "Discord"
    secrets_needed = (WEBHOOK,)

    def send(self, message: Message) -> Receipt:
        """One embed, coloured by severity. The package's own waiting for a rate limit has no bound: ours has."""
        subject, _, rest = message.text.partition("\n")
        timeout = self.settings.timeout_s
        hook = DiscordWebhook(
            self.secret(WEBHOOK), allowed_mentions={"parse": []}, rate_limit_retry=False, timeout=timeout
        )
        hook.add_embed(
            DiscordEmbed(
                title=clip(escaped(one_line(subject)), 250), description=clip(escaped(rest), 4_000),
                color=COLOURS.get(message.severity, COLOURS["info"]),
            )
        )  # fmt: skip
        try:
            # the package's own call follows redirects, reads without end and asks any address
            got = post(self.secret(WEBHOOK), timeout, json=hook.json)
        except Unreached as error:
            return Receipt("retry", self.mask(str(error)))
        return self._receipt(got)

    def _receipt(self, answer: Answer) -> Receipt:
        told = answer.json
        wait = told.get("retry_after")
        said = str(told.get("message") or ("delivered" if "id" in told else ""))
        found = judge(
            answer, good=answer.status == 204 or "id" in told, said=said,
            wait_s=float(wait) if isinstance(wait, (int, float)) else None,
        )  # fmt: skip
        return Receipt(found.outcome, self.mask(found.words), found.wait_s, found.broken)


def escaped(text: str) -> str:
    """Markdown's own characters are shown, not obeyed; @ and # lead to nobody and nowhere."""
    shown = re.sub(r"([\\*_~`|>\[\]()#:-])", r"\\\1", text)
    return shown.replace("@", "@\u200b").replace("<", "<\u200b")
