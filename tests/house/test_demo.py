"""The demo's parent: finds ports, waits for its children, says what one died of, and leaves none behind."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest

from engine.config.reading import parse
from engine.runtime import demo


@pytest.fixture
def family(tmp_path: Path) -> demo.Family:
    return demo.Family(env=dict(os.environ), logs=tmp_path)


def test_a_taken_port_is_passed_over() -> None:
    with socket.socket() as holder:
        holder.bind((demo.HOST, 0))
        holder.listen()
        taken = holder.getsockname()[1]
        assert demo.free_port(taken) > taken


def test_a_second_one_in_the_same_folder_is_told_so(tmp_path: Path) -> None:
    held = demo._alone(tmp_path)
    with pytest.raises(demo.DemoFailed, match=rf"another demo \(process {os.getpid()}\) is at work in"):
        demo._alone(tmp_path)
    held.close()
    demo._alone(tmp_path).close()


def test_its_configuration_is_valid_and_stays_in_the_demos_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENKEEL_DATA", str(tmp_path))
    folder = demo.demo_folder()
    assert folder == tmp_path / "demo"
    config = parse(demo.CONFIG.format(name="demo-1", host=demo.HOST, port=8765, folder=folder.as_posix()))
    assert config.run.base_url == "http://127.0.0.1:8765"
    assert (config.ai.mode, config.ai.base_url) == ("shadow", "http://127.0.0.1:8765/api/v1")
    assert config.database_url() == f"sqlite:///{tmp_path}/demo/evenkeel.db"


def test_nothing_of_a_real_run_reaches_the_children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://real")
    monkeypatch.setenv("EVENKEEL_RUN_NAME", "main")
    monkeypatch.setenv("EVENKEEL_HOME", "mine")
    env = demo._environment(tmp_path)
    assert {key: env[key] for key in env if "EVENKEEL" in key} == {
        "EVENKEEL_HOME": "mine",
        "EVENKEEL_DATA": str(tmp_path),
    }
    assert "DATABASE_URL" not in env


def test_a_child_that_dies_is_told_with_its_last_words(family: demo.Family) -> None:
    family.start("engine", "-c", "import sys; print('no such strategy'); sys.exit(78)")
    family.children[0][1].wait(20)
    with pytest.raises(demo.DemoFailed, match=r"(?s)engine ended with 78.*no such strategy"):
        family.wait_for("engine", lambda: False, threading.Event())


def test_children_are_ended_the_youngest_first(family: demo.Family, tmp_path: Path) -> None:
    order = tmp_path / "order"
    for name in ("sandbox", "engine"):
        ready = tmp_path / f"{name}.ready"
        os.mkfifo(ready)
        code = (
            "import signal, sys\n"
            f"def end(*_): open({str(order)!r}, 'a').write('{name} '); sys.exit(0)\n"
            "signal.signal(signal.SIGTERM, end)\n"
            f"open({str(ready)!r}, 'w').write('x')\n"
            "while True: signal.pause()"
        )
        family.start(name, "-c", code)
        assert ready.read_text() == "x"
    family.end()
    assert order.read_text() == "engine sandbox "
    assert [child.returncode for _, child in family.children] == [0, 0]


def test_a_deaf_child_is_killed(family: demo.Family, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "STOP_S", 0.2)
    ready = tmp_path / "ready"
    os.mkfifo(ready)
    code = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); open({str(ready)!r}, 'w').write('x'); signal.pause()"
    family.start("engine", "-c", code)
    assert ready.read_text() == "x"
    family.end()
    assert family.children[0][1].returncode == -9
