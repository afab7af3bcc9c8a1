"""What no file of ours does: HTML out of data, SQL glued together, code out of data, a shell, TLS without proof."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("engine", "db", "app", "pages", "tools", "deploy")
FILES = sorted(
    [path for room in ROOMS for path in (ROOT / room).rglob("*.py")] + [ROOT / "Home.py", ROOT / "run_engine.py"]
)
TAG = re.compile(r"</?[a-z!][a-z0-9-]*[\s>/]")
BANNED = {
    "eval", "exec", "compile", "__import__", "pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve",
    "yaml", "os.system", "os.popen", "pandas.read_pickle", "pd.read_pickle", "torch.load", "xml.etree", "tempfile.mktemp",
}  # fmt: skip
ALLOWED = {
    ("engine/strategies/catalog.py", "exec"): "a person's own strategy file is code",
    ("engine/strategies/catalog.py", "compile"): "a person's own strategy file is code",
}
KNOWN = {
    "app/go_live_views.py": {
        "tone": "a word of ours", "mark": "a sign of ours", "part": "escaped where it is made",
        "todo": "made in the same function",
        "_code(check.found)": "escaped there", "_code(check.todo)": "escaped there",
        "''.join((_row(made[name]) for name in names if name in made))": "made in the same file",
    },
    "app/guard/screens.py": {"said": "escaped where it is made"},
    "app/doubt_views.py": {
        "grade": "a key of GRADES, looked up in the same words",
        "formats.GRADES[grade]": "a word of ours",
    },
    "app/journal_editor.py": {"(Path(__file__).parent / 'journal.js').read_text(encoding='utf-8')": "a file of ours"},
    "app/limits_views.py": {
        "head": "constants", "kind": "one of three words of ours",
        "''.join((_row(machine, one) for one in shown))": "made in the same file",
    },
    "app/ui.py": {
        "variables": "colours of the palette", "demo": "a constant", "''.join(parts)": "made in the same function",
        "label": "a word of ours", "formats.duration(ms)": "made of a number", "waited": "made of a number",
        "took": "made of a number", "why": "escaped where it is made", "kind": "escaped where it is made",
        "word": "one of two words of ours", "tone": "one of two words of ours", "dot": "one of three words of ours",
        "more": "one of two words of ours", "result": "made in the same function", "words": "escaped where it is made",
    },
    "pages/sweep.py": {"made.verdict.grade": "a word of ours", "words": "looked up in words of ours"},
    "pages/walk_forward.py": {
        "grade": "a key of GRADES, looked up in the same words",
        "formats.GRADES[grade]": "a word of ours",
    },
}  # fmt: skip
"""What goes into a tag without being escaped at that very place, and why it may."""
SQL_KNOWN = {
    "db/base.py", "db/schema.py", "db/session.py", "db/stranger.py", "engine/ledger/backup.py", "engine/ledger/export.py",
    "engine/ledger/portable.py", "engine/runtime/works.py", "tools/shots.py",
}  # fmt: skip
"""Files that put names of our own tables, columns and conditions into a statement; values are bound there, too."""


KINDS = (ast.Call, ast.JoinedStr, ast.Import, ast.ImportFrom, ast.Attribute, ast.FunctionDef)
Nodes = list[ast.AST]


def nodes_of(text: str) -> Nodes:
    return [node for node in ast.walk(ast.parse(text)) if isinstance(node, KINDS)]


def calls(nodes: Nodes) -> Iterator[tuple[str, ast.Call]]:
    for node in nodes:
        if isinstance(node, ast.Call):
            yield dotted(node.func), node


def dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


@pytest.fixture(scope="module")
def trees() -> dict[str, Nodes]:
    return {path.relative_to(ROOT).as_posix(): nodes_of(path.read_text(encoding="utf-8")) for path in FILES}


def test_no_code_out_of_data_and_no_shell(trees: dict[str, Nodes]) -> None:
    found = []
    for file, tree in trees.items():
        for node in tree:
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [f"{getattr(node, 'module', None) or ''}.{a.name}".strip(".") for a in node.names]
                found += [(file, name) for name in names if {name, name.split(".")[0]} & BANNED]
        for name, call in calls(tree):
            words = {key.arg: key.value for key in call.keywords}
            found += [(file, name)] if name in BANNED and (file, name) not in ALLOWED else []
            found += [(file, word) for word in ("shell", "allow_pickle") if _true(words.get(word))]
            found += (
                [(file, "verify")]
                if isinstance(words.get("verify"), ast.Constant) and not words["verify"].value
                else []
            )
            found += [(file, name)] if name.endswith(("_create_unverified_context", "disable_warnings")) else []
            found += [(file, "persist")] if "cache_data" in name and "persist" in words else []
        for node in tree:
            if isinstance(node, ast.Attribute) and node.attr == "CERT_NONE":
                found.append((file, "CERT_NONE"))
    assert found == []


def _true(value: ast.expr | None) -> bool:
    return value is not None and not (isinstance(value, ast.Constant) and value.value in (False, None))


STATEMENTS = ("text", "execute", "executemany", "exec_driver_sql")


def test_sql_is_never_glued_together_from_data(trees: dict[str, Nodes]) -> None:
    found = []
    for file, tree in trees.items():
        if file.startswith("db/migrations/"):
            continue  # our own names, run once
        for name, call in calls(tree):
            if name.rpartition(".")[2] in STATEMENTS and name != "st.text" and call.args:
                for part in _glued(call.args[0]):
                    if not _constant(part) and file not in SQL_KNOWN:
                        found.append((file, call.lineno, ast.unparse(part)))
    assert found == []


def _glued(node: ast.expr) -> Iterator[ast.expr]:
    """What is put into a statement's text."""
    if isinstance(node, ast.JoinedStr):
        yield from (part.value for part in node.values if isinstance(part, ast.FormattedValue))
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
        yield node.right
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
        yield from (*node.args, *(key.value for key in node.keywords))


