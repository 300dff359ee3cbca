# What a person, a scheduler or a build server calls. `make` alone lists it.
#
# Packages come from requirements.lock alone, with their hashes, in stages: [run] is all that a report needs.
# Each stage leaves a stamp in .venv, so that a second call installs nothing.

MODEL  ?= flight_claims
PERIOD ?= 2013-09
ARGS   ?=

# The simulated claims desk has months of its own: PERIOD counts for it only when somebody gave it.
DESK        := data/claims_screening
DESK_PERIOD := $(if $(filter file,$(origin PERIOD)),2025-01,$(PERIOD))

VENV   := .venv
BIN    := $(VENV)/bin
PYTHON ?= python3 python3.13 python3.12 python3.11

# One thread a process: a busy machine makes threaded small predictions slower by a factor of a hundred.
export OMP_NUM_THREADS      ?= 1
export OPENBLAS_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help report desk test lab bench study lock lint clean

help:  ## list the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# Data that cannot carry the drift report (3), such as a first month, still have their health.
report: $(VENV)/.run  ## drift and monthly health of the real data (MODEL=flight_claims PERIOD=2013-09)
	@$(BIN)/afterlaunch run drift --model $(MODEL) --period $(PERIOD) $(ARGS) || [ $$? -eq 3 ]
	@$(BIN)/afterlaunch run monthly_health --model $(MODEL) --period $(PERIOD) $(ARGS)

desk: $(DESK)/answer_key.json  ## the same of a simulated claims desk (PERIOD=2025-01)
	@$(BIN)/afterlaunch run drift --model claims_screening --period $(DESK_PERIOD) $(ARGS) || [ $$? -eq 3 ]
	@$(BIN)/afterlaunch run monthly_health --model claims_screening --period $(DESK_PERIOD) $(ARGS)

test: $(VENV)/.test  ## every test (ARGS="-k scoring_log" for some)
	@$(BIN)/python -m pytest $(ARGS)

lab: $(VENV)/.lab  ## JupyterLab in notebooks/
	@cd notebooks && ../$(BIN)/python -m jupyterlab $(ARGS)

bench: $(VENV)/.run  ## where a run's time goes, and what millions of requests cost, against floors of the same run
	@$(BIN)/python tests/bench.py $(ARGS)
	@$(BIN)/python tests/bench_requests.py
	@$(BIN)/python tests/bench_drift.py --millions 2 20 $(ROWS) $(if $(PEERS),--peers)

study: $(VENV)/.run  ## the long simulations behind the documented error rates
	@for study in tests/study_*.py; do echo "make: $$study"; $(BIN)/python "$$study" || exit 1; done

lint: $(VENV)/.test  ## style, types, and notebooks without outputs
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/nbstripout --verify --keep-id --extra-keys metadata.language_info.version notebooks/*.ipynb

lock: $(VENV)/.lock  ## requirements.lock anew, with the newest versions that pyproject.toml allows
	@$(BIN)/python .ci/lock.py

clean:  ## remove .venv and caches; outputs/ stays
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage .coverage.* lib/*.egg-info
	find lib tests notebooks .ci -name __pycache__ -type d -prune -exec rm -rf {} +

# Made anew when the simulation changes; `make clean` leaves it.
$(DESK)/answer_key.json: $(wildcard lib/afterlaunch/examples/claims_screening.py lib/afterlaunch/examples/desk_*.py) | $(VENV)/.run
	@$(BIN)/python -m afterlaunch.examples.claims_screening --out $(DESK)

# --- the environment -------------------------------------------------------------------------------------

PIP := $(BIN)/python -m pip --disable-pip-version-check install -qq --no-input --compile

# The packages of one section: `# [run]` opens it, the next title closes it.
define install
	@echo "make: installing what '$(1)' needs into $(VENV)"
	@awk '/^. \[/ { inside = index($$0, "[$(1)]") } inside' requirements.lock > $(VENV)/$(1).txt
	@$(PIP) --require-hashes --only-binary :all: --requirement $(VENV)/$(1).txt
endef

$(VENV)/.run: requirements.lock pyproject.toml $(BIN)/python
	$(call install,run)
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.test $(VENV)/.lab $(VENV)/.lock: $(VENV)/.%: $(VENV)/.run
	$(call install,$*)
	@touch $@

# A candidate may be a shim that fails, too old, too new, or without venv: the first that really works is taken.
FITS := import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))

$(BIN)/python:
	@for python in $(PYTHON); do \
	    if "$$python" -c '$(FITS)' > /dev/null 2>&1; then \
	        echo "make: $(VENV) from $$("$$python" --version) ($$python)"; \
	        "$$python" -m venv --clear $(VENV) && exit 0; \
	        rm -rf $(VENV); exit 1; \
	    fi; \
	done; \
	echo "make: no Python 3.11, 3.12 or 3.13 with its venv module among: $(PYTHON)." >&2; \
	echo "make: install one (Debian: python3 and python3-venv), or name yours: make PYTHON=/path/to/python3" >&2; \
	exit 1
