"""The page Settings: form and text edit one draft, the difference comes first, and nothing is ever overwritten unseen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text
from streamlit.testing.v1 import AppTest

from engine.config.door import written_by
from engine.config.reading import parse
from engine.config.text import bare
from tests.app.conftest import said, tables

Open = Callable[..., AppTest]

FILE = """\
# what I trade
[run]
name = "test-data"   # the run

[limits]
max_positions = 4   # enough

[storage]
database_url = ""

[[slots]]
strategy = "sma_cross"
symbols = ["BTC/USD"]
params = { fast = 5, slow = 20 }
"""


@pytest.fixture
def file(tmp_path: Path, data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "my.toml"
    path.write_text(FILE)
    monkeypatch.setenv("EVENKEEL_CONFIG", str(path))
    return path


def widget(test: AppTest, kind: str, name: str) -> Any:
    """The form's widget for a setting, whatever its generation."""
    found = [one for one in getattr(test, kind) if str(one.key).endswith(f"_{name}")]
    assert len(found) == 1, [one.key for one in getattr(test, kind)]
    return found[0]


def button(test: AppTest, key: str) -> Any:
    return test.button(key=key)


def test_an_edit_in_the_form_is_shown_then_written_and_the_comments_stay(
    file: Path, database: Engine, open_page: Open
) -> None:
    test = open_page("settings", part="limits")
    assert button(test, "config_apply").disabled
    widget(test, "number_input", "limits_max_positions").set_value(3).run()
    shown = said(test)
    assert "-max_positions = 4   # enough" in shown
    assert "+max_positions = 3   # enough" in shown
    assert "none needs a restart" in shown
    assert tables(test)[0].to_dict("records") == [
        {"key": "limits.max_positions", "before": "4", "after": "3", "acts": "at the next bar's close"}
    ]
    assert file.read_text() == FILE, "nothing is written before it is applied"
    button(test, "config_apply").click().run()
    assert file.read_text() == FILE.replace("= 4", "= 3")
    assert "Written to" in test.success[0].value
    assert button(test, "config_apply").disabled


def test_a_loosened_limit_says_that_it_waits(file: Path, database: Engine, open_page: Open) -> None:
    test = open_page("settings", part="limits")
    widget(test, "number_input", "limits_max_positions").set_value(9).run()
    assert "1 waits for the next start" in said(test)
    assert tables(test)[0]["acts"].tolist() == ["at the next start"]


def test_the_text_edits_the_same_draft_and_is_checked_with_the_same_sentences(
    file: Path, database: Engine, open_page: Open
) -> None:
    test = open_page("settings", view="text")
    area = test.text_area[0]
    assert area.value == FILE
    area.set_value(FILE.replace("max_positions = 4", "max_position = 4")).run()
    assert "max\\_position in \\[limits\\] is no known key; did you mean max\\_positions?" in said(test)
    assert button(test, "config_apply").disabled
    test.text_area[0].set_value(FILE + "[limits\n").run()
    assert "not valid TOML" in said(test)
    test.text_area[0].set_value(FILE.replace("fast = 5", "fast = 50")).run()
    assert "must be below slow" in said(test)
    test.segmented_control(key="config_view").set_value("form").run()
    assert widget(test, "number_input", "slots_0_params_fast").value == 50
    assert "not right yet" in test.expander[0].label
    button(test, "config_drop").click().run()
    assert "the draft is the file as it stands" in said(test)


def test_a_table_inside_a_table_is_typed_as_toml(file: Path, database: Engine, open_page: Open) -> None:
    test = open_page("settings", part="limits")
    widget(test, "text_input", "limits_sectors").set_value('{ "Big coins" = ["BTC"] }').run()
    button(test, "config_apply").click().run()
    assert dict(parse(file.read_text()).limits.sectors) == {"Big coins": ("BTC",)}
    widget(test, "text_input", "limits_sectors").set_value("BTC").run()
    assert button(test, "config_apply").disabled
    assert "limits.sectors" in said(test)


def test_slots_are_added_moved_and_removed(file: Path, database: Engine, open_page: Open) -> None:
    test = open_page("settings")
    button(test, "slot_add").click().run()
    assert len(test.expander) == 2
    button(test, "slot_Up_1").click().run()
    button(test, "config_apply").click().run()
    assert [slot.timeframe for slot in parse(file.read_text()).slots] == ["1h", "1m"]
    button(test, "slot_remove_0").click().run()
    assert tables(test)[0]["acts"].tolist() == ["no more entries; gone when it is flat"]
    button(test, "config_apply").click().run()
    assert parse(file.read_text()) == parse(FILE)
    assert "# what I trade" in file.read_text()


def test_an_edit_elsewhere_is_never_overwritten_unseen(file: Path, database: Engine, open_page: Open) -> None:
    test = open_page("settings", part="limits")
    widget(test, "number_input", "limits_max_positions").set_value(3).run()
    theirs = FILE.replace("fast = 5", "fast = 6")
    file.write_text(theirs)
    button(test, "config_apply").click().run()
    assert file.read_text() == theirs
    assert "edited meanwhile" in said(test)
    assert "+params = { fast = 6, slow = 20 }" in said(test)
    button(test, "config_mine").click().run()
    assert "-params = { fast = 6, slow = 20 }" in said(test), "what would be undone is shown"
    button(test, "config_drop").click().run()
    assert widget(test, "number_input", "limits_max_positions").value == 4
    file.write_text(FILE)
    test.run()
    assert "the draft is the file as it stands" in said(test), "without a draft the page follows the file"


