# Two commands: `make demo` opens a small real lab, `make test` runs every check. Each sets up what it needs.
PYTHON ?= python3
VENV := .venv
READY := $(VENV)/ready
DEMO ?= nightlab-demo
ARGS ?=

# Tests start some thousand processes of ours: each would compile every module anew where the environment says so.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test tests check fast acceptance torture snapshots bench soak walls clean

# `make demo ARGS="--headless --experiments 6"` passes arguments on; DEMO names the lab's folder.
demo: $(READY)
	@$(VENV)/bin/nightlab demo $(DEMO) $(ARGS)

# Side by side: tests often wait for processes, so two cores have room for four workers and for the checks.
test: $(READY)
	@$(MAKE) --no-print-directory -j 2 check tests

tests: $(READY)
	$(VENV)/bin/pytest -q -n 4

check: $(READY)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

# What one needs while writing: no training, no terminal.
fast: $(READY)
	$(VENV)/bin/pytest -q -n 4 -m "not gpu and not slow and not acceptance"

# The product in tmux, point by point (about ten minutes); `make test` has the quick points of it.
acceptance: $(READY)
	$(VENV)/bin/pytest -q -n 0 -m "not gpu" tests/acceptance

# A thousand seeded kills and faults over a real lab, then the proof that nothing was lost (half an hour); `make test` has a
# short night of it. `make torture ARGS="--seed 2"` is another one, `ARGS=--real` one of fifty with real training.
torture: $(READY)
	$(VENV)/bin/python -m tests.torture $(ARGS)

# What the screens show of each scenario, written anew. Read the difference before you commit it.
snapshots: $(READY)
	$(VENV)/bin/python -m tests.tui.frames

bench: $(READY)
	$(VENV)/bin/python -m tests.bench.start --quick
	$(VENV)/bin/python -m tests.bench.view --quick

# 10,000 experiments of a synthetic lab: memory, files, disk, latency (about fifteen minutes; ARGS="--experiments 500" is short).
soak: $(READY)
	$(VENV)/bin/python -m tests.bench.soak $(ARGS)

$(READY): pyproject.toml
	@command -v git >/dev/null || { echo "nightlab needs git: install it first"; exit 1; }
	@command -v bwrap >/dev/null || $(MAKE) --no-print-directory walls
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	@echo "Setting up $(VENV) (about a minute, once) ..."
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[nanochat,dev]'
	@touch $(READY)

# The walls around agents' commands are made by bubblewrap.
walls:
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "Installing bubblewrap ..."; \
		apt-get install -y -qq bubblewrap >/dev/null || { apt-get update -qq && apt-get install -y -qq bubblewrap >/dev/null; }; \
	else \
		echo "bubblewrap is not installed (apt-get install bubblewrap): its tests will fail"; \
	fi

clean:
	rm -rf $(VENV)
