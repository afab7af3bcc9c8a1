"""Alerts: what was I told, did it reach me, and by which way shall the next reach me?"""

from app import alerts_views, ui
from app.tiles import halves
from engine.config.errors import ConfigError

PAGE = {"group": "Now", "title": "Alerts", "place": 4}

VIEWS = {"told": "What was told", "channels": "Channels", "settings": "Settings"}


def main(page: ui.Page) -> None:
    """What needs a person, then one of three views."""
    ui.live(page, alerts_views.standing, 5)
    view = ui.view(VIEWS, "alerts_view")
    if view == "channels":
        ui.live(page, alerts_views.channels, 2)
    elif view == "settings":
        settings(page)
    else:
        told(page)


def told(page: ui.Page) -> None:
    """The history, and the alert that was chosen."""
    asked = alerts_views.filters(page)
    alerts_views.everything(page)
    chosen = alerts_views.history(page, asked)
    if chosen is not None:
        alerts_views.opened(page, chosen)


def settings(page: ui.Page) -> None:
    """The table [alerts] of the configuration, and what an edit would change."""
    from app import (  # strategies and numba come with it: the other views need none
        config_draft,
        config_form,
        config_views,
    )

    alerts_views.meaning()
    try:
        draft = config_draft.current()
    except ConfigError:
        ui.empty(
            "There is no configuration file to edit",
            "Alerts are set in the table [alerts] of config.toml; config.example.toml shows every key.",
            ".venv/bin/python run_engine.py init",
        )
        return
    found = config_draft.checked(draft.text)
    left, right = halves("settings")
    with left:
        config_form.table(draft, found, "alerts")
    with right:
        config_views.change(draft, found, config_views.running(page.engine, found.config))


main(ui.current())