def test_versions_what_they_earned_and_back_to_one(file: Path, database: Engine, open_page: Open) -> None:
    first = bare(parse(FILE.replace("max_positions = 4", "max_positions = 2")))
    second = bare(parse(FILE))
    with database.begin() as rows:
        rows.execute(text("UPDATE config_version SET text = :text WHERE id = 1"), {"text": first})
        rows.execute(text("UPDATE config_version SET text = :text, source = 'edit' WHERE id = 2"), {"text": second})
        rows.execute(
            text("UPDATE trade SET config_version_id = CASE WHEN seq <= 20 THEN 1 ELSE 2 END WHERE run_id = 1")
        )
    test = open_page("settings", view="versions")
    frame = tables(test)[0].set_index("id")
    count = database.connect().execute(text("SELECT count(*) FROM trade WHERE run_id = 1")).scalar()
    assert frame["trades"].to_dict() == {2: count - 20, 1: 20}
    assert frame["what"][2] == "limits.max_positions 2 → 4"
    assert frame["from"][2] == "an edit of the file, in force"
    assert frame["said"][1] == "too few trades to say"
    assert frame["said"][2] != "too few trades to say"
    assert "+max_positions = 4" in said(test), "the newest beside the one before"
    button(test, "version_back").click().run()
    assert "the draft is the file as it stands" in said(test), "it is what stands there"


def test_back_to_a_version_is_an_edit_of_the_draft_that_keeps_the_comments(
    file: Path, database: Engine, open_page: Open
) -> None:
    wanted = FILE.replace("max_positions = 4", "max_positions = 2").replace("slow = 20", "slow = 30")
    with database.begin() as rows:
        rows.execute(text("DELETE FROM config_version WHERE id = 1"))
        rows.execute(text("UPDATE config_version SET text = :text WHERE id = 2"), {"text": bare(parse(wanted))})
    test = open_page("settings", view="versions")
    button(test, "version_back").click().run()
    assert test.segmented_control(key="config_view").value == "form", "the difference stands beside the form"
    assert {row["key"]: row["after"] for row in tables(test)[0].to_dict("records")} == {
        "limits.max_positions": "2", "sma_cross on BTC/USD at 1m: params": "{fast = 5, slow = 30}"
    }  # fmt: skip
    assert file.read_text() == FILE
    button(test, "config_apply").click().run()
    assert file.read_text() == wanted
    assert written_by(file, wanted) == "app, back to 2"


def test_without_a_file_it_says_so_and_shows_what_the_database_knows(
    data_folder: Path, database: Engine, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENKEEL_CONFIG", str(data_folder / "nothing.toml"))
    test = open_page("settings")
    assert "There is no configuration file" in said(test)
    assert "run_engine.py init" in said(test)
    assert len(tables(test)[0]) == 2


def test_a_folder_in_its_place_and_no_database_at_all(
    tmp_path: Path, data_folder: Path, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENKEEL_CONFIG", str(tmp_path))
    assert "is a folder" in said(open_page("settings"))
    (tmp_path / "one.toml").write_text(FILE)
    monkeypatch.setenv("EVENKEEL_CONFIG", str(tmp_path / "one.toml"))
    assert "No engine has run test-data yet" in said(open_page("settings"))


def test_a_password_is_never_on_the_page_and_stays_in_the_file(file: Path, database: Engine, open_page: Open) -> None:
    secret = FILE.replace('database_url = ""', 'database_url = "postgresql+psycopg://me:hunter2@db/evk"')
    file.write_text(secret)
    test = open_page("settings", view="text")
    assert "hunter2" not in test.text_area[0].value
    assert "me:***@db" in test.text_area[0].value
    test.text_area[0].set_value(test.text_area[0].value.replace("# enough", "# plenty")).run()
    assert "hunter2" not in said(test)
    button(test, "config_apply").click().run()
    assert file.read_text() == secret.replace("# enough", "# plenty")


@pytest.mark.parametrize("part", ["account", "costs", "limits", "run", "storage", "alerts"])
def test_every_table_has_its_form(file: Path, database: Engine, open_page: Open, part: str) -> None:
    test = open_page("settings", part=part)
    fields = [*test.number_input, *test.text_input, *test.selectbox]
    assert [one for one in fields if f"_{part}_" in str(one.key)]


def test_whom_the_engine_calls_is_not_changed_from_a_page() -> None:
    from app.config_draft import doors

    before = "[[slots]]\n"
    for lines, moved in (
        ('[network]\nallow_hosts = ["127.0.0.1"]', ["[network] allow_hosts"]),
        ('network.allow_hosts = ["10.0.0.0/8"]', ["[network] allow_hosts"]),
        ('[run]\nbase_url = "https://evil.example"\nws_url = "wss://evil.example"', ["[run] base_url", "[run] ws_url"]),
        ('[api]\nhost = "0.0.0.0"\nallowed_hosts = ["evil.example"]', ["[api] host", "[api] allowed_hosts"]),
        ("[limits]\nmax_positions = 3", []),
    ):
        assert doors(before, f"{lines}\n{before}") == moved
        assert doors(f"{lines}\n{before}", before) == moved
    assert doors("no toml at all [", f'[network]\nallow_hosts = ["127.0.0.1"]\n{before}') == ["[network] allow_hosts"]


def test_a_draft_that_opens_a_door_is_not_written(open_page: Open, file: Path) -> None:
    import streamlit as st

    from app import config_draft

    test = open_page("settings")
    draft = test.session_state[config_draft.DRAFT]
    st.session_state[config_draft.DRAFT] = draft
    draft.text = draft.text.replace("[limits]", '[network]\nallow_hosts = ["127.0.0.1"]\n[limits]', 1)
    config_draft.apply()
    assert "only be changed in the file itself" in st.session_state[config_draft.SAID][1]
    assert file.read_text() == FILE
