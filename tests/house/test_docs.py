"""The documents say only what is there: commands, options, targets, paths; and their code runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

from engine.cli.app import app

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
TEXTS = [*PAGES, ROOT / "config.example.toml", ROOT / ".env.example"]


def named(paths: list[Path]) -> list[object]:
    return [pytest.param(path, id=str(path.relative_to(ROOT))) for path in paths]


def calls(text: str) -> Iterator[list[str]]:
    """The words after each `run_engine.py` in a code line or in backticks, up to a comment."""
    for match in re.finditer(r"run_engine\.py((?: [^ `\n][^`\n]*)?)", text):
        words = re.sub(r"\s#.*| \|.*|\\$", "", match[1]).split()
        if words and re.fullmatch(r"[a-z][a-z-]*|--[a-z-]+", words[0]):
            yield words


@pytest.mark.parametrize("path", named(TEXTS))
def test_every_command_and_option_named_exists(path: Path) -> None:
    root = get_command(app)
    for words in calls(path.read_text()):
        command = root
        while words and hasattr(command, "commands") and words[0] in command.commands:
            command = command.commands[words.pop(0)]
        assert not (command is root and words and not words[0].startswith("-")), f"no command {words[0]}"
        known = {option for parameter in command.params for option in getattr(parameter, "opts", ())} | {"--help", "--"}
        unknown = [word for word in words if word.startswith("--") and word.partition("=")[0] not in known]
        assert unknown == [], f"{command.name} has no {unknown}"


@pytest.mark.parametrize("path", named(PAGES))
def test_every_make_target_named_exists(path: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = path.read_text()
    used = {*re.findall(r"`make ([a-z-]+)", text), *re.findall(r"^\s*make ([a-z-]+)", text, re.MULTILINE)}
    assert used - targets == set()


@pytest.mark.parametrize("path", named(PAGES))
def test_every_path_and_link_named_exists(path: Path) -> None:
    text = path.read_text()
    places = re.findall(r"`((?:engine|db|app|pages|tests|docs|tools|benchmarks)/[\w/.-]*)`", text)
    assert [place for place in places if not (ROOT / place).exists()] == []
    links = [link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link]
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_the_tree_in_the_architecture_is_the_tree() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    tree = text.split("```")[1]
    listed = {line.split()[0].rstrip("/") for line in tree.strip().splitlines()}
    assert [place for place in listed if not (ROOT / place).exists()] == []
    rooms = {f"engine/{path.parent.name}" for path in (ROOT / "engine").glob("*/__init__.py")}
    assert rooms - listed == set()


def samples() -> list[object]:
    """Every Python sample of the documents."""
    found = []
    for path in PAGES:
        blocks = re.findall(r"```python\n(.*?)```", path.read_text(), re.DOTALL)
        found += [pytest.param(block, id=f"{path.name}-{number}") for number, block in enumerate(blocks, 1)]
    return found


def walk(n: int = 600) -> object:
    """A seeded random walk as the bars a strategy sees."""
    import numpy as np

    from engine.core.types import TF_BAR, Instrument
    from engine.strategies.base import Bars

    close = 5_000_000 + np.cumsum(np.random.default_rng(1).integers(-4_000, 4_001, n))
    rows = np.zeros(n, TF_BAR)
    rows["ts"], rows["close"], rows["volume"] = np.arange(n) * 60_000, close, 1.0
    rows["open"] = np.concatenate((close[:1], close[:-1]))
    rows["high"], rows["low"] = np.maximum(rows["open"], close) + 100, np.minimum(rows["open"], close) - 100
    return Bars.from_ticks(Instrument.unspecified("BTC/USD"), 60_000, rows)


@pytest.mark.parametrize("code", samples())
def test_every_python_sample_runs(code: str) -> None:
    from engine.strategies.base import Strategy

    names: dict[str, object] = {"__name__": "sample"}
    exec(compile(code, "sample", "exec"), names)
    made = [
        cls for cls in names.values() if isinstance(cls, type) and issubclass(cls, Strategy) and cls is not Strategy
    ]
    for cls in made:
        assert cls(cls.Params()).signals(walk()).entry.any()


def test_the_documents_speak_of_evenkeel_alone() -> None:
    for path in TEXTS:
        text = path.read_text()
        assert re.findall(r"(?<![\w.])/(?:work|tmp|root|home)/\S*", text) == []
