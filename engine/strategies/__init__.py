"""Strategies: one file is one strategy, a causal function of bars. Nothing is registered; the folder is scanned."""
