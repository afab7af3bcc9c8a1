"""Text into exact numbers."""

import json
from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.types import Instrument
from engine.market.feeds import binance, coinbase, kraken
from engine.market.wire import DEEPEST, Listed, iso_ms, listing, loads, to_id, to_qty, to_ticks

CENT = Listed(0, 2, 1)


def instrument(tick: str) -> Instrument:
    return Instrument("X/USD", "X", "USD", Decimal(tick), Decimal("1e-8"), Decimal("1e-6"))


@pytest.mark.parametrize(
    ("tick", "price", "ticks"),
    [
        ("0.01", "21932.98", 2193298),
        ("0.01", "5", 500),
        ("0.05", "1.15", 23),
        ("10", "120", 12),
        ("1e-8", "0.00000001", 1),
    ],
)
def test_prices_are_ticks(tick, price, ticks):
    listed = listing([instrument(tick)], str)["X/USD"]
    assert to_ticks(price, listed) == ticks


@given(st.integers(1, 10**12), st.sampled_from(["0.01", "0.05", "0.25", "1e-8", "0.00000005", "1", "5"]))
def test_any_tick_comes_back_from_its_text(ticks, tick):
    listed = listing([instrument(tick)], str)["X/USD"]
    assert to_ticks(format(Decimal(tick) * ticks, "f"), listed) == ticks


@given(st.decimals("0.001", "1000000", places=6))
def test_off_the_grid_goes_to_the_nearest(price):
    nearest = int((price / Decimal("0.01")).to_integral_value(ROUND_HALF_EVEN))
    if nearest:
        assert to_ticks(format(price, "f"), CENT) == nearest


@given(st.floats(0.01, 1e9))
def test_a_json_number_is_read_as_it_was_written(price):
    nearest = int((Decimal(repr(price)) / Decimal("0.01")).to_integral_value(ROUND_HALF_EVEN))
    assert to_ticks(price, CENT) == nearest


@pytest.mark.parametrize(
    "bad", ["", "abc", "-1", "0", "0.00", "nan", "inf", "1_0", "1e400", "٣", None, True, [], "1,5", " "]
)
def test_what_is_no_price_is_refused(bad):
    with pytest.raises(ValueError, match="price"):
        to_ticks(bad, CENT)


@pytest.mark.parametrize("bad", ["", "x", "-1", "nan", "inf", 1e30, True])
def test_what_is_no_quantity_is_refused(bad):
    with pytest.raises(ValueError):
        to_qty(bad)


@pytest.mark.parametrize(("given_id", "kept"), [("12", 12), (12, 12), ("a-1", "a-1"), ("9" * 30, "9" * 30)])
def test_ids_are_numbers_where_they_can_be(given_id, kept):
    assert to_id(given_id) == kept


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("2023-02-09T20:19:35.39625135Z", 1675973975396),
        ("2023-02-09T20:19:35Z", 1675973975000),
        ("2023-02-09T20:19:35.3Z", 1675973975300),
        ("2023-02-09T20:19:35.9999999Z", 1675973975999),
        ("2023-02-09T21:19:35.396251+01:00", 1675973975396),
    ],
)
def test_times(text, ms):
    assert iso_ms(text) == ms


@pytest.mark.parametrize(
    "bad", ["", "2023-02-09T20:19:35", "2023-02-30T00:00:00Z", "yesterday", "2023-02-09T20:19:35.xZ"]
)
def test_what_is_no_time_is_refused(bad):
    with pytest.raises(ValueError):
        iso_ms(bad)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text('a"\\[]{}', max_size=6),
    lambda inner: st.lists(inner, max_size=12) | st.dictionaries(st.text('k"[]{}', max_size=4), inner, max_size=12),
    max_leaves=60,
)


@settings(max_examples=60)
@given(VALUES)
def test_what_a_venue_says_is_read_as_it_is(value):
    text = json.dumps(value, ensure_ascii=False)
    assert loads(text) == loads(text.encode()) == value


@pytest.mark.parametrize(
    ("inside", "own"),
    [("1", 0), ('"]]]]}}}}"', 0), (json.dumps('\\"[[[['), 0), ("{}", 1), ('{"a": [1, 2]}', 2)],
)
def test_nothing_is_deeper_than_a_venue_speaks(inside, own):
    fits = DEEPEST - own
    assert loads("[" * fits + inside + "]" * fits)
    wide = ",".join(["[]"] * 100)
    for text in (f"[{wide}, {inside}]", json.dumps([inside] * 100)):
        assert loads(text)
    for deep in (fits + 1, 500, 100_000):
        with pytest.raises(ValueError, match="deep"):
            loads("[" * deep + inside + "]" * deep)
        with pytest.raises(ValueError, match="deep"):
            loads('{"a": ["]", ' * deep + inside + ', "["]}' * deep)


def test_every_feed_tells_a_deep_message_from_others():
    for room in (binance, coinbase, kraken):
        (said,) = room.parse(b'{"channel": ' + b"[" * 40 + b"]" * 40 + b"}", {})
        assert "deep" in said.reason
