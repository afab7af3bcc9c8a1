"""Any server of one's own: a JSON object, signed."""

from __future__ import annotations

import hashlib
import hmac
import json

from engine.alerts import message
from engine.alerts.http import Unreached, judge, post
from engine.alerts.message import Message, Receipt

URL, SECRET = "EVENKEEL_WEBHOOK_URL", "EVENKEEL_WEBHOOK_SECRET"


class Channel(message.Channel):
    """`X-Evenkeel-Signature: sha256=HMAC(secret, "<timestamp>.<body>")`; the same id means the same alert."""

    name, title = "webhook", "Webhook"
    secrets_needed = (URL, SECRET)

    def send(self, message: Message) -> Receipt:
        """Any 2xx is a yes."""
        body = json.dumps(
            {
                "id": message.id, "ts": message.ts, "severity": message.severity, "kind": message.kind,
                "title": message.title, "body": message.body, "run": message.run, "demo": message.demo,
            },
            sort_keys=True,
        ).encode()  # fmt: skip
        headers = {
            "Content-Type": "application/json", "X-Evenkeel-Id": str(message.id), "X-Evenkeel-Timestamp": str(message.ts),
            "X-Evenkeel-Signature": f"sha256={signature(self.secret(SECRET), message.ts, body)}",
        }  # fmt: skip
        try:
            answer = post(self.secret(URL), self.settings.timeout_s, data=body, headers=headers)
        except Unreached as error:
            return Receipt("retry", self.mask(str(error)))
        found = judge(answer, good=True)
        return Receipt(found.outcome, self.mask(found.words), found.wait_s, found.broken)


def signature(secret: str, ts: int, body: bytes) -> str:
    """Hex of HMAC-SHA256 over timestamp, a dot and the body as sent."""
    return hmac.new(secret.encode(), str(ts).encode() + b"." + body, hashlib.sha256).hexdigest()
