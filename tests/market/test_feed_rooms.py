"""Each exchange's messages, in the shapes they are recorded in, and what no exchange should send."""
# ruff: noqa: E501  (recorded messages are one line each)

import gzip
import json
from decimal import Decimal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.bars import Beat, Quote, Tick
from engine.core.types import Instrument
from engine.market import feeds
from engine.market.events import Malformed, Notice, Sequence
from engine.market.feeds import binance, coinbase, kraken
from engine.market.wire import listing
from tests.market.candle_files import real

QUOTE = {"coinbase": "USD", "binance": "USDT", "kraken": "USD"}


def symbols_of(room):
    quote = QUOTE.get(room.NAME, "USD")
    made = [
        Instrument(f"{b}/{quote}", b, quote, Decimal("0.01"), Decimal("1e-8"), Decimal("1e-6")) for b in ("BTC", "ETH")
    ]
    return listing(made, room.native)


CB, BN, KR = symbols_of(coinbase), symbols_of(binance), symbols_of(kraken)

TRADES = {
    "channel": "market_trades", "client_id": "", "timestamp": "2023-02-09T20:19:35.39625135Z", "sequence_num": 1,
    "events": [{"type": "update", "trades": [
        {"trade_id": "2", "product_id": "ETH-USD", "price": "1260.01", "size": "0.3", "side": "BUY", "time": "2019-08-14T20:42:27.265Z"},
        {"trade_id": "1", "product_id": "BTC-USD", "price": "9260.5", "size": "0.1", "side": "SELL", "time": "2019-08-14T20:42:27.2Z"},
        {"trade_id": "9", "product_id": "DOGE-USD", "price": "1", "size": "1", "side": "SELL", "time": "2019-08-14T20:42:27.2Z"},
    ]}],
}  # fmt: skip
TICKER = {
    "channel": "ticker", "client_id": "", "timestamp": "2023-02-09T20:19:36Z", "sequence_num": 2,
    "events": [{"type": "update", "tickers": [
        {"type": "ticker", "product_id": "BTC-USD", "price": "21932.98", "volume_24_h": "16038.2", "best_bid": "21931.98",
         "best_bid_quantity": "8000", "best_ask": "21933.98", "best_ask_quantity": "8038.0"},
        {"type": "ticker", "product_id": "ETH-USD", "price": "1", "best_bid": "", "best_ask": ""},
    ]}],
}  # fmt: skip
HEARTBEAT = {
    "channel": "heartbeats", "client_id": "", "timestamp": "2023-02-09T20:19:37.5Z", "sequence_num": 3,
    "events": [{"current_time": "2023-02-09 20:19:37.5 +0000 UTC m=+91717.5", "heartbeat_counter": "3049"}],
}  # fmt: skip


def test_coinbase_prints():
    assert coinbase.parse(orjson.dumps(TRADES), CB) == [
        Sequence(1, 1675973975396),
        Tick(1, 1565815347265, 126001, 0.3, 2),
        Tick(0, 1565815347200, 926050, 0.1, 1),
    ]


def test_coinbase_quotes_stand_under_the_messages_time():
    assert coinbase.parse(orjson.dumps(TICKER), CB) == [
        Sequence(2, 1675973976000),
        Quote(0, 1675973976000, 2193198, 2193398, 2),
    ]


def test_coinbase_heartbeats_subscriptions_and_errors():
    assert coinbase.parse(orjson.dumps(HEARTBEAT), CB) == [Sequence(3, 1675973977500), Beat(1675973977500)]
    told = {"channel": "subscriptions", "timestamp": "2023-02-09T20:19:35Z", "sequence_num": 0,
            "events": [{"subscriptions": {"market_trades": ["BTC-USD"]}}]}  # fmt: skip
    assert coinbase.parse(orjson.dumps(told), CB) == [Sequence(0, 1675973975000)]
    error = coinbase.parse('{"type":"error","message":"ErrFailedToSubscribe"}', CB)
    assert error == [Notice("coinbase says: ErrFailedToSubscribe")]


def test_one_bad_print_does_not_lose_its_neighbours():
    message = orjson.loads(orjson.dumps(TRADES))
    message["events"][0]["trades"][0]["price"] = "-5"
    events = coinbase.parse(orjson.dumps(message), CB)
    assert [type(event) for event in events] == [Sequence, Malformed, Tick]


def test_coinbase_subscribes_heartbeats_last():
    channels = [orjson.loads(m)["channel"] for m in coinbase.subscribe(["BTC-USD"])]
    assert channels == ["market_trades", "ticker", "heartbeats"]


def test_binance_prints_quotes_and_klines():
    trade = '{"e":"trade","E":1579481530912,"s":"BTCUSDT","t":158410082,"p":"8641.14","q":"0.007","T":1579481530910,"m":false,"M":true}'
    agg = '{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":1579481530912,"s":"BTCUSDT","a":26129,"p":"8641.15000000","q":"4.7","f":100,"l":105,"T":1579481530911,"m":true,"M":true}}'
    book = '{"u":400900217,"s":"ETHUSDT","b":"25.35190000","B":"31.21","a":"25.3652","A":"40.66"}'
    kline = '{"e":"kline","E":1579482921215,"s":"BTCUSDT","k":{"t":1579482900000,"T":1579482959999,"s":"BTCUSDT","i":"1m","x":false}}'
    assert binance.parse(trade, BN) == [Beat(1579481530912), Tick(0, 1579481530910, 864114, 0.007, 158410082)]
    assert binance.parse(agg, BN) == [
        Sequence(105, 1579481530912, 100, 0), Beat(1579481530912), Tick(0, 1579481530911, 864115, 4.7, 26129)
    ]  # fmt: skip
    assert binance.parse(book, BN) == [Quote(1, 0, 2535, 2537, 400900217)]
    assert binance.parse(kline, BN) == [Beat(1579482921215)]
    assert binance.parse('{"result":null,"id":1}', BN) == []
    assert binance.parse('{"error":{"code":2,"msg":"Invalid request"},"id":1}', BN) == [
        Notice("binance says: Invalid request")
    ]


