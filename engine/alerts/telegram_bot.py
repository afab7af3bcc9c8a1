"""Listens to Telegram: chats that are on the list may look, pause, close, kill and acknowledge. Nothing that raises risk.

A command becomes a row in `command`, as the command line writes it; the engine answers there. An update that comes twice, or is
asked for again after a crash, is the same row. Off unless the configuration says otherwise.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable, Mapping
from typing import Any, cast

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from db.errors import StorageError
from db.queries import rows
from engine.alerts import outbox, summary
from engine.alerts.channels.telegram import TOKEN, Channel
from engine.alerts.http import Unreached
from engine.alerts.message import clip, one_line
from engine.config.alerts import AlertsSection
from engine.market.symbols import canonical_slot

log = logging.getLogger("evenkeel.alerts.telegram")

POLL_S = 25
FRESH_MS = 300_000
"""A command older than this is not obeyed: the market has moved on. /kill always is."""
ANSWER_S = 10.0
FIRST_WAIT_S, LONGEST_WAIT_S = 2.0, 60.0
DAY_MS = 86_400_000
LARGEST = 1 << 53
HELP = (
    "/status how the engine is\n/positions what is open\n/daily the last 24 hours\n/pause no new entries\n"
    "/close SLOT|SYMBOL|all close positions at the market\n/kill stop all trading\n"
    "Resume, release and everything that raises risk is done at the engine, not from here."
)


class TelegramBot:
    """A thread that asks for updates and waits long for an answer."""

    def __init__(
        self, channel: Any, settings: AlertsSection, engine: Engine, run_id: int,
        write: Callable[[outbox.Write], None], clock: Callable[[], int], kill: Callable[..., Any] = lambda who: None,
    ) -> None:  # fmt: skip
        self.channel = cast(Channel, channel)
        self.settings, self.engine, self.run_id, self.write, self.clock = settings, engine, run_id, write, clock
        self.kill = kill
        self.offset = 0
        self._bot = self.channel.secret(TOKEN).partition(":")[0]
        self._over = threading.Event()
        self._strangers: set[int] = set()
        self._thread = threading.Thread(target=self._run, name="alerts-telegram-in", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """No further update is taken; the question under way ends by itself."""
        self._over.set()

    def _run(self) -> None:
        wait = FIRST_WAIT_S
        while not self._over.is_set():
            try:
                self.offset = self.offset or outbox.cursor_of(self.engine, "telegram")
                pause = self.step(POLL_S)
                wait = FIRST_WAIT_S if pause == 0 else wait
            except (SQLAlchemyError, StorageError) as error:
                log.warning("Telegram waits until the database can be read: %s", type(error).__name__)
                pause = wait
            except Exception:  # our thread's edge: whatever a chat or the network does, it goes on
                log.exception("listening to Telegram failed")
                pause = wait
            if pause:
                self._over.wait(max(pause, wait))
                wait = min(wait * 2, LONGEST_WAIT_S)

    def step(self, poll_s: int) -> float:
        """Ask once and obey what came; seconds to wait before the next question, 0 when all went well."""
        question = {"offset": self.offset, "timeout": poll_s, "allowed_updates": ["message", "callback_query"]}
        try:
            answer = self.channel.call("getUpdates", question, poll_s + self.settings.timeout_s)
        except Unreached as why:
            log.info("Telegram was not reached: %s", self.channel.mask(str(why)))
            return FIRST_WAIT_S
        found = answer.json
        if found.get("ok") is not True:
            receipt = self.channel.receipt(answer)
            log.warning("Telegram does not let us listen: %s", receipt.words)
            return max(receipt.wait_s, FIRST_WAIT_S)
        for update in found.get("result") or []:
            if self._over.is_set():
                break
            self._take(update)
        return 0.0

    def _take(self, update: Any) -> None:
        """One update; it is behind us before it is obeyed twice."""
        number = update.get("update_id") if isinstance(update, dict) else None
        if not isinstance(number, int) or not self.offset <= number < LARGEST:
            return
        try:
            if isinstance(update.get("callback_query"), dict):
                self._button(update["callback_query"])
            elif isinstance(update.get("message"), dict):
                self._message(number, update["message"])
        except Exception:  # strangers choose its shape: asked for again and again, it would keep out all that follow
            log.exception("update %d could not be obeyed", number)
        self.offset = number + 1
        self.write(outbox.remember("telegram", self.offset))

    def _allowed(self, chat: Any) -> bool:
        number = chat.get("id") if isinstance(chat, dict) else None
        if number in self.settings.telegram_allowed:
            return True
        if isinstance(number, int) and number not in self._strangers:
            self._strangers.add(number)
            log.warning("chat %d is not in telegram_allowed: what it says is ignored", number)
        return False

    # ---- the acknowledge button --------------------------------------------------------------------------------------
    def _button(self, query: Mapping[str, Any]) -> None:
        message = query.get("message")
        if not self._allowed(message.get("chat") if isinstance(message, dict) else None):
            return
        word, _, number = str(query.get("data", "")).partition(":")
        known = word == "ack" and number.isdecimal() and len(number) < 16
        if known:
            self.write(outbox.acknowledge(int(number), "telegram", self.clock()))
        self._call(
            "answerCallbackQuery",
            {"callback_query_id": str(query.get("id")), "text": "Acknowledged" if known else "Unknown"},
        )

    # ---- words -------------------------------------------------------------------------------------------------------
    def _message(self, number: int, message: Mapping[str, Any]) -> None:
        if not self._allowed(message.get("chat")):
            return
        text = str(message.get("text", ""))
        if not text.startswith("/"):
            return
        word, _, rest = one_line(text).partition(" ")
        name = word[1:].partition("@")[0].lower()
        age = self.clock() - 1000 * int(message.get("date", 0))
        self._say(message["chat"]["id"], self._obey(number, name, rest.strip(), age))

    def _obey(self, number: int, name: str, rest: str, age_ms: int) -> str:
        if name in ("status", "positions", "daily"):
            return self._look(name)
        if name not in ("pause", "close", "kill"):
            return f"/{clip(name, 20)} is not possible from here.\n{HELP}" if name not in ("start", "help") else HELP
        if age_ms > FRESH_MS and name != "kill":
            return f"/{name} was sent {age_ms // 60_000} min ago and is too old: send it again if it still holds."
        if name == "close" and not rest:
            return "Say what: /close BTC/USD, /close sma_cross:BTC/USD or /close all"
        return self._command(number, name, {"slot": canonical_slot(rest)} if name == "close" else {})

    def _look(self, name: str) -> str:
        run = outbox.run_of(self.engine, self.run_id)
        if name == "status":
            return summary.standing(self.engine, run)
        if name == "positions":
            return summary.positions(self.engine, run)
        newest = rows(self.engine, "SELECT max(ts) AS ts FROM equity WHERE run_id = :run", {"run": self.run_id})[0][
            "ts"
        ]
        until = int(newest or self.clock())
        return summary.span_of(self.engine, run, until - DAY_MS, until)

    def _command(self, number: int, kind: str, args: Mapping[str, Any]) -> str:
        """The command's row, and the engine's answer to it. A kill acts before anything is written, and never twice."""
        key = str(uuid.uuid5(uuid.NAMESPACE_URL, f"evenkeel telegram {self._bot} {number}"))
        log.warning("command by Telegram: %s", kind)
        known = rows(self.engine, "SELECT state FROM command WHERE uuid = :uuid", {"uuid": key})
        if kind == "kill" and not known:
            self.kill("telegram")
        self.write(
            outbox.ask(
                {
                    "uuid": key, "run_id": self.run_id, "kind": kind, "args": dict(args), "source": "chat",
                    "created_ts": self.clock(), "state": "new",
                }
            )
        )  # fmt: skip
        for _ in range(int(ANSWER_S / 0.2)):
            found = rows(self.engine, "SELECT state, result FROM command WHERE uuid = :uuid", {"uuid": key})
            if found and found[0]["state"] != "new":
                return f"/{kind}: {found[0]['state']}. {found[0]['result'] or ''}".strip()
            if self._over.wait(0.2):
                break
        return f"/{kind} is written; the engine has not answered yet."

    def _say(self, chat: int, text: str) -> None:
        self._call(
            "sendMessage", {"chat_id": chat, "text": clip(text, 4_000), "link_preview_options": {"is_disabled": True}}
        )

    def _call(self, method: str, payload: Mapping[str, Any]) -> None:
        try:
            answer = self.channel.call(method, payload, self.settings.timeout_s)
        except Unreached as why:
            log.info("Telegram was not reached: %s", self.channel.mask(str(why)))
            return
        if answer.json.get("ok") is not True:
            log.info("Telegram refused %s: %s", method, self.channel.receipt(answer).words)
