"""Home.py by another door: AppTest takes a script with a folder pages/ beside it for the older kind of multipage app on every
run, which a server does only until st.navigation has been called once. Here there is no such folder."""

import runpy
from pathlib import Path

runpy.run_path(str(Path(__file__).resolve().parents[2] / "Home.py"), run_name="__main__")