def test_kraken_prints_quotes_and_pongs():
    trade = '{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"sell","price":108359.8,"qty":0.5,"ord_type":"market","trade_id":4665906,"timestamp":"2023-09-25T07:49:37.708706Z"}]}'
    ticker = '{"channel":"ticker","type":"snapshot","data":[{"symbol":"ETH/USD","bid":8359.8,"bid_qty":0.0136,"ask":8359.91,"ask_qty":17.1,"last":108359.8}]}'
    pong = '{"method":"pong","time_in":"2023-09-24T14:10:23.799685Z","time_out":"2023-09-24T14:10:23.799703Z"}'
    assert kraken.parse(trade, KR) == [Tick(0, 1695628177708, 10835980, 0.5, 4665906)]
    assert kraken.parse(ticker, KR) == [Quote(1, 0, 835980, 835991)]
    assert kraken.parse(pong, KR) == [Beat(1695564623799)]
    assert kraken.parse('{"channel":"heartbeat"}', KR) == []
    refused = '{"method":"subscribe","success":false,"error":"Currency pair not supported ABC/USD"}'
    assert kraken.parse(refused, KR) == [Notice("kraken says: Currency pair not supported ABC/USD")]


ROOMS = [feeds.room(name) for name in feeds.available()]
EXAMPLES = [orjson.dumps(m) for m in (TRADES, TICKER, HEARTBEAT)] + [
    b'{"e":"aggTrade","E":1579481530912,"s":"BTCUSDT","a":26129,"p":"8641.15","q":"4.7","T":1579481530911}',
    b'{"u":400900217,"s":"ETHUSDT","b":"25.3519","B":"31.21","a":"25.3652","A":"40.66"}',
    b'{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","price":1.5,"qty":1,"trade_id":4,"timestamp":"2023-09-25T07:49:37Z"}]}',
]
GARBAGE = [
    "", "{", "null", "[]", "1", '"x"', "\x00", "{}", "[[[[", "NaN", '{"channel":null}', '{"channel":[]}', '{"channel":{}}',
    '{"channel":"market_trades"}', '{"channel":"market_trades","timestamp":5,"events":[]}',
    '{"channel":"market_trades","timestamp":"2023-02-09T20:19:35Z","events":{"a":1}}',
    '{"channel":"ticker","timestamp":"2023-02-09T20:19:35Z","events":[null]}',
    '{"channel":"ticker","type":"update","data":[{"symbol":[]}]}', '{"channel":"trade","data":5}', '{"data":1,"stream":2}',
    '{"e":"trade"}', '{"e":"aggTrade","E":"x"}', '{"e":{},"E":[]}', '{"b":1,"a":2,"u":3}', '{"error":5}', '{"method":"pong"}',
    "[" * 5000, '{"channel":"trade","data":[1,2,"x",null,{}]}',
]  # fmt: skip


@pytest.mark.parametrize("room", ROOMS, ids=lambda r: r.NAME)
def test_a_room_holds_what_a_feed_needs(room):
    assert room.NAME in feeds.available()
    assert room.URL.startswith("wss://")
    assert room.SILENCE_MS >= 2000
    for message in room.subscribe([room.native("BTC/USD")]):
        assert isinstance(orjson.loads(message), dict)


@pytest.mark.parametrize("text", GARBAGE)
@pytest.mark.parametrize("room", ROOMS, ids=lambda r: r.NAME)
def test_garbage_is_counted_and_never_raises(room, text):
    for data in (text, text.encode()):
        assert all(isinstance(e, Malformed | Notice | Beat | Sequence) for e in room.parse(data, symbols_of(room)))


@pytest.mark.parametrize("room", ROOMS, ids=lambda r: r.NAME)
@given(st.data())
def test_a_message_damaged_anywhere_never_raises(room, data):
    """Cut, doubled or overwritten bytes in real shapes."""
    message = bytearray(data.draw(st.sampled_from(EXAMPLES)))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(message) - 1))
        message[place : place + data.draw(st.integers(0, 5))] = data.draw(
            st.sampled_from([b"", b"null", b"-1", b"[]", b'"', b"9" * 25, b"\xff"])
        )
        if not message:
            message = bytearray(b" ")
    for event in room.parse(bytes(message), symbols_of(room)):
        if isinstance(event, Tick):
            assert event.price > 0
            assert 0 <= event.qty < float("inf")


@pytest.mark.parametrize("room", ROOMS, ids=lambda r: r.NAME)
@given(st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5) | st.sampled_from(["market_trades", "trade", "ticker"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["channel", "events", "trades", "tickers", "data", "e", "E", "s", "p", "q", "timestamp", "symbol", "price", "product_id", "u", "b", "a"]
    ), inner, max_size=6), max_leaves=12))  # fmt: skip
def test_json_of_any_shape_never_raises(room, value):
    room.parse(json.dumps(value), symbols_of(room))


def test_every_message_of_a_real_capture_is_understood():
    path = real("raw/ws/binance_spot_btcusdt_20240808.gz")
    kinds: dict[type, int] = {}
    with gzip.open(path, "rb") as file:
        for line in file:
            for event in binance.parse(line.split(b" ", 1)[1], BN):
                kinds[type(event)] = kinds.get(type(event), 0) + 1
    assert Malformed not in kinds
    assert kinds[Tick] > 5000
    assert kinds[Quote] > 20_000
