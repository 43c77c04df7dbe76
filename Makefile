# `make run` serves the dashboard, `make test` runs everything that CI runs.
VENV   := .venv
BIN    := $(VENV)/bin
SUDO   := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
PYTHON ?= python3

.PHONY: run test check unit browser bench weights messages pictures clean

run: $(VENV)/app.installed
	$(BIN)/streamlit run app.py

test: check unit browser

check: $(VENV)/dev.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

unit: $(VENV)/dev.installed
	$(BIN)/pytest -n 2 -m "not browser and not gpu"

browser: $(VENV)/dev.installed $(VENV)/chromium.installed
	$(BIN)/pytest -n 2 -m browser

bench: $(VENV)/bench.installed $(VENV)/chromium.installed
	$(BIN)/python -m benchmarks

# Fetch the official weights of a class, for a room without a network.
weights: $(VENV)/app.installed
	$(BIN)/python -m cnnviz.engine.weights classroom

# Collect the English sentences and bring the Korean catalogue up to date; then translate what is new.
messages: $(VENV)/app.installed
	$(BIN)/pybabel extract -k N_ --no-location --sort-output -o cnnviz/locale/cnnviz.pot app.py cnnviz pages
	$(BIN)/pybabel update -i cnnviz/locale/cnnviz.pot -d cnnviz/locale -D cnnviz --no-fuzzy-matching --ignore-obsolete --omit-header --no-wrap

# Let every lesson draw its card, and the README its screenshots.
pictures: $(VENV)/dev.installed $(VENV)/chromium.installed
	$(BIN)/python -m tests.browser.pictures

$(BIN)/python:
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); $(SUDO) apt-get update && $(SUDO) apt-get install -y python3-venv && $(PYTHON) -m venv $(VENV); }

$(VENV)/app.installed: requirements.txt | $(BIN)/python
	$(BIN)/python -m pip install --disable-pip-version-check -r requirements.txt
	touch $@

$(VENV)/dev.installed: requirements-dev.txt $(VENV)/app.installed
	$(BIN)/python -m pip install --disable-pip-version-check -r requirements-dev.txt
	touch $@

# The peers. rfa_toolbox declares an older Python than it runs on.
$(VENV)/bench.installed: $(VENV)/dev.installed
	$(BIN)/python -m pip install --disable-pip-version-check torchinfo==1.8.0 graphviz==0.21 faster-coco-eval==1.8.0
	$(BIN)/python -m pip install --disable-pip-version-check --ignore-requires-python --no-deps rfa-toolbox==1.7.0
	touch $@

$(VENV)/chromium.installed: | $(BIN)/python
	command -v chromium || { $(SUDO) apt-get update && $(SUDO) apt-get install -y chromium fonts-noto-cjk; }
	touch $@

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
