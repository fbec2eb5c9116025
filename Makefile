# make demo, make test and make lint install what they need. docs/install.md has other ways to install.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TOOLS := .venv-tools
CORES ?= all
AISI_FUZZ ?= 100000
REPORT := results/report.html

export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help setup setup-tools demo test test-tools test-cluster test-faults test-fuzz lint docs clean
.DEFAULT_GOAL := help

help:
	@echo "make demo    run the whole workflow on scenes that it renders, and write the report"
	@echo "make test    run the tests; make test-cluster: the tests on a SLURM that they start, as root"
	@echo "make test-faults  kill the workflow at 20 moments and run it again"
	@echo "make test-tools  let the libraries of other tools read the exports, from an environment of their own, $(TOOLS)"
	@echo "make test-fuzz  damage $(AISI_FUZZ) files, each in another way, and see that every reader notices; takes an hour"
	@echo "make lint    check the style of the code"
	@echo "make docs    write the pages and the picture of docs/ that are made from the code and the schema"
	@echo "make setup   only create $(VENV) from requirements.lock; each of the above does it first"
	@echo "make clean   remove $(VENV) and the caches; results stay"

setup: $(VENV)/requirements.installed

# This file is written last, so the next make continues an interrupted installation.
$(VENV)/requirements.installed: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' || { \
	    echo "make: Python 3.11 or 3.12 is needed, found $$($(PYTHON) --version 2>&1). Name one: make PYTHON=python3.11 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	    echo "make: $(PYTHON) cannot create environments. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@echo "Installing the pinned packages of requirements.lock into $(VENV): about 3 GB to fetch, 6 GB on disk."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet --progress-bar off \
	    --require-hashes --requirement requirements.lock
	@touch $@
	@echo "Installed."

demo: setup
	@snakemake --cores $(CORES) --report $(REPORT) --report-after-run
	@echo "The report is $(CURDIR)/$(REPORT): open it in a browser."

# A process of one thread for each core, at most four, each with its own files of tests.
test: setup
	@OMP_NUM_THREADS=1 python -m pytest --numprocesses logical --maxprocesses 4 --dist loadfile

# The readers need versions that the lock of the workflow excludes, and one brings GPL codecs: they stay apart.
setup-tools: $(TOOLS)/requirements.installed

$(TOOLS)/requirements.installed: tests/tools/requirements.lock
	@echo "Installing the packages of tests/tools/requirements.lock into $(TOOLS): about 250 MB to fetch, 800 MB on disk."
	@$(PYTHON) -m venv $(TOOLS)
	@$(TOOLS)/bin/python -m pip install --disable-pip-version-check --quiet --progress-bar off \
	    --require-hashes --only-binary :all: --requirement tests/tools/requirements.lock
	@touch $@

test-tools: setup setup-tools
	@python -m pytest tests/tools

test-cluster: setup
	@python -m pytest tests/cluster

test-faults: setup
	@AISI_KILLS=20 python -m pytest tests/integration/test_faults.py

test-fuzz: setup
	@python tests/fuzz.py 0 $(AISI_FUZZ) --group 20 --output runs/fuzz.csv
	@python tests/fuzz.py --table runs/fuzz.csv

lint: setup
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow
	snakemake --lint
	PYTHONPATH=workflow/scripts lint-imports --no-logo --no-cache
	mypy

docs: setup
	python tools/write_config_page.py
	python tools/write_api_page.py
	python tools/write_artefacts_page.py
	python tools/draw_architecture.py
	python tools/write_reruns.py
	python tools/write_results_pages.py
	python tools/write_durations.py

clean:
	rm -rf $(VENV) $(TOOLS) .pytest_cache .ruff_cache .hypothesis
