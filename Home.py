"""Evenkeel's app: `streamlit run Home.py`. The server, with the gate before it; what it runs for a page is app/script.py."""

import streamlit as st

from app import ahead
from app.guard.start import gate

app = st.App("app/script.py", middleware=[gate()])
ahead.begin()
