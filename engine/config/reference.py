"""docs/configuration.md, made from the settings' own declarations.

    python -m engine.config.reference > docs/configuration.md

A test compares the file to the letter. Only the words around the tables are written here.
"""

from __future__ import annotations

import sys
from typing import Any

from engine.config.keys import Key, keys, tables, words_of
from engine.config.text import toml

HEAD = """\
# Configuration

One file, `my/config.toml` (or the one that `EVENKEEL_CONFIG` names), says everything that a run is told. `run_engine.py init`
writes it with five questions; `config.example.toml` shows every setting; `run_engine.py config check` says whether it is
right. This page is made from the same declarations (`python -m engine.config.reference > docs/configuration.md`).

```toml
[limits]
max_positions = 2

[[slots]]
strategy = "sma_cross"
symbols = ["BTC/USD", "ETH/USD"]
timeframe = "1h"
params = { fast = 10, slow = 50 }
stop = 0.02
```

## Three ways to change it

* **An editor.** Save as you like: in place, by renaming, with backups. The engine reads the file once it has stood still for a
  quarter of a second, and looks every five seconds where the file system tells nothing.
* **The page Settings.** A form and the text with its comments, both of the same draft. It shows what would change and when each
  change acts before anything is written, and it never writes over a file that was edited meanwhile. Its versions say what each
  configuration earned, and bring an old one back into the draft. (`.config.toml.by` beside the file notes what the app wrote,
  so that a version can say where it came from; `.config.toml.lock` keeps two tabs apart.)
* **The environment.** `EVENKEEL_<TABLE>_<KEY>` lies over the file, `EVENKEEL_LIMITS_MAX_POSITIONS=2`; `EVENKEEL_DATA` and
  `DATABASE_URL` name `storage.data_dir` and `storage.database_url`. `[[slots]]` come from the file alone.

Secrets (tokens, passwords of channels, keys) never stand in the file: they come from the environment or `my/.env`.

## When a change acts

| a change of | acts |
| --- | --- |
| `log.level`, `engine.slot_budget_ms` | at once |
| parameters, exits, sizes, costs, stricter limits, a slot more or off | at the next bar's close; stops stay |
| a slot less | it enters no more, manages what it holds, and is gone when it is flat |
| a looser limit, shorts, exchange, folders | at the next start: an edit alone never allows more risk |
| `account.cash` | only in a new run: `cash AMOUNT` moves money, `run --new NAME` starts anew |

Every configuration that was in force is a version; signals, orders and trades name theirs. An edit that is wrong changes
nothing: the engine trades on under the old one and says what is wrong in its log, on the page Settings and by an alert. The
same holds where the file is gone, emptied, no text in UTF-8, larger than 256 KiB, a folder, or one that every user may write.
"""

OFF = "left out"


def reference() -> str:
    """The whole page."""
    return HEAD + "".join(_table(name) for name in tables())


def _table(name: str) -> str:
    model = tables()[name]
    title = "[[slots]]" if name == "slots" else f"[{name}]"
    lines = [f"\n## `{title}`\n\n{words_of(model)}\n\n| key | default | allowed | what it is | a change acts |\n"]
    lines.append("| --- | --- | --- | --- | --- |\n")
    for key in keys(name):
        lines.append(_row(key.name, key))
        if key.model is not None:
            lines += [_row(f"{key.name}.{inner.name}", inner) for inner in keys(name, key.model)]
    return "".join(lines)


def _row(name: str, key: Key) -> str:
    words = [f"`{name}`", _default(key.default), key.allowed, key.words, key.acts]
    return f"| {' | '.join(word.replace('|', chr(92) + '|') for word in words)} |\n"


def _default(value: Any) -> str:
    return OFF if value is None else f"`{toml(value)}`"


if __name__ == "__main__":
    sys.stdout.write(reference())
