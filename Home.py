"""Evenkeel's app: `streamlit run Home.py`. The navigation over pages/, and the frame that every page stands in."""

from pathlib import Path

import streamlit as st

from app import ui
from app.rooms import GROUPS, rooms

HERE = Path(__file__).parent


def main() -> None:
    """One script run: navigation, frame, page."""
    st.set_page_config(page_title="Evenkeel", page_icon=str(HERE / "app" / "icon.svg"), layout="wide")
    ui.notice()
    st.logo(str(HERE / "app" / "logo.svg"), size="medium")
    found = rooms()
    pages = {
        room.name: st.Page(room.file, title=room.title, url_path=room.name, default=room == found[0]) for room in found
    }
    grouped = {group: [pages[room.name] for room in found if room.group == group] for group in GROUPS}
    chosen = st.navigation({group: members for group, members in grouped.items() if members}, expanded=True)
    needs_run = next(room.needs_run for room in found if pages[room.name] == chosen)
    page = ui.frame(needs_run)
    if page is not None or not needs_run:
        st.session_state[ui.PAGE] = page
        chosen.run()


main()