def _constant(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) or (isinstance(node, ast.Name) and node.id.isupper())


def test_no_html_out_of_data(trees: dict[str, Nodes]) -> None:
    found = []
    for file, tree in trees.items():
        if not file.startswith(("app/", "pages/", "Home.py")):
            continue
        for _name, call in calls(tree):
            words = {key.arg: key.value for key in call.keywords}
            if _true(words.get("unsafe_allow_html")):
                found.append((file, call.lineno, "unsafe_allow_html"))
            if _true(words.get("unsafe_allow_javascript")) and not _constant(call.args[0]):
                found.append((file, call.lineno, "unsafe_allow_javascript"))
        for node in tree:
            if isinstance(node, ast.JoinedStr):
                fixed = "".join(str(part.value) for part in node.values if isinstance(part, ast.Constant))
                # a chart's hover words are Plotly's own language, drawn without scripts, images or links of data
                if TAG.search(fixed) and "%{" not in fixed:
                    found += [(file, node.lineno, one) for one in _raw(node) if one not in KNOWN.get(file, {})]
    assert found == []


def _raw(node: ast.JoinedStr) -> Iterator[str]:
    """What goes into the tag as it is: not escaped, no number, no constant."""
    for part in node.values:
        if isinstance(part, ast.FormattedValue) and part.format_spec is None and not _harmless(part.value):
            yield ast.unparse(part.value)


def _harmless(value: ast.expr) -> bool:
    if isinstance(value, ast.IfExp):
        return _harmless(value.body) and _harmless(value.orelse)
    if isinstance(value, ast.Subscript):
        return _constant(value.value)
    if isinstance(value, ast.Call):
        return dotted(value.func) in ("escape", "html.escape")
    return _constant(value)


def test_what_html_is_given_is_written_here(trees: dict[str, Nodes]) -> None:
    """st.html takes a constant, or words made in the same file, where the rule above looks at them."""
    found = []
    for file, tree in trees.items():
        own = {node.name for node in tree if isinstance(node, ast.FunctionDef)}
        for name, call in calls(tree):
            if name not in ("st.html", "streamlit.html") or not call.args:
                continue
            for part in _parts(call.args[0]):
                known = (
                    isinstance(part, ast.JoinedStr) or _constant(part) or ast.unparse(part).rpartition(".")[2].isupper()
                )
                made = isinstance(part, ast.Call) and dotted(part.func) in own
                if not known and not made:
                    found.append((file, call.lineno, ast.unparse(part)))
    assert found == []


def _parts(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        yield from _parts(node.left)
        yield from _parts(node.right)
    else:
        yield node


def test_the_rules_find_what_they_are_for() -> None:
    bad = nodes_of('st.html(f"<b>{name}</b>"); text(f"SELECT {name}"); text("a %s" % name)')
    joined = [node for node in bad if isinstance(node, ast.JoinedStr)]
    assert [list(_raw(one)) for one in joined] == [["name"], ["name"]]
    glued = [list(map(ast.unparse, _glued(call.args[0]))) for name, call in calls(bad) if name == "text"]
    assert glued == [["name"], ["name"]]
    fine = ast.parse('f"<b>{escape(name)} {GRADES[g]} {x:.1f} {A if b else C}</b>"').body[0].value  # type: ignore[attr-defined]
    assert list(_raw(fine)) == []
