"""What import-linter cannot say: the core's allow-list, the pages' imports, and that every module has a place."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

CORE_MAY = {
    "__future__", "bisect", "collections", "contextlib", "dataclasses", "decimal", "enum", "fractions", "functools", "gc",
    "hashlib", "heapq", "itertools", "math", "operator", "re", "types", "typing",
    "numpy", "numba", "engine.core",
}  # fmt: skip
"""numpy, numba, and what only calculates."""

APP_MAY = (
    "app",
    "db",
    "engine.access",
    "engine.config",
    "engine.core",
    "engine.strategies",
    "engine.analytics",
    "engine.research",
    "engine.market.store",
)

PLACES = {"app", "benchmarks", "db", "deploy", "engine", "pages", "tests", "tools", "docs"}


def imports(path: Path) -> Iterator[str]:
    """Every module a file imports, at its top or inside a function; `from a import b` as a.b."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def within(module: str, allowed: tuple[str, ...] | set[str]) -> bool:
    return any(module == name or module.startswith(name + ".") for name in allowed)


@pytest.mark.parametrize("path", sorted((ROOT / "engine" / "core").glob("*.py")), ids=lambda path: path.stem)
def test_the_core_is_pure(path: Path) -> None:
    assert [module for module in imports(path) if not within(module, CORE_MAY)] == []


def app_files() -> list[Path]:
    return [
        *sorted((ROOT / "app").rglob("*.py")),
        *sorted((ROOT / "pages").glob("*.py")),
        *sorted(ROOT.glob("Home.py")),
    ]


@pytest.mark.parametrize("path", app_files(), ids=lambda path: path.stem)
def test_the_app_reads_and_knows_no_runtime(path: Path) -> None:
    ours = [module for module in imports(path) if within(module, ("app", "db", "engine", "pages"))]
    assert [module for module in ours if not within(module, APP_MAY) and module != "engine.__version__"] == []


def test_every_module_has_a_place() -> None:
    code = [
        path.relative_to(ROOT) for path in ROOT.rglob("*.py") if not path.relative_to(ROOT).parts[0].startswith(".")
    ]
    tracked = [path for path in code if path.parts[0] not in ("my", "data")]
    strange = {path.parts[0] for path in tracked if len(path.parts) > 1} - PLACES
    assert strange == set()
    assert {path.name for path in tracked if len(path.parts) == 1} <= {"run_engine.py", "Home.py"}


def test_no_file_outgrows_its_reader() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for room in ("engine", "db", "app", "pages", "tools")
        for path in (ROOT / room).rglob("*.py")
        if (lines := len(path.read_text().splitlines())) > 400
    }
    assert long == {}
