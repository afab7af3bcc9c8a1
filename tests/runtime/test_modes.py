"""Paper never touches an account, whatever keys lie about; live opens one only with a key that can do no more than trade."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from db.models import Run
from engine.config.errors import ConfigError
from engine.runtime.session import RunNameTaken, _refuse_another_kind
from engine.venues import adapters
from engine.venues.key_lock import KeyInUse, key_lock
from engine.venues.opening import open_port, venues
from engine.venues.port import Clock, Permissions, Unknown
from tests.crash.proofs import prove
from tests.crash.session import Market, market
from tests.house.test_going_live import KEYS, LIVE, config
from tests.runtime.processes import Living, at_binance, stopped

SECRET = "c2VjcmV0LW9mLWEtcGVyc29u"
SPY = """
import os, sys
out = os.open(os.environ["SPY"], os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
seen = set()


def hear(event, args):
    if event == "socket.connect":
        words = repr(args[1])
    elif event == "http.client.send":
        words = repr(bytes(args[1]))
    elif event == "import" and args[0].startswith("engine.venues"):
        words = args[0]
    else:
        return
    if (event, words) not in seen:
        seen.add((event, words))
        os.write(out, (event + " " + words + chr(10)).encode())


sys.addaudithook(hear)
"""
SIGNED = ("authorization", "cb-access", "x-mbx-apikey", "signature=", "bearer")


class Spied(Living):
    """With live keys in its environment, and every address, request and import of it written down."""

    def environment(self, kill_at: str = "") -> dict[str, str]:
        keys = {
            name: SECRET
            for venue in venues()
            for name in (f"EVENKEEL_{venue.upper()}_KEY", f"EVENKEEL_{venue.upper()}_SECRET")
        }
        return {**super().environment(kill_at), **keys, "PYTHONPATH": str(self.folder), "SPY": str(self.folder / "spy")}


@pytest.fixture
def place() -> Iterator[Market]:
    with market(10 * 60 + 30) as served:
        yield served


@pytest.mark.parametrize("exchange", ["binance", pytest.param("coinbase", marks=pytest.mark.long)])
def test_a_paper_run_with_live_keys_trades_and_signs_nothing(
    exchange: str, tmp_path: Path, place: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the exchange's own stream it buys and sells, and its tape, second for second the market's, replays to the same."""
    monkeypatch.setenv("EVENKEEL_HOME", str(tmp_path / "data" / "my"))
    engine = Spied(tmp_path / "data", place)
    engine.prepare()
    if exchange == "binance":
        at_binance(engine)
    (engine.folder / "sitecustomize.py").write_text(SPY)
    with engine.running() as process:
        engine.until_end(process)
        assert stopped(process) == 0, engine.last_words()
    counts = prove(engine.folder, place.truth())
    assert counts["trades"] >= 1, "it bought and sold"
    assert engine.row("SELECT exchange FROM run WHERE name = 'crash'") == (exchange,)
    heard = (engine.folder / "spy").read_text().splitlines()
    sent = [line for line in heard if line.startswith("http.client.send")]
    assert len(sent) >= 3, "it asked for candles and products at least"
    assert not [line for line in sent if any(word in line.lower() for word in SIGNED) or SECRET in line]
    addresses = [line for line in heard if line.startswith("socket.connect") and "'127.0.0.1'" not in line]
    assert not [line for line in addresses if "(" in line.partition(" ")[2]], "it spoke to somebody else"
    rooms = {line.partition(" ")[2] for line in heard if line.startswith("import")}
    assert "engine.venues.opening" in rooms
    assert not [room for room in rooms if room.startswith("engine.venues.adapters")]
    kept = [path for path in engine.folder.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
    assert kept == []


class Account:
    """A port that says what its key may do, and remembers being closed."""

    native_stop = ""

    def __init__(self, rights: Permissions | Unknown) -> None:
        self.rights, self.closed, self.synced = rights, False, False

    def permissions(self) -> Permissions | Unknown:
        assert self.synced, "a machine whose clock is off cannot sign this question"
        return self.rights

    def sync(self) -> Clock | Unknown:
        self.synced = True
        return Unknown("timeout")

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize(
    ("rights", "refused"),
    [
        (Permissions(withdraw=False, trade=True, ip_bound=True), ""),
        (Permissions(withdraw=False, trade=True, ip_bound=False), ""),
        (Permissions(withdraw=None, trade=None, ip_bound=None), ""),
        (Unknown("timeout"), ""),
        (Permissions(withdraw=True, trade=True, ip_bound=True), "may withdraw"),
        (Permissions(withdraw=False, trade=False, ip_bound=None), "may not trade"),
    ],
)
def test_a_key_that_can_do_more_than_trade_is_refused(
    rights: Permissions | Unknown, refused: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = Account(rights)
    monkeypatch.setattr(adapters, "make", lambda *args, **options: account)
    if not refused:
        assert open_port(config(LIVE), KEYS) is account
        return
    with pytest.raises(ConfigError, match=refused):
        open_port(config(LIVE), KEYS)
    assert account.closed


@pytest.mark.parametrize("mode", ["paper", "dry"])
def test_nothing_is_made_in_another_mode(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapters, "make", lambda *args, **options: pytest.fail("a private client was made"))
    assert open_port(config(LIVE, mode=mode), KEYS) is None


def test_an_exchange_without_an_adapter_is_refused() -> None:
    keys = {name.replace("COINBASE", "KRAKEN"): value for name, value in KEYS.items()}
    with pytest.raises(ConfigError, match="real orders can go to binance or coinbase; kraken can be traded on paper"):
        open_port(
            config(LIVE, more="", mode="live").model_copy(
                update={"run": config(LIVE).run.model_copy(update={"exchange": "kraken"})}
            ),
            keys,
        )


def test_one_engine_a_key() -> None:
    with (
        key_lock("a", "b"),
        key_lock("a", "other"),
        pytest.raises(KeyInUse, match="another engine"),
        key_lock("a", "b"),
    ):
        pytest.fail("two have it")
    with key_lock("a", "b"):
        pass


@pytest.mark.parametrize(
    ("kind", "mode", "words"),
    [
        ("paper", "paper", ""), ("paper", "dry", ""), ("live", "live", ""),
        ("paper", "live", "has traded on paper"), ("live", "paper", "looked after by nobody"),
        ("live", "dry", "looked after by nobody"), ("backtest", "paper", "a backtest"), ("imported", "live", "imported"),
    ],
)  # fmt: skip
def test_a_run_stays_what_it_is(kind: str, mode: str, words: str) -> None:
    run = Run(name="x", kind=kind, status="stopped", cash_start=1.0, created_ts=1)
    if not words:
        _refuse_another_kind(run, mode)
        return
    with pytest.raises(RunNameTaken, match=words) as refused:
        _refuse_another_kind(run, mode)
    assert refused.value.exit_code == 78
