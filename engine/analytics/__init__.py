"""Statistics of equity curves and trades: arrays in, plain values out, by one table of definitions (docs/statistics.md).

Pure numpy: no files, no database, no clock, no pandas, and no random number without a seed. What has no value is None with a
reason, never 0, 100 or infinity.
"""
