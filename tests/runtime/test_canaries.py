"""A real engine with planted secrets, at its most talkative: none of them stands in any file it leaves, nor on its terminal."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.access.test_redact import CANARIES
from tests.crash.session import ROOT, market
from tests.runtime.processes import living, stopped

pytestmark = pytest.mark.long
TELLS = """        import logging, os

        logging.getLogger("evenkeel.mine").error("key %s", os.environ["OPENROUTER_API_KEY"])
        minute ="""


def test_no_file_of_an_engine_holds_a_planted_secret_and_none_is_open_to_others(tmp_path: Path) -> None:
    with market(7_200, hold=True, speed=120) as place:
        engine = living(tmp_path / "engine", place)
        engine.config.write_text(f'[log]\nlevel = "debug"\n{engine.config.read_text()}')
        strategy = engine.folder / "my" / "strategies" / "holder.py"
        strategy.write_text(strategy.read_text().replace("        minute =", TELLS))
        secrets = engine.folder / "my" / ".env"
        secrets.write_text("".join(f"{name}='{value}'\n" for name, value in CANARIES.items()))
        secrets.chmod(0o600)
        with engine.running() as process:
            engine.until("SELECT count(*) > 1 FROM equity", process, 150)
            backup = [sys.executable, str(ROOT / "run_engine.py"), "backup", "--config", str(engine.config)]
            subprocess.run(backup, cwd=ROOT, env=engine.environment(), capture_output=True, timeout=120, check=False)
            assert stopped(process) == 0
    looked = 0
    for path in engine.folder.rglob("*"):
        if not path.is_file() or path == secrets:
            continue
        content = path.read_bytes()
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                content += b"".join(archive.read(name) for name in archive.namelist())
        assert b"canary" not in content, path
        looked += 1
        if os.name == "posix" and path.relative_to(engine.folder).parts[0] not in ("my", "config.toml", "engine.out"):
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, f"{path} is open to others"
    assert looked > 5
    assert any(b"key ***" in path.read_bytes() for path in engine.folder.rglob("engine.log"))
