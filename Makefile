# Evenkeel's commands. Two are all one needs on a fresh machine: `make demo` and `make test`.
# Written for GNU make 3.81 (macOS) and newer, POSIX sh, no GNU-only tools.

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.14; do \
  if $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1; then echo $$p; exit; fi; done; echo python3)
VENV := .venv
PY := $(VENV)/bin/python
N ?= 1000
# Where Python may not keep what it compiled, each of the suite's hundred processes compiles everything again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install install-dev demo test long check bench load oracles clouds crash simulate shots app engine stop tmux lock audit sbom format

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' Makefile

install: ## make .venv and install what a user needs (locked)
	@$(PYTHON) tools/install.py user

install-dev: ## the same, with what a developer adds
	@$(PYTHON) tools/install.py dev

demo: install ## a sandbox exchange, the engine on it and the app, in one go; Ctrl-C ends all three
	@$(PY) run_engine.py demo $(ARGS)

engine: install ## the engine with my/config.toml
	@$(PY) run_engine.py run $(ARGS)

stop: ## stop the engine and the worker, and wait until they have ended
	@$(PYTHON) tools/stop.py

app: install ## the app alone, on the data folder
	@$(PY) -m streamlit run Home.py $(ARGS)

tmux: install ## engine, app and log side by side in a tmux session
	@sh tools/tmux.sh

test: install-dev ## the whole test suite
	@$(PY) -m tests.warm
	@$(PY) -m pytest -n 4 --dist loadfile --no-loadscope-reorder --max-worker-restart 0 $(ARGS)

long: install-dev ## what takes hours: the long tests, ten thousand kills, two thousand seeds, every seeded bug, every storage call, a day in one process
	@$(PY) -m pytest -m long -n 2 --dist loadfile --max-worker-restart 0 $(ARGS)
	@$(PY) -m tests.crash --kills 10000
	@$(PY) -m tests.simulation --seeds 2000
	@$(PY) -m tests.simulation --bugs
	@$(PY) -m tests.simulation --every-storage-call
	@$(PY) -m tests.simulation --soak

check: install-dev ## lint, format, types, layers
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@$(VENV)/bin/lint-imports --no-logo

format: install-dev ## let ruff format and mend what it can
	@$(PY) -m ruff format .
	@$(PY) -m ruff check --fix .

bench: install-dev ## what we claim about speed, against the peers
	@$(PY) -m benchmarks $(ARGS)

load: install-dev ## how much engine and app bear: ticks, sessions, the HTTP door, alerts, a long ledger; a report in .cache/load (ARGS=--quick)
	@$(PY) -m benchmarks.load $(ARGS)

oracles: install-dev ## the peers' own numbers, in environments of their own
	@$(PY) -m tests.oracles $(ARGS)

clouds: install-dev ## the cloud scripts against stand-ins: moto's AWS in an environment of its own, a noted-down gcloud
	@$(PY) -m tests.deploy.clouds $(ARGS)

crash: install-dev ## kill the engine N times (make crash N=10000)
	@$(PY) -m tests.crash --kills $(N) $(ARGS)

simulate: install-dev ## the whole engine under a virtual clock, N seeds of faults (make simulate N=100000)
	@$(PY) -m tests.simulation --seeds $(N) $(ARGS)

shots: install-dev ## a picture of every page, light and dark, wide and narrow
	@$(PY) -m tools.shots $(ARGS)

lock: install-dev ## resolve requirements*.in anew into the locked requirements*.txt
	@sh tools/lock.sh

audit: install-dev ## known holes in the locked packages (wants the network; says so without)
	@sh tools/audit.sh

sbom: install ## the locked packages as a bill of materials, sbom.json
	@$(PY) tools/sbom.py > sbom.json && echo "sbom.json"
