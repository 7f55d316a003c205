# `make help` lists the targets. Each target does its own set-up.
.DEFAULT_GOAL := help
.PHONY: help demo test check format lint types contracts migrate drill drill-long lock clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes

# Three processes for the two cores that CI has, since whole runs wait for vendors half of the time; each starts the
# servers that its tests ask for, so tests stay with their neighbours until another process has nothing left to do.
PYTEST := $(BIN)/python -m pytest --numprocesses 3 --dist worksteal

export SCRIPT SCRIPT_FILE KEEP PICTURE SEED

help: ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(VENV)/.demo ## Film the example scene; SCRIPT="..." or SCRIPT_FILE=path says something else, KEEP=1 leaves servers up
	@$(BIN)/python starter.py demo $${SCRIPT:+--script "$$SCRIPT"} $${SCRIPT_FILE:+--script-file "$$SCRIPT_FILE"} \
		$${PICTURE:+--picture "$$PICTURE"} $${KEEP:+--keep}

test: $(VENV)/.dev ## Run all tests
	@$(PYTEST)

check: $(VENV)/.dev ## Format, lint, types, import contracts, tests
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/basedpyright --level error
	@$(BIN)/lint-imports
	@$(PYTEST)

format: $(VENV)/.dev ## Format the code and sort imports
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix-only .

lint: $(VENV)/.dev ## Look for mistakes
	@$(BIN)/ruff check .

types: $(VENV)/.dev ## Check types, strictly
	@$(BIN)/basedpyright --level error

contracts: $(VENV)/.dev ## Check which folder may import which
	@$(BIN)/lint-imports

migrate: $(VENV)/.demo ## Bring the database of DATABASE_URL to the newest schema
	@$(BIN)/python -m runtime.migrate

drill: $(VENV)/.dev ## Kill workers and servers at every crash point and judge by the vendors' bill; SEED=7 replays a random run
	@$(BIN)/python -m bench.chaos $${SEED:+--seed "$$SEED"}

drill-long: $(VENV)/.dev ## The same at every point of every paid step, with 200 random runs; takes about half an hour
	@$(BIN)/python -m bench.chaos --long

LOCK := $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-header --quiet

lock: $(VENV)/.dev ## Resolve the requirements anew and write the hashed locks
	@$(LOCK) --upgrade --output-file requirements.lock
	@$(LOCK) --upgrade --extra embedded --constraint requirements.lock --output-file requirements-demo.lock
	@$(LOCK) --upgrade --extra embedded --extra dev --constraint requirements-demo.lock \
		--output-file requirements-dev.lock

clean: ## Remove the environment and everything that demos have made
	rm -rf $(VENV) .devatar

$(VENV)/.made:
	@echo "making $(VENV)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.demo: requirements-demo.lock | $(VENV)/.made
	@echo "installing from requirements-demo.lock"
	@$(PIP_INSTALL) -r requirements-demo.lock
	@touch $@

$(VENV)/.dev: requirements-dev.lock | $(VENV)/.made
	@echo "installing from requirements-dev.lock"
	@$(PIP_INSTALL) -r requirements-dev.lock
	@touch $@ $(VENV)/.demo
