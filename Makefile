# Two commands do all on a fresh machine with Python >= 3.11 and make: `make up` and `make test`.
PYTHON ?= python3
VENV ?= .venv
MINUTES ?= 3
PRODUCTS ?= 1000000
SEED ?=
REDOCLY = 2.77.0
SPECTRAL = 6.16.3
BIN := $(VENV)/bin
export UV_PYTHON_DOWNLOADS = never
export UV_COMPILE_BYTECODE = 1
export UV_PROJECT_ENVIRONMENT = $(VENV)
# Or every process of the tests compiles every module again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
# More than two cores have: stories of real processes wait most of the time. tests/conftest.py says in which order.
SIDE_BY_SIDE = --numprocesses 4 --dist loadfile --no-loadscope-reorder
LOCKED = $(BIN)/uv export --locked --extra traces --no-emit-project --quiet
FILES = git ls-files -z --cached --others --exclude-standard
# Never with verification: it would send what it found to whom it might belong. `admin` is the documented default.
SECRETS = xargs -0 $(BIN)/detect-secrets-hook --no-verify --exclude-secrets '^admin$$'

.PHONY: help setup up test check audit secrets sbom test-fast test-long test-api lint-api test-typescript test-browser test-web screenshots bench-reads bench-exports bench-attacks bench-overload bench-refresh bench-history bench-scale bench-schedule bench-events chaos format

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(BIN)/.ready ## Prepare the environment in .venv

$(BIN)/.ready: pyproject.toml uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/it."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "Python's venv module is missing; on Debian: apt install python3-venv."; exit 1; }
	@test -x $(BIN)/uv || $(BIN)/pip install --quiet --disable-pip-version-check 'uv>=0.13,<0.14'
	@$(BIN)/uv sync --locked --extra traces --quiet --inexact --python $(BIN)/python
	@touch $@

up: setup ## Run everything: PostgreSQL, Offers simulator, API, worker
	@exec $(BIN)/aggregator up

test: setup ## Run every test
	@$(BIN)/pytest $(SIDE_BY_SIDE)

test-fast: setup ## Run the tests that need no database
	@$(BIN)/pytest tests/domain tests/application tests/http

test-long: setup ## Run them with 1 000 examples each, and what takes as long as it does in life
	@$(BIN)/pytest $(SIDE_BY_SIDE) --hypothesis-profile=long
	@$(BIN)/pytest --numprocesses 2 tests/e2e/faults/full_durations.py

test-api: setup ## Let Schemathesis try out all that the API's description says; SEED replays, EXAMPLES bounds
	@PYTHONPATH=tests $(BIN)/python -m conformance $(if $(SEED),--seed $(SEED)) $(if $(EXAMPLES),--examples $(EXAMPLES))

lint-api: setup ## Hold the API's description to the rules that Redocly and Spectral recommend, where Node.js is installed
	@command -v npx > /dev/null || { echo "NOT LINTED: npx, which comes with Node.js, is missing."; exit 0; }; \
	file=$$(mktemp -d)/openapi.json && trap 'rm -r "$$(dirname "$$file")"' EXIT && set -e && \
	PYTHONPATH=tests $(BIN)/python -m conformance.description "$$file" && \
	npx --yes @redocly/cli@$(REDOCLY) lint "$$file" --extends recommended --max-problems 100 && \
	npx --yes @stoplight/spectral-cli@$(SPECTRAL) lint "$$file" --ruleset tests/conformance/spectral.yaml --fail-severity warn

test-typescript: setup ## Compile and run a generated TypeScript client, where Node.js is installed
	@command -v npm > /dev/null || { echo "NOT RUN: npm, which comes with Node.js, is missing."; exit 0; }; \
	$(BIN)/pytest tests/e2e/typescript_client.py

test-browser: setup ## Try the docs page in Chromium, from PATH or CHROMIUM
	@$(BIN)/pytest tests/e2e/docs_page.py

check: setup secrets ## Run format check, ruff, mypy, import-linter, the scan for secrets, the audit
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/ruff check --quiet
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(LOCKED) | $(BIN)/python tools/audit.py --or-say-so

audit: setup ## Look up known vulnerabilities of all that is locked; fail if that can't be done
	@$(LOCKED) | $(BIN)/python tools/audit.py

secrets: setup ## Look for secrets in all files but ignored ones; tests may have made-up passwords
	@$(FILES) -- . ':!uv.lock' ':!tests' ':!src/entrypoints/http/openapi/static' | $(SECRETS)
	@$(FILES) -- tests | $(SECRETS) --disable-plugin KeywordDetector --disable-plugin BasicAuthDetector

sbom: setup ## Write sbom.json, what runs in production as CycloneDX
	@$(BIN)/uv export --locked --no-dev --extra traces --quiet --preview-features sbom-export --format cyclonedx1.5 \
		| $(BIN)/python tools/sbom.py > sbom.json

format: setup ## Format the code and fix what ruff can fix
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix

test-web: setup ## Try the pages in Chromium, from PATH or CHROMIUM
	@$(BIN)/pytest tests/e2e/web_pages.py

screenshots: setup ## Take pictures of the pages into screenshots/
	@$(BIN)/pytest tests/e2e/screenshots.py

bench-reads: setup ## Measure what the API answers, beside the practical limit
	@$(BIN)/python -m benchmarks.reads

bench-exports: setup ## Measure how fast a whole catalogue leaves, and the memory that takes
	@$(BIN)/python -m benchmarks.exports

chaos: setup ## Kill, stop and restart everything at random for MINUTES (3), then check; SEED replays
	@PYTHONPATH=tests $(BIN)/python -m chaos --minutes $(MINUTES) $(if $(SEED),--seed $(SEED))

bench-refresh: setup ## Measure the refresh cycle
	@$(BIN)/python -m benchmarks.refresh

bench-history: setup ## Measure the price history
	@$(BIN)/python -m benchmarks.history

bench-schedule: setup ## Simulate the schedule of PRODUCTS (1 000 000) products; SEED replays
	@$(BIN)/python -m benchmarks.schedule --products $(PRODUCTS) $(if $(SEED),--seed $(SEED))

bench-scale: setup ## Measure one cycle over PRODUCTS (1 000 000) products: time, memory, claims, sizes
	@$(BIN)/python -m benchmarks.scale --products $(PRODUCTS)

bench-events: setup ## Measure the event log: from commit to 1 000 listeners, pages, the cost of appending
	@$(BIN)/python -m benchmarks.events

bench-attacks: setup ## Measure what searches and logins of one attacker do to others
	@$(BIN)/python -m benchmarks.attacks

bench-overload: setup ## Measure what becomes of twice as many requests as can be answered
	@$(BIN)/python -m benchmarks.overload
