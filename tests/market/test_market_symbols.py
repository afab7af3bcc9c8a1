import pytest

from engine.market.symbols import canonical, file_stem, timeframe_ms, timeframe_name


@pytest.mark.parametrize("text", ["BTC/USD", "BTC-USD", "BTCUSD", "btc_usd", " btc/usd "])
def test_spellings_of_one_symbol(text):
    assert canonical(text) == "BTC/USD"


@pytest.mark.parametrize(
    ("text", "pair"),
    [("BTCUSDT", "BTC/USDT"), ("ETHBTC", "ETH/BTC"), ("USDCUSDT", "USDC/USDT"), ("BTC/USDT:USDT", "BTC/USDT:USDT")],
)
def test_the_longest_quote_wins(text, pair):
    assert canonical(text) == pair


@pytest.mark.parametrize("text", ["", "USD", "BTC/", "../../etc", "BTC/USD/EUR", "FOOBAR"])
def test_what_is_no_pair_is_named(text):
    with pytest.raises(ValueError, match="is not a pair"):
        canonical(text)


def test_a_path_holds_no_slash():
    assert file_stem("btcusd") == "BTC-USD"


@pytest.mark.parametrize(("text", "ms"), [("1s", 1000), ("1m", 60_000), ("4h", 14_400_000), ("1d", 86_400_000)])
def test_timeframes_both_ways(text, ms):
    assert timeframe_ms(text) == ms
    assert timeframe_name(ms) == text


@pytest.mark.parametrize("text", ["", "m", "0m", "1M", "1.5h", "90"])
def test_an_unknown_timeframe_says_what_is_known(text):
    with pytest.raises(ValueError, match="such as 1m, 15m, 4h or 1d"):
        timeframe_ms(text)
