"""A chart that refreshes in place. Streamlit's own `plotly_chart` is taken down and built anew with every change of its figure,
and with it goes what a person was looking at; this one is redrawn where it stands, so that zoom, hover and drag survive.

The library is the one that comes with Plotly for Python, served by this app; nothing is fetched from anywhere else.
"""

from __future__ import annotations

from pathlib import Path

import plotly
import plotly.graph_objects as go
import streamlit as st
from streamlit.components.v1 import declare_component

from app.charts import CONFIG

LIBRARY = Path(plotly.__file__).parent / "package_data"
PLACE = '<div class="ek-chart" role="figure"></div>'
SCRIPT = (Path(__file__).parent / "live_chart.js").read_text(encoding="utf-8")


_drawn = st.components.v2.component("evenkeel_chart", html=PLACE, js=SCRIPT, isolate_styles=False)


def chart(figure: go.Figure, key: str, alt: str) -> None:
    """Draw `figure` (its height fixed, its width the place's). A zoom stays while the figure's `uirevision` does; `alt` is the
    chart in one sentence, for those who do not see it."""
    declare_component(
        "plotlyjs", path=str(LIBRARY)
    )  # it gives the library an address; the frame it could make is not used
    told = {"figure": figure.to_json(), "height": int(figure.layout.height), "config": CONFIG, "alt": alt}
    _drawn(key=key, data=told, height=told["height"])
