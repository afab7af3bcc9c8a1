"""A small local exchange: a market that is a pure function of (seed, symbol, time), served as Coinbase Advanced Trade and as
Binance by REST and WebSocket on the loopback address, with faults that can be switched on.

`dice`, `products`, `simulated`, `replayed`, `paths` and `market` know no server; `server` is the way in. The engine is
not known here: to it this is an exchange like any other.
"""
