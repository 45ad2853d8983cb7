# `make` (= `make figures`) makes every figure and table, `make test` runs the tests.
# Both set up .venv by themselves and again when requirements.txt or pyproject.toml change.
#
#   PYTHON=...       interpreter for .venv, 3.11 or newer
#   TORCH_INDEX=...  extra package index for a special torch build; by itself, the CPU build where Linux
#                    has no NVIDIA driver. Nothing behind the = takes that of PyPI, with CUDA on Linux.
#   ARGS=...         more arguments for snakemake or pytest: make test ARGS="-m 'not slow'"

PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do command -v $$p && break; done)
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# tests in two processes, file by file in the order of tests/conftest.py
PARALLEL := -n 2 --dist loadfile --no-loadscope-reorder
TORCH := $(shell grep '^torch==' requirements.txt)
CPU_BUILD := https://download.pytorch.org/whl/cpu
# what is there once a driver is loaded
NVIDIA_DRIVER ?= /proc/driver/nvidia/version
SAY_CPU := "No NVIDIA driver here: torch comes as its CPU build (make TORCH_INDEX= takes that with CUDA)."
ifeq ($(origin TORCH_INDEX), undefined)
TORCH_INDEX := $(shell [ "$$(uname -s)" != Linux ] || [ -e $(NVIDIA_DRIVER) ] \
    || command -v nvidia-smi > /dev/null || echo $(CPU_BUILD))
endif
# tools of the pages, which node needs and nobody else
WEB_READY := web/node_modules/.package-lock.json

# Rules call `cos` and `papermill` by name: they must be those of .venv.
export PATH := $(CURDIR)/$(BIN):$(PATH)
# `user = true` in pip.conf, as clusters recommend, is refused in a .venv
export PIP_USER := 0

.DEFAULT_GOAL := figures
.PHONY: figures figures-from-tables recompute calibration report docs page test test-fast test-all soak \
    lint format site lock wheel catalog benchmarks determinism differences clean

figures: $(READY)
	$(BIN)/snakemake --cores all $(ARGS)

# Figures from the tables shipped in figures/tables, without running a model.
figures-from-tables: $(READY)
	$(BIN)/snakemake --cores all --forceall --config shipped=true $(ARGS)

# Every number of figures/claims.md again, from the tables of single runs and without this package.
recompute: $(READY)
	$(BIN)/python docs/recompute.py $(ARGS)

# docs/calibration.*: which degraded videos readers read, refuse or misread; no model runs.
calibration: $(READY)
	$(BIN)/snakemake --cores all --configfile config/calibration.yaml $(ARGS)
	cp $(addprefix results/calibration/figures/calibration,.md .png) docs/
	cp $(addprefix results/calibration/tables/calibration,.csv _tasks.csv) docs/

# One file to look through or to send, of a study that has run: unpack it, open report.html.
report: $(READY)
	$(BIN)/snakemake --cores all --report report.zip $(ARGS)

# What is generated: docs/config-reference.md with its schema, .test/config.yaml, and the table of
# claims in README.md.
docs: $(READY)
	$(BIN)/python docs/config_reference.py
	$(BIN)/python docs/readme_claims.py

# The documentation as pages that need no network, in site/.
site: $(READY)
	$(BIN)/python docs/site.py

# What the package ships of its pages, bundled from web/.
page: $(WEB_READY)
	npm run --prefix web --silent build

$(WEB_READY): web/package-lock.json
	npm ci --prefix web --ignore-scripts --no-audit --no-fund
	@touch $@

# All but the soak: under 15 minutes on two cores.
test: $(READY)
	$(BIN)/pytest $(PARALLEL) $(ARGS)

# For daily work: under 90 seconds.
test-fast: $(READY)
	$(BIN)/pytest $(PARALLEL) -m "not slow" $(ARGS)

# Everything, before an issue is called resolved: within an hour.
test-all: $(READY)
	$(BIN)/pytest $(PARALLEL) -m "" $(ARGS)

# Twenty seeded kill -9 of a study, each resumed, and all experiments on SLURM.
soak: $(READY)
	$(BIN)/pytest -m soak -rP $(ARGS)

# Form and types. Snakemake reads two configurations, as rules and their inputs follow from it.
lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint
	$(BIN)/snakemake --lint --configfile config/smoke.yaml
	$(BIN)/mypy
	@if ! command -v npm > /dev/null; then echo "no npm here: web/ is not linted"; \
	elif $(MAKE) --silent $(WEB_READY); then npm run --prefix web --silent lint; \
	else echo "npm cannot install the tools of web/ here: it is not linted"; fi

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile workflow

# pylock.toml, with the hash of every wheel, from requirements.txt. Needs uv.
lock: $(READY)
	$(BIN)/python .ci/lock.py

# dist/*.whl with a trained model of each depth; what an earlier build left is not taken along.
wheel: $(READY)
	rm -rf build
	$(PIP) wheel --no-deps --no-build-isolation --wheel-dir dist .

# The command with which the Snakemake workflow catalog looks at a workflow.
catalog: $(READY)
	$(BIN)/snakemake -s Snakefile -c 1 -d .test --forceall --rulegraph > /dev/null

benchmarks: $(READY)
	$(BIN)/snakemake --cores all $(ARGS) benchmarks

# What threads, batches and processor change in the low bits: docs/determinism.md.
determinism: $(READY)
	$(BIN)/python benchmarks/determinism.py

# How far numbers are from those of the stock pipelines: docs/differences.md.
differences: $(READY)
	$(BIN)/python benchmarks/differences.py

# torch goes first so that TORCH_INDEX is asked for torch alone.
$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit( \
	    f"{sys.executable} is Python {sys.version.split()[0]}, 3.11 or newer is needed: " \
	    "write make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)
	@$(if $(filter $(CPU_BUILD),$(TORCH_INDEX)),echo $(SAY_CPU))
	$(PIP) install $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) $(TORCH)
	$(PIP) install -r requirements.txt
	$(PIP) install --no-build-isolation --no-deps -e .
	@touch $@

# results/ stays: it may hold days of GPU time. Remove it by hand.
clean:
	rm -rf $(VENV) .snakemake web/node_modules .pytest_cache .ruff_cache .mypy_cache build site dist src/*.egg-info
	find src tests workflow -name __pycache__ -type d -prune -exec rm -rf {} +
