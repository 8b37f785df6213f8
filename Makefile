# Two commands for a newcomer: `make serve` and `make test`. The rest is for those who stay.
#
# The system's own Python is preferred over others on PATH: Apache's mod_wsgi is linked to it.
PYTHON ?= $(firstword $(wildcard /usr/bin/python3) python3)
VENV   ?= .venv
BIN    := $(VENV)/bin
HOST   ?= 127.0.0.1
PORT   ?= 8080
SOURCES := $(shell find src -type f -not -name '*.pyc') pyproject.toml README.md
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: help serve test quick figures bench plate lint format lock apt node clean
help: ## say what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements-pictures.txt | $(BIN)/python
	@echo "installing what uploadsvc stands on, for all formats of pictures (once, some ten seconds)"
	@$(PIP) install --require-hashes -r requirements-pictures.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.runtime
	@echo "installing the tools of the tests (once, about half a minute)"
	@$(PIP) install --require-hashes -r requirements-dev.txt
	@touch $@

# A wheel, as everybody else gets it: neither serving nor the tests use the source folder.
$(VENV)/.installed: $(SOURCES) $(VENV)/.runtime
	@$(PIP) install --no-deps --no-build-isolation --force-reinstall .
	@touch $@

serve: $(VENV)/.installed ## serve on http://127.0.0.1:8080, everything under ./data
	@$(BIN)/uploadsvc serve --host $(HOST) --port $(PORT)

test: apt node lint ## everything, with small counts (CI runs this)
	$(BIN)/python -m pytest --cov --cov-report=term --cov-fail-under=$(FLOOR)

quick: lint ## what needs no other server, in under a minute
	$(BIN)/python -m pytest -m "not live and not browser" -q

figures: $(VENV)/.dev $(VENV)/.installed apt node ## the full counts; prints the table of figures
	$(BIN)/python -m pytest --full -q

# BENCH=upload measures one of them; BENCH= all of them at a glance.
BENCH ?= --full
bench: $(VENV)/.dev $(VENV)/.installed ## measure beside the peers; prints the tables of docs/performance.md
	@sh tests/debian-packages.sh eatmydata systemd nginx
	@command -v npm >/dev/null || sh tests/debian-packages.sh nodejs npm
	$(BIN)/python -m benchmarks $(BENCH)

plate: $(VENV)/.dev $(VENV)/.installed ## draw docs/pictures.webp, pictures before and after
	$(BIN)/python -m benchmarks.plate docs/pictures.webp

lint: $(VENV)/.dev $(VENV)/.installed ## style, types and import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev ## lay the code out
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Branch coverage of what runs inside the test process; raised, never lowered.
FLOOR := 90

# What the live tests start. Nothing is done where it is all there, or where it cannot be done.
DEBIAN := apache2 libapache2-mod-wsgi-py3 libapache2-mod-xsendfile nginx chromium nodejs strace systemd
apt:
	@sh tests/debian-packages.sh $(DEBIAN)

node:
	@sh tests/node-packages.sh

lock: ## pin the dependencies anew, with hashes and without addresses
	$(PYTHON) -m venv .lock
	.lock/bin/pip --disable-pip-version-check --quiet install uv
	.lock/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	  --no-header --no-annotate pyproject.toml --group build -o requirements.txt
	.lock/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	  --no-header --no-annotate -c requirements.txt pyproject.toml --all-extras --group build \
	  -o requirements-pictures.txt
	.lock/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	  --no-header --no-annotate -c requirements-pictures.txt pyproject.toml --all-extras \
	  --group build --group dev -o requirements-dev.txt
	rm -r .lock

clean: ## remove what was built, never ./data
	rm -rf $(VENV) tests/node/node_modules build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .coverage tests-out
