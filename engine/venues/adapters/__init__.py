"""One file = one exchange's orders. A file here is found by its name; `_ccxt` is what they share."""
