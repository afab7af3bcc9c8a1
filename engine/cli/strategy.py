"""A strategy from its name and --param texts, or a refusal that says what there is."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

from engine.cli.failures import USAGE, Fail

if TYPE_CHECKING:
    from engine.strategies.base import Strategy


def make_strategy(name: str, params: list[str]) -> Strategy:
    """The strategy `name` with its parameters set; Fail (2) names what is unknown, wrong, and what is near."""
    from pydantic import ValidationError

    from engine.config.errors import explain, nearest
    from engine.strategies import catalog

    known = sorted(catalog.available())
    if name not in known:
        close = nearest(name, known)
        raise Fail(
            f"no strategy {name}; {f'did you mean {close}?' if close else 'there are ' + ', '.join(known)}", USAGE
        )
    cls = catalog.load(name)
    try:
        return cls(cls.Params.model_validate(parse_params(params)))
    except ValidationError as error:
        raise Fail(explain(error, cls.Params, name), USAGE) from None


def parse_params(texts: list[str]) -> dict[str, Any]:
    """`["fast=10", "kind=ema"]` as {"fast": 10, "kind": "ema"}: values as TOML reads them, else the text itself."""
    found: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key.strip().isidentifier():
            raise Fail(f"--param {text} is not name=value, as in --param fast=10", USAGE)
        if key.strip() in found:
            raise Fail(f"--param {key.strip()} is given twice", USAGE)
        found[key.strip()] = _value(value.strip())
    return found


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"v = {text}")["v"]
    except tomllib.TOMLDecodeError:
        return text
