PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export MAKECMDGOALS
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# LightFM compiles while the rest is downloaded.
MAKEFLAGS += --jobs=2

.DEFAULT_GOAL := help
.PHONY: help run up down test check format bench constraints clean servers
.DELETE_ON_ERROR:

help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/.run $(VENV)/.lightfm ## All of Akin in one process on http://127.0.0.1:8000 (DATA=<MovieLens folder>).
	@exec $(BIN)/akin run $(if $(DATA),--data '$(DATA)')

up: $(VENV)/.up $(VENV)/.lightfm ## The full profile: servers, services and workers as processes on this machine.
	@exec $(BIN)/akin up

down: $(VENV)/.up ## Stop what `make up` started; the data stays.
	@exec $(BIN)/akin down

test: $(VENV)/.dev $(VENV)/.lightfm servers ## All tests, on private servers (ARGS='-k name' for some).
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadgroup $(ARGS)

check: $(VENV)/.dev ## Format, lint, types, import contract.
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev ## Format, and mend what the linter can.
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

bench: $(VENV)/.dev $(VENV)/.lightfm servers ## Measure against the references; writes docs/benchmarks.md.
	$(BIN)/python -m tests.benchmarks $(ARGS)

constraints: .build/uv/bin/uv ## Pin the newest versions that pyproject.toml allows, with their hashes.
	.ci/constraints $< .build/constraints > .build/constraints.txt
	mv .build/constraints.txt constraints.txt

clean: ## Remove the virtual environment and all caches; never data.
	rm -rf $(VENV) .build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

servers: $(VENV)/.dev
	@.ci/install-servers $$($(BIN)/python -m services.cli.servers)

.build/uv/bin/uv: | $(VENV)/.made
	$(BIN)/python -m pip install --quiet --target .build/uv uv

# The environment. Each stamp stands for one subset of constraints.txt that is installed.
# The stamps' .txt and .log beside them say what was installed, and what was said.
INSTALL := $(BIN)/python -m pip install --quiet --no-deps --require-hashes
pick = awk -v parts=' $(1) ' '/^\# / { on = index(parts, " " $$2 " ") } on' constraints.txt > $@.txt

$(VENV)/.made:
	.ci/python-environment $(PYTHON) $(VENV)
	@touch $@

$(VENV)/.tools: $(VENV)/.made constraints.txt
	@$(call pick,tools)
	@$(INSTALL) -r $@.txt
	@touch $@

$(VENV)/.run: PARTS := base train
$(VENV)/.up: PARTS := base train serve
$(VENV)/.dev: PARTS := base train serve embeddings dev
$(VENV)/.run $(VENV)/.up $(VENV)/.dev: $(VENV)/.tools constraints.txt pyproject.toml
	@$(call pick,$(PARTS))
	@echo "akin: installing into $(VENV): $(PARTS)"
	@$(INSTALL) --no-compile -r $@.txt
	@$(BIN)/python -m compileall -qq -j 0 -x /tests/ $(VENV)/lib 2> /dev/null || true # on all cores, as pip does not
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable . 2> $@.log || { cat $@.log; exit 1; }
	@touch $@

# Without LightFM all works but its training: no compiler is no error, and `akin run` says that it is left out.
# HEADERS: where .ci/python-environment puts Python.h when the system has none.
HEADERS := $(abspath $(VENV))/debian/usr/include
$(VENV)/.lightfm: $(VENV)/.tools
	@command -v cc > /dev/null || exit 0; \
	$(call pick,lightfm); \
	echo 'akin: compiling LightFM, once (half a minute)'; \
	export C_INCLUDE_PATH="$$(printf %s: $(HEADERS)/python3*)$(HEADERS)$${C_INCLUDE_PATH:+:$$C_INCLUDE_PATH}"; \
	if $(INSTALL) -r $@.txt > $@.log 2>&1; then touch $@; \
	else echo 'akin: LightFM could not be compiled, see $@.log'; fi
