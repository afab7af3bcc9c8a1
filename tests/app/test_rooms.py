"""Pages say what they are, and a new file is a new page."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from app.rooms import FOLDER, GROUPS, rooms


def test_every_page_says_what_it_is() -> None:
    found = rooms()
    assert found[0].name == "overview"
    assert [room.name for room in found if room.group == "Now"][:3] == ["overview", "chart", "positions"]
    assert len({room.title for room in found}) == len(found)
    assert [GROUPS.index(room.group) for room in found] == sorted(GROUPS.index(room.group) for room in found)


def test_no_page_prints_a_bare_string() -> None:
    """Streamlit shows every string that stands alone in a page's module, so what explains a constant is a comment there."""
    pages = sorted(FOLDER.glob("*.py"))
    assert pages
    for page in pages:
        later = ast.parse(page.read_text()).body[1:]
        bare = [one.lineno for one in later if isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant)]
        assert not bare, f"{page.name}, line {bare[0]}: write a comment instead"


def test_a_new_file_is_a_new_page(tmp_path: Path) -> None:
    (tmp_path / "later.py").write_text('"""?"""\nPAGE = {"group": "Now", "title": "Later", "place": 5}\n')
    (tmp_path / "first.py").write_text('PAGE = {"group": "Now", "title": "First", "place": 1, "needs_run": False}\n')
    (tmp_path / "_part.py").write_text("raise SystemExit")
    assert [(room.title, room.needs_run) for room in rooms(tmp_path)] == [("First", False), ("Later", True)]


@pytest.mark.parametrize(
    ("text", "words"),
    [("x = 1\n", "does not say what it is"), ('PAGE = {"group": "Moon", "title": "?"}\n', "Moon")],
)
def test_a_file_that_does_not_is_named(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "odd.py").write_text(text)
    with pytest.raises(ValueError, match=rf"odd.py.*{words}"):
        rooms(tmp_path)
