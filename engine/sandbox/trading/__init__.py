"""The exchange's side of trading: accounts, orders, fills and what goes wrong with them, spoken in Coinbase Advanced
Trade's and in Binance spot's words.

Pure and deterministic: `handle(method, path, query, headers, body, now_ms) -> (status, headers, body)` is the whole
exchange. No socket, no clock, no unseeded chance in here; the server outside merely carries bytes. Status 0 means that
no answer comes (see `wire.NO_ANSWER`).

`terms` are the words, `prices` the market as this room sees it, `books` the venue's double entry, `orders` what was
asked, `matching` what fills when, `faults` what goes wrong, `venue` all of that as one exchange without words;
`binance` and `coinbase` give it a tongue, `keys` its locks.
"""
