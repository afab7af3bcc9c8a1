"""Unmodified ccxt of both exchanges over real sockets, on one server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ccxt
import pytest
import requests

from engine.cli.failures import Fail
from engine.cli.sandbox import parse_fault
from engine.sandbox.server import Sandbox, exchange_of
from engine.sandbox.trading.faults import KINDS, drawn
from tests.sandbox.reader import START


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox.running(seed=7, start=START, hold=True, balances={"USD": "5000", "USDT": "5000"}) as running:
        yield running


def clients(sandbox: Sandbox) -> tuple[Any, Any]:
    """ccxt's clients with nothing but address and key changed; Binance's asks for the exchange's time first."""
    coinbase, binance = sandbox.keys("coinbase")[0], sandbox.keys("binance")[0]
    first = ccxt.coinbase(
        {"apiKey": coinbase.name, "secret": coinbase.secret, "urls": {"api": {"rest": sandbox.rest_url}}}
    )
    roots = {
        "public": "/api/v3",
        "private": "/api/v3",
        "sapi": "/sapi/v1",
        "fapiPublic": "/fapi/v1",
        "dapiPublic": "/dapi/v1",
    }
    urls = {"api": {name: sandbox.rest_url + path for name, path in roots.items()}}
    options = {"adjustForTimeDifference": True}
    return first, ccxt.binance({"apiKey": binance.name, "secret": binance.secret, "urls": urls, "options": options})


@pytest.mark.parametrize("which", [0, 1])
def test_ccxt_buys_looks_up_and_cancels_over_the_network(sandbox: Sandbox, which: int) -> None:
    bot = clients(sandbox)[which]
    bot.load_markets()
    price = bot.fetch_ticker("BTC/USD")["ask"] if which == 0 else bot.fetch_bids_asks(["BTC/USD"])["BTC/USD"]["ask"]
    params = {"createMarketBuyOrderRequiresPrice": False} if which == 0 else {}
    bought = bot.create_order("BTC/USD", "market", "buy", 640 if which == 0 else 0.01, None, params)
    order = bot.fetch_order(bought["id"], "BTC/USD")
    assert (order["status"], order["average"]) == ("closed", price)
    (trade,) = bot.fetch_my_trades("BTC/USD")
    assert trade["order"] == bought["id"]
    resting = bot.create_order("BTC/USD", "limit", "buy", 0.001, round(price * 0.5, 2))
    assert [one["id"] for one in bot.fetch_open_orders("BTC/USD")] == [resting["id"]]
    bot.cancel_order(resting["id"], "BTC/USD")
    assert bot.fetch_open_orders("BTC/USD") == []
    balance = bot.fetch_balance({"v3": True} if which == 0 else {})
    assert balance["USD"]["used"] == 0
    assert balance["BTC"]["free"] == pytest.approx(order["filled"] * (1 if which == 0 else 0.999))


def test_faults_keys_and_the_truth_are_had_from_the_sandboxs_own_paths(sandbox: Sandbox) -> None:
    asked = [{"kind": "lost_answer", "what": "place", "how": "reset", "count": 1, "venue": "binance"},
             {"kind": "maintenance", "seconds": 60, "venue": "coinbase"}]  # fmt: skip
    made = requests.post(sandbox.rest_url + "/sandbox/faults", json=asked, timeout=20)
    assert (made.status_code, [one["kind"] for one in made.json()["faults"]]) == (201, ["lost_answer", "maintenance"])
    coinbase, binance = clients(sandbox)
    binance.load_markets()
    with pytest.raises(ccxt.NetworkError):
        binance.create_order("ETH/USDT", "market", "buy", 0.5, None, {"newClientOrderId": "mine"})
    assert binance.fetch_order(None, "ETH/USDT", {"origClientOrderId": "mine"})["status"] == "closed"
    with pytest.raises(ccxt.ExchangeError):
        coinbase.v3_private_get_brokerage_accounts()
    truth = requests.get(sandbox.rest_url + "/sandbox/accounts", timeout=20).json()["binance"]
    assert float(truth["balances"]["ETH"]["free"]) == pytest.approx(0.4995)
    keys = requests.get(sandbox.rest_url + "/sandbox/keys", timeout=20).json()
    assert keys["binance"][0]["apiKey"] == sandbox.keys("binance")[0].name
    assert sandbox.clear() == 2
    assert coinbase.v3_private_get_brokerage_accounts()["has_next"] is False
    wrong = requests.post(sandbox.rest_url + "/sandbox/faults", json={"kind": "deposit"}, timeout=20)
    assert (wrong.status_code, "needs asset" in wrong.json()["message"]) == (400, True)


def test_a_fault_of_the_accounts_may_stand_on_the_command_line() -> None:
    assert parse_fault("late:what=place,delay=7000,count=1")["kind"] == "late"
    with pytest.raises(Fail, match="needs asset"):
        parse_fault("deposit:amount=5")


def test_the_documents_sample_of_accounts_runs(sandbox: Sandbox) -> None:
    text = (Path(__file__).resolve().parents[3] / "docs" / "sandbox.md").read_text()
    served = text.split("```py\n")[2].split("```")[0]
    names: dict[str, Any] = {}
    exec(served.replace("http://127.0.0.1:8765", sandbox.rest_url), names)
    assert names["coinbase"].fetch_order(names["order"]["id"])["status"] == "closed"


def test_a_seed_draws_a_day_of_trouble(sandbox: Sandbox) -> None:
    made = requests.post(sandbox.rest_url + "/sandbox/trouble", json={"seed": 5}, timeout=20).json()["faults"]
    assert [one["kind"] for one in made] == [one.kind for one in drawn(5) for _ in range(2)]
    assert sandbox.clear() == len(made) > 0
    assert exchange_of(seed=7, start=START, trouble=5).status()["faults"]


def test_the_document_lists_every_kind_of_fault() -> None:
    text = (Path(__file__).resolve().parents[3] / "docs" / "sandbox.md").read_text()
    assert [kind for kind in KINDS if f"`{kind}`" not in text] == []
