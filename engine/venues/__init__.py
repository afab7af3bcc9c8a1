"""Orders out: the port every venue is seen through, the protocol above it, the adapters below it.

`port` is the plain words both sides speak. `live` (the protocol) knows no exchange; `adapters` (ccxt) know no protocol.
Nothing here decides what to trade.
"""
