# Every target sets up what it needs and can be repeated.
SHELL := /bin/bash
CONFIG ?= platform.yaml
PYTHON := .venv/bin/python
LOCALCLOUD := $(PYTHON) -m pythonbase_localcloud
# Commands of the CDK CLI run with the environment of the local cloud.
IN_LOCALCLOUD := set -euo pipefail; source <($(LOCALCLOUD) env --config $(CONFIG));

# Tests of one group share a process; groups that take long start first (conftest.py).
SIDE_BY_SIDE := --numprocesses 4 --dist loadgroup --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help setup demo proof faults load demo-down demo-clean test test-more test-unit lint format docs synth diff

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: ## Install Python packages, Node and the CDK CLI into this folder
	@scripts/setup

demo: setup ## Deploy CONFIG to an embedded AWS on this machine and release its services
	@$(LOCALCLOUD) demo --config $(CONFIG)

proof: setup ## Measure builds with and without this project against Docker Hub's limit; writes docs/proof.md
	@$(PYTHON) -m trials.proof

faults: setup ## Inject faults into releases, one after the other; prints what was observed (ONLY=text chooses)
	@$(PYTHON) -m trials.fault_table $(if $(ONLY),--only "$(ONLY)")

load: setup ## Simulate up to 500 releases within a minute under ECS's request limits
	@$(PYTHON) -m tests.simulation

demo-down: ## Stop everything that the demo started; its state is kept
	@scripts/localcloud-if-set-up down

demo-clean: ## Stop everything and remove every file that make created
	@scripts/localcloud-if-set-up clean
	@rm -rf .localcloud .venv node_modules cdk.out dist build .mypy_cache .ruff_cache .pytest_cache
	@find . -name __pycache__ -prune -exec rm -rf {} +
	@rm -rf ./*.egg-info

test: setup ## Run the tests (in all three targets, ARGS="-k name" chooses)
	@$(PYTHON) -m pytest $(SIDE_BY_SIDE) -m "not slow" $(ARGS)

test-more: setup ## Run the tests that take minutes: the builder's corpus, Docker Hub's limits, releases and their faults
	@$(PYTHON) -m pytest $(SIDE_BY_SIDE) -m slow $(ARGS)

test-unit: setup ## Run the tests that need no local cloud
	@$(PYTHON) -m pytest $(SIDE_BY_SIDE) tests/unit localcloud/tests/unit $(ARGS)

lint: setup ## Check style, types, imports, shell in buildspecs and YAML
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports --no-cache --no-logo
	.venv/bin/yamllint --strict .
	.venv/bin/shellcheck scripts/* .ci/run
	$(PYTHON) -m pytest -q tests/unit/buildspecs/test_buildspec.py -k shellcheck

format: setup ## Format the sources
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

docs: setup ## Generate the pages and tables that are made from the code
	@PATH="$$PWD/.venv/bin:$$PATH" $(PYTHON) -m tests.pages

synth: setup ## Synthesize CONFIG to cdk.out
	@PATH="$$PWD/.venv/bin:$$PATH" node_modules/.bin/cdk synth --quiet -c config=$(CONFIG)

diff: setup ## Compare CONFIG with what is deployed on the local cloud, which is started if need be
	@$(LOCALCLOUD) up --config $(CONFIG)
	@$(IN_LOCALCLOUD) cdk diff --all -c config=$(CONFIG)
