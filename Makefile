# Everything a person does with the checkout. `make run` and `make test` work on a fresh machine.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: setup run test lint bench android android-test schema wheel clean

setup: $(STAMP)  ## the environment with every extra

$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[all]'
	touch $@

run: $(STAMP)  ## the main job: measure the built-in model on this machine and report
	$(BIN)/benchfarm run scenarios/quickstart.yaml

test: $(STAMP) lint  ## lint, types, the Android runner where its tools are, and the whole test suite
	$(BIN)/python -m android_app.build apk --where-possible
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(STAMP)  ## the figures the project claims about itself; takes a while, wants a quiet machine
	$(BIN)/python -m tests.benchmarks

android: $(STAMP)  ## the Android runner: signed APKs and the jar for app_process, in build/android
	$(BIN)/python -m android_app.build apk

android-test: $(STAMP)  ## the Android runner's own tests, on this machine's JVM
	$(BIN)/python -m android_app.build test

schema: $(STAMP)  ## write scenarios/schema.json anew
	$(BIN)/benchfarm schema > scenarios/schema.json

wheel: $(STAMP)  ## with the Android runners; BENCHFARM_WHEEL=pure makes one without
	$(BIN)/python -m build --wheel

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
