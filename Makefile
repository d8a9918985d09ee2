# make demo   install into .venv, train a small team, evaluate it beside the scripted ones
# make test   install into .venv, run the fast tests, as many at once as there are processors
# make check  lint, format and types
# make clean  remove what these made

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test check clean

demo: $(VENV)/.zoo
	rm -rf demo
	$(BIN)/soc-env train single-drl --config single-drl-demo --seed 42 --output demo/single-drl
	$(BIN)/soc-env evaluate rule-soar tuned-soar zero-enrich demo/single-drl --episodes 1000 --output demo/table

test: $(VENV)/.dev
	$(BIN)/pytest -n auto --maxprocesses 8 --dist worksteal

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# torch comes first and by its pinned version, so that no other package asks for the newest one.
$(VENV)/.zoo: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet -c constraints.txt torch
	$(BIN)/pip install --quiet -c constraints.txt -e '.[zoo]'
	touch $@

$(VENV)/.dev: $(VENV)/.zoo
	$(BIN)/pip install --quiet -c constraints.txt -e '.[dev]'
	touch $@

# RLlib's tests: its pins do not go with ours.
.venv-rllib/.installed: pyproject.toml constraints-rllib.txt
	$(PYTHON) -m venv .venv-rllib
	.venv-rllib/bin/pip install --quiet -c constraints-rllib.txt torch
	.venv-rllib/bin/pip install --quiet -c constraints-rllib.txt -e '.[rllib]' pytest pytest-timeout
	touch $@

clean:
	rm -rf $(VENV) .venv-rllib demo build dist *.egg-info
