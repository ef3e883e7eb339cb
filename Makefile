# Two commands: `make demo` and `make test`. Each sets up the environment it needs, from pinned versions with hashes.
# --no-deps: the locks are complete, and pip would look for newer versions of what packages ask for with an extra.
PYTHON ?= python3.11
VENV   := .venv
BIN    := $(VENV)/bin
NATIVE := $(wildcard src/arkwright/serve/native/*.[ch])

.PHONY: demo test check bench siege lock clean fuzz schemathesis browser proxies screenshots
.DEFAULT_GOAL := demo

demo: $(VENV)/.demo  ## raw data to a live endpoint, on real flights
	@$(BIN)/python scripts/demo.py

test: $(VENV)/.test browser proxies  ## every test
	@$(BIN)/python -m compileall -q src  # once, not in each of the hundreds of processes that the tests start
	@$(BIN)/python -m pytest

check: $(VENV)/.test  ## lint, format, types, layers, laws
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports && $(BIN)/python scripts/laws.py

browser: $(VENV)/.test  ## a browser for the tests of the pages, where there is none
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || ls ~/.cache/ms-playwright/chromium* >/dev/null 2>&1 \
		|| { apt-get update -qq && apt-get install -y -qq chromium; } || $(BIN)/playwright install chromium

proxies:  ## nginx and HAProxy for the tests that send requests through them, where they are not there
	@PATH="$$PATH:/usr/sbin"; { command -v nginx && command -v haproxy; } >/dev/null \
		|| { apt-get update -qq && apt-get install -y -qq nginx-light haproxy; } \
		|| echo "no nginx or no haproxy, and apt cannot install them: the tests that need them are skipped"

screenshots: $(VENV)/.test browser  ## the pictures in docs/images, anew
	@$(BIN)/python scripts/screenshots.py
	@$(BIN)/python scripts/watch_screenshots.py

fuzz: $(VENV)/.test  ## look for bytes that the server's decoders get wrong, a minute for each
	@$(BIN)/python scripts/fuzz.py -max_total_time=60

schemathesis: $(VENV)/.test  ## what the control room's OpenAPI says, tried with thousands of requests
	@SCHEMATHESIS_EXAMPLES=200 $(BIN)/python -m pytest -n0 tests/rest/test_schemathesis.py

bench: $(VENV)/.test  ## how fast, as ratios in one interleaved run
	@$(BIN)/python benchmarks/run.py

siege: $(VENV)/.test  ## overload, swaps, restarts, kills, slow clients: what still holds
	@$(BIN)/python benchmarks/siege.py --json siege.json

$(BIN)/python:
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: locks/demo.txt pyproject.toml hatch_build.py $(NATIVE) | $(BIN)/python
	@echo "setting up the environment (once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r locks/demo.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

$(VENV)/.test: locks/test.txt pyproject.toml hatch_build.py $(NATIVE) | $(BIN)/python
	@echo "setting up the test environment (once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-compile --require-hashes -r locks/test.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@$(BIN)/python -m compileall -q -j 0 -x '/tests/' $(VENV)/lib  # on all processors, and not what nobody imports
	@touch $@ $(VENV)/.demo

lock:  ## choose versions anew (needs uv)
	@mkdir -p locks
	@uv pip compile pyproject.toml --extra demo --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate -q -o locks/demo.txt
	@uv pip compile pyproject.toml --extra demo --extra pandas --extra postgres --extra xgboost --extra otel --group test --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate -q -o locks/test.txt

clean:  ## forget environments and caches
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
