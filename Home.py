"""Evenkeel's app: `streamlit run Home.py`. The navigation over pages/, and the frame that every page stands in."""

from pathlib import Path

import streamlit as st

from app import ui

HERE = Path(__file__).parent
GROUPS = {
    "Now": {"overview": "Overview", "positions": "Positions"},
    "Results": {"trades": "Trades"},
    "Control": {"system": "System"},
}


def main() -> None:
    """One script run: navigation, frame, page."""
    st.set_page_config(page_title="Evenkeel", page_icon=str(HERE / "app" / "icon.svg"), layout="wide")
    st.logo(str(HERE / "app" / "logo.svg"), size="medium")
    pages = {
        group: [
            st.Page(HERE / "pages" / f"{name}.py", title=title, url_path=name, default=name == "overview")
            for name, title in entries.items()
        ]
        for group, entries in GROUPS.items()
    }
    chosen = st.navigation(pages, expanded=True)
    page = ui.frame()
    if page is not None:
        st.session_state[ui.PAGE] = page
        chosen.run()


main()
