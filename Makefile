# Everything sets itself up in .venv; a fresh machine needs python3 (3.11 or newer) with venv, make, git.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.ready
CORES  := $(shell nproc 2>/dev/null || echo 2)
SEEDS  ?= 1000
KILLS  ?= 20
COMPILE = $(BIN)/uv pip compile -q --universal --generate-hashes --no-header --python-version 3.11 \
	--all-extras pyproject.toml

.PHONY: demo test lint bench sim life kill lock wheel clean

demo: $(STAMP)
	@$(BIN)/wispbill demo $(ARGS)

test: $(STAMP)
	@$(BIN)/python -m pytest -n $(CORES) -m "not long" $(ARGS)

lint: $(STAMP)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: $(STAMP)
	@$(BIN)/python -m bench $(ARGS)

sim: $(STAMP)
	@$(BIN)/python -m tests.simulation --seeds $(SEEDS) $(ARGS)

life: $(STAMP)
	@$(BIN)/python -m tests.simulation.life $(ARGS)

kill: $(STAMP)
	@WISPBILL_KILLS=$(KILLS) $(BIN)/python -m pytest tests/acceptance/test_kill.py $(ARGS)

wheel: $(STAMP)
	@$(BIN)/python -m pip -q wheel --no-deps --no-build-isolation -w dist .

lock: $(STAMP)
	@$(BIN)/python -m pip -q install uv
	@$(COMPILE) --group dev -o requirements-dev.lock
	@$(COMPILE) --group build -c requirements-dev.lock -o requirements.lock

$(STAMP): requirements-dev.lock pyproject.toml
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip -q install --require-hashes -r requirements-dev.lock
	@$(BIN)/python -m pip -q install --no-deps --no-build-isolation -e .
	@touch $@

clean:
	rm -rf $(VENV) dist .mypy_cache .ruff_cache .hypothesis
