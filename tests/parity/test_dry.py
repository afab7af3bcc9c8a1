"""A dry run writes down everything that real orders would have sent, the stops at the exchange among them, and sends none."""

from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise

from engine.venues import adapters, opening
from engine.venues.live.gate import DRY, REPLACE_MS
from engine.venues.live.protection import PURPOSES
from tests.parity.living import Life

SLOTS = """
[live]
capital = 5000
max_order = 1000
max_position = 1000
max_exposure = 4000

[[slots]]
strategy = "by_the_clock"
symbols = ["BTC/USD"]
trail = 0.0006

[[slots]]
strategy = "both_ways"
symbols = ["ETH/USD"]
"""


def test_stops_are_written_as_real_ones_would_be(begin: Callable[..., Life]) -> None:
    life = begin(SLOTS, mode="dry")
    life.live(5)
    life.live(9)  # a restart goes on where the last stop stood
    life.proven()
    said = life.rows("SELECT DISTINCT state, reason, venue_order_id, sent_ts FROM intent")
    assert said == [("canceled", DRY, "", None)]
    assert life.count("protection") == 0, "the exchange keeps nothing of a dry run"
    trailed = life.rows("""SELECT trade_seq, created_ts, stop_price, limit_price, qty, side, kind, slot_id FROM intent
        WHERE role = 'stop' AND symbol = 'BTC/USD' ORDER BY id""")
    assert len(trailed) > len({row[0] for row in trailed}) >= 2, "one that has moved takes the place of the last"
    for former, now in pairwise(trailed):
        if former[0] == now[0]:
            assert now[1] >= former[1] + REPLACE_MS
            assert Decimal(now[2]) > Decimal(former[2]), "a trailing stop of a long position only rises"
    assert {(side, kind) for *_, side, kind, _ in trailed} == {("sell", "stop_limit")}
    assert all(Decimal(limit) < Decimal(stop) for _, _, stop, limit, *_ in trailed)
    protected = life.rows("SELECT DISTINCT trade_seq, slot_id FROM intent WHERE role = 'stop' AND qty > 0")
    held = life.rows("SELECT seq, slot_id FROM trade UNION SELECT trade_seq, slot_id FROM position WHERE qty > 0")
    assert set(protected) == set(held), "every position had its stop"
    done = dict(life.rows("SELECT purpose, count(*) FROM orders WHERE state = 'filled' GROUP BY purpose"))
    written = dict(life.rows("SELECT purpose, count(*) FROM intent WHERE role <> 'stop' GROUP BY purpose"))
    assert done.keys() & set(PURPOSES), "some stops were hit"
    assert written == {one: n for one, n in done.items() if one not in PURPOSES}, "a stop is the exchange's to fill"


def test_a_dry_run_knows_the_stops_of_every_adapter() -> None:
    assert {name: adapters.room(name).Adapter.native_stop for name in opening.venues()} == dict(opening.NATIVE_STOPS)
