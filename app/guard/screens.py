"""The two screens outside the app, as whole HTML documents: log in, log out. No script, nothing loaded, nothing from data."""

from __future__ import annotations

from html import escape

from app.palette import DARK, LIGHT

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>
:root {{ color-scheme: light dark; --ground: {light.ground}; --words: {light.text}; --accent: {light.accent};
  --loss: {light.loss}; --line: {light.border}; --on: {light.on_badge} }}
@media (prefers-color-scheme: dark) {{ :root {{ --ground: {dark.ground}; --words: {dark.text}; --accent: {dark.accent};
  --loss: {dark.loss}; --line: {dark.border}; --on: {dark.on_badge} }} }}
body {{ margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--ground); color: var(--words);
  font: 14px/1.5 system-ui, sans-serif }}
form {{ width: min(22rem, calc(100vw - 3rem)); display: grid; gap: .75rem }}
h1 {{ font-size: 1.35rem; font-weight: 600; margin: 0 }} p {{ margin: 0 }} label {{ display: grid; gap: .25rem }}
input, button {{ font: inherit; padding: .55rem .7rem; border-radius: 4px; border: 1px solid var(--line) }}
input {{ background: transparent; color: inherit }}
input:focus-visible, button:focus-visible {{ outline: 2px solid var(--accent) }}
button {{ background: var(--accent); border-color: var(--accent); color: var(--on); font-weight: 600; cursor: pointer }}
.wrong {{ color: var(--loss) }}
</style></head><body><form method="post" action="{action}"><h1>Evenkeel</h1>{body}</form></body></html>"""


def login(action: str, wrong: str = "") -> str:
    """The password's form; `action` is where it is sent, `wrong` says why the last try failed."""
    said = f'<p class="wrong" role="alert">{escape(wrong)}</p>' if wrong else ""
    body = (
        said
        + '<label>Password<input type="password" name="password" autocomplete="current-password" autofocus required>'
        "</label><button>Log in</button>"
    )
    return _page("Log in - Evenkeel", action, body)


def logout(action: str) -> str:
    """Asks once: a link alone must log nobody out."""
    body = "<p>Log out here and in every other tab of this browser? The engine goes on.</p><button>Log out</button>"
    return _page("Log out - Evenkeel", action, body)


def _page(title: str, action: str, body: str) -> str:
    return _PAGE.format(title=title, action=escape(action), body=body, light=LIGHT, dark=DARK)
