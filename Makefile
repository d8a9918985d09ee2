# make demo   install into .venv, train a small team, evaluate it beside the scripted ones
# make test   install into .venv, run the fast tests
# make check  lint, format and types
# make clean  remove what these made

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: demo test check clean

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet -c constraints.txt torch
	$(BIN)/pip install --quiet -c constraints.txt -e '.[dev]'
	touch $@

# RLlib's tests: its pins do not go with ours.
.venv-rllib/.installed: pyproject.toml constraints-rllib.txt
	$(PYTHON) -m venv .venv-rllib
	.venv-rllib/bin/pip install --quiet -c constraints-rllib.txt torch
	.venv-rllib/bin/pip install --quiet -c constraints-rllib.txt -e '.[ray]' pytest pytest-timeout
	touch $@

demo: $(INSTALLED)
	$(BIN)/soc-env train single-drl --config demo --seed 42 --output demo/single-drl
	$(BIN)/soc-env evaluate rule-soar tuned-soar zero-enrich demo/single-drl --episodes 500 --output demo/table

test: $(INSTALLED)
	$(BIN)/pytest

check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) demo build dist *.egg-info
