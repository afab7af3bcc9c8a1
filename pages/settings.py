"""Settings: what is the engine told, what would an edit change and when, and what did each version earn?"""

import streamlit as st

from app import config_draft, config_form, config_views, forms, ui
from app.config_draft import Checked, Draft
from app.tiles import halves
from engine.config.errors import ConfigError
from engine.config.files import NoFile
from engine.config.keys import tables
from engine.config.reading import find

PAGE = {"group": "Control", "title": "Settings", "place": 5, "needs_run": False}

VIEWS = {"form": "Form", "text": "Text", "versions": "Versions"}
NAMES = {"slots": "Slots", "ai": "AI", "api": "API"}


def main(page: ui.Page | None) -> None:
    """The file as a form or as text, what the draft would change, and the versions there were."""
    ui.title("Settings")
    try:
        draft: Draft | None = config_draft.current()
    except ConfigError as error:
        draft = None
        no_file(error)
    engine = page.engine if page is not None else None
    found = config_draft.checked(draft.text) if draft else None
    if draft and found:
        st.caption(str(draft.base.path))
        now = config_draft.checked(draft.base.text).config or found.config
        config_views.standing(engine, now.run.name if now else "main")
        config_views.meanwhile(draft)
    view = ui.view(VIEWS, "config_view") if draft is not None else "versions"
    if view == "versions" or draft is None or found is None:
        if page is None:
            ui.empty("No version is stored", "The first is stored when the engine starts.")
        else:
            config_views.versions(page, draft)
        return
    left, right = halves("settings")
    with left:
        if view == "form":
            form(draft, found)
        else:
            text(draft)
    with right:
        config_views.change(draft, found, config_views.running(engine, found.config))


def no_file(error: ConfigError) -> None:
    """There is nothing to edit: why, and what to do."""
    if isinstance(error, NoFile):
        ui.empty(
            "There is no configuration file",
            f"{find()} is where it would be looked for (EVENKEEL_CONFIG names another). "
            "This page shows what the database knows of earlier ones; a file is written by answering five questions:",
            ".venv/bin/python run_engine.py init",
        )
    else:
        ui.empty("The configuration file cannot be read", forms.safe(str(error)))


def form(draft: Draft, found: Checked) -> None:
    """One table at a time."""
    names = ["slots", *(name for name in tables() if name != "slots")]
    wrong = {str(one.place[0]) for one in found.problems if one.place}
    st.session_state.setdefault("config_part", ui.in_url("part", "slots", names.__contains__))
    picked = st.pills(
        "Part", names, key="config_part", label_visibility="collapsed", required=True,
        format_func=lambda name: NAMES.get(name, name.capitalize()) + (" :red[!]" if name in wrong else ""),
    )  # fmt: skip
    part = str(picked or "slots")
    ui.to_url(part="" if part == "slots" else part)
    config_form.table(draft, found, part)


def text(draft: Draft) -> None:
    """The file's own text, comments and all; passwords masked."""
    key = f"config_text_{draft.words}"
    st.text_area(
        "Text", config_draft.shown(draft), height=620, key=key, on_change=config_draft.typed, args=(key,),
        label_visibility="collapsed",
    )  # fmt: skip
    st.caption(
        "Checked when you leave the field, or press Ctrl and Enter. A password stands as ***; left so, it is kept."
    )


main(ui.current_if_any())
