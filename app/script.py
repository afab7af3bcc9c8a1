"""What every script run begins with: the navigation over pages/, and the frame that every page stands in. Home.py serves it."""

from pathlib import Path

import streamlit as st
from sqlalchemy.exc import DBAPIError

from app import ui
from app.rooms import GROUPS, rooms
from app.welcome import welcome
from db.server import told_away

HERE = Path(__file__).resolve().parent


def main() -> None:
    """One script run: navigation, frame, page."""
    st.set_page_config(page_title="Evenkeel", page_icon=str(HERE / "icon.svg"), layout="wide")
    ui.notice()
    st.logo(str(HERE / "logo.svg"), size="medium")
    found = rooms()
    pages = {room.name: st.Page(room.file, title=room.title, url_path=room.name) for room in found[1:]}
    pages[found[0].name] = st.Page(found[0].file, title=found[0].title, url_path="door", default=True)
    by_name = st.Page(found[0].file, title=found[0].title, url_path=found[0].name, visibility="hidden")
    grouped = {group: [pages[room.name] for room in found if room.group == group] for group in GROUPS}
    grouped[GROUPS[0]].append(by_name)
    chosen = st.navigation({group: members for group, members in grouped.items() if members}, expanded=True)
    ui.way_out()
    if chosen == by_name:  # the first page's address is the root; its name leads there too
        st.switch_page(pages[found[0].name], query_params=dict(st.query_params))
    needs_run = next(room.needs_run for room in found if pages[room.name] == chosen)
    page = ui.frame(needs_run)
    if page is not None or not needs_run:
        st.session_state[ui.PAGE] = page
        try:
            chosen.run()
        except DBAPIError as error:  # the server went away while the page was drawn
            welcome(told_away(error))


main()
