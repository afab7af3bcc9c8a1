"""Backtests, replays and proofs about strategies. No Streamlit, no sockets."""
