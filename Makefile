# Nothing but Python >= 3.11 and make is needed. PYTHON=python3.12 picks another interpreter.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PROMPT ?= a straight street with cars parked on the left and trees on the right

.PHONY: demo test test-large check format clean

demo: $(VENV)/ready
	$(BIN)/occforge generate "$(PROMPT)" --out out/demo --seed 0 --overwrite

test: $(VENV)/ready-dev
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

test-large: $(VENV)/ready-dev
	$(BIN)/python -m pytest -m large

check: $(VENV)/ready-dev
	$(BIN)/ruff format --check src tests benchmarks runs examples
	$(BIN)/ruff check src tests benchmarks runs examples
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

format: $(VENV)/ready-dev
	$(BIN)/ruff format src tests benchmarks runs examples
	$(BIN)/ruff check --fix src tests benchmarks runs examples

$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet -c constraints.txt -e .
	touch $@

$(VENV)/ready-dev: $(VENV)/ready
	$(BIN)/pip install --quiet -c constraints.txt -e ".[dev]"
	touch $@

clean:
	rm -rf $(VENV) out build dist
