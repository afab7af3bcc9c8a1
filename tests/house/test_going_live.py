"""Nothing but a person's own words, in the file and in the environment together, opens a way for real orders."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.config.diff import changes, effective
from engine.config.errors import ConfigError
from engine.config.going_live import AMOUNTS, check_live, key_names, keys_of, lacking, no_keys
from engine.config.live import PHRASE
from engine.config.model import Config
from engine.config.reading import parse
from engine.research import worker_start
from engine.venues.opening import open_port

KEYS = dict(zip(key_names("coinbase"), ("organizations/a/apiKeys/b", "-----BEGIN\\nabc\\n-----END"), strict=True))
LIVE = {
    "acknowledge": f'"{PHRASE}"', "capital": "500", "max_order": "50", "max_position": "100", "max_exposure": "400",
}  # fmt: skip


def config(live: dict[str, str], env: dict[str, str] | None = None, more: str = "", mode: str = "live") -> Config:
    table = "\n".join(f"{key} = {value}" for key, value in live.items())
    return parse(f'[run]\nmode = "{mode}"\n[live]\n{table}\n{more}\n[[slots]]\n', env=env)


def test_all_of_it_together_is_enough() -> None:
    made = config(LIVE, KEYS)
    assert lacking(made, KEYS) == []
    check_live(made, KEYS)
    assert made.cash == made.live.capital == 500
    assert keys_of("coinbase", KEYS)[1] == "-----BEGIN\nabc\n-----END"


def test_a_worker_gets_no_key_of_an_exchange(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("EVENKEEL_DATA", str(tmp_path))
    given: list[dict[str, str]] = []
    monkeypatch.setattr(worker_start.subprocess, "Popen", lambda *_, env, **__: given.append(env))
    worker_start.start()
    assert given[0]["EVENKEEL_DATA"] == str(tmp_path)
    assert not set(KEYS) & set(given[0])
    assert no_keys({**KEYS, "PATH": "/bin", "EVENKEEL_HOME": "my"}) == {"PATH": "/bin", "EVENKEEL_HOME": "my"}


@pytest.mark.parametrize("kept", [set(kept) for n in range(7) for kept in itertools.combinations([*LIVE, *KEYS], n)])
def test_each_part_is_asked_for_by_name_and_without_it_no_client_is_made(kept: set[str]) -> None:
    env = {name: value for name, value in KEYS.items() if name in kept}
    made = config({key: value for key, value in LIVE.items() if key in kept}, env)
    with pytest.raises(ConfigError) as refused:
        open_port(made, env)
    assert refused.value.exit_code == 78
    words = str(refused.value)
    for part in [*AMOUNTS, "acknowledge"]:
        assert (f"live.{part} is" in words) == (part not in kept)
    for name in KEYS:
        assert (name in words) == (name not in kept)


@pytest.mark.parametrize("said", ["", PHRASE.upper(), PHRASE + ".", " ".join(PHRASE.split()[:-1]), "yes"])
def test_the_sentence_is_typed_word_for_word(said: str) -> None:
    with pytest.raises(ConfigError, match="acknowledge is not the sentence"):
        check_live(config({**LIVE, "acknowledge": f'"{said}"'}), KEYS)


@pytest.mark.parametrize("name", ["RUN_MODE", "LIVE_ACKNOWLEDGE", *(f"LIVE_{key}".upper() for key in AMOUNTS)])
def test_the_environment_does_not_say_it_for_the_person(name: str) -> None:
    value = {"RUN_MODE": "live", "LIVE_ACKNOWLEDGE": PHRASE}.get(name, "300")
    env = {**KEYS, f"EVENKEEL_{name}": value}
    with pytest.raises(ConfigError, match=f"take EVENKEEL_{name} out of the environment"):
        check_live(config(LIVE, env, mode="paper" if name == "RUN_MODE" else "live"), env)


@pytest.mark.parametrize(
    ("live", "more", "words"),
    [
        ({"max_exposure": "501"}, "", "live.max_exposure = 501 is above live.capital = 500"),
        ({"max_order": "101"}, "", "live.max_order = 101 is above live.max_position = 100"),
        ({}, "[limits]\nmax_gross = 1.5", "is leverage"),
        ({}, "[account]\nallow_short = true", "cannot go short"),
        ({}, '[[slots]]\nlabel = "perp"\nsymbols = ["BTC/USD:USD"]', "is a perpetual"),
    ],
)
def test_what_spot_orders_cannot_be_is_refused(live: dict[str, str], more: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words.replace("(", r"\(")):
        check_live(config({**LIVE, **live}, more=more), KEYS)


@given(
    before=st.sampled_from(["paper", "dry", "live"]), after=st.sampled_from(["paper", "dry", "live"]), data=st.data()
)
def test_no_edit_goes_live_or_allows_more(before: str, after: str, data: st.DataObject) -> None:
    amount = st.sampled_from([None, "10", "40", "80"])
    tables = [
        {"acknowledge": f'"{PHRASE}"'} | {key: told for key in AMOUNTS if (told := data.draw(amount)) is not None}
        for _ in range(2)
    ]
    running, wanted = config(tables[0], mode=before), config(tables[1], mode=after)
    made = effective(running, wanted)
    assert (made.run.mode, made.cash) == (running.run.mode, running.cash)
    assert made.live.acknowledge == running.live.acknowledge
    for key in AMOUNTS:
        old, new = getattr(running.live, key), getattr(made.live, key)
        assert new == old or (old is not None and new is not None and new < old and key != "capital")
    assert changes(made, effective(made, wanted)) == []
