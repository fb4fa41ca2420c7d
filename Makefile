# `make demo` and `make test` set up all they need.
PYTHON ?= python3
BIN := .venv/bin
NODE := tests/serve/node
# Exactly these files, by their digests.
LOCKED := --quiet --disable-pip-version-check --no-deps --require-hashes
PROJECT := --quiet --disable-pip-version-check --no-build-isolation -e

.PHONY: demo test test-all check setup clean

demo: .venv/installed
	$(BIN)/lianju run

test: check .venv/carriers
	$(BIN)/pytest -n 2 --dist loadfile --max-worker-restart 0 -m "not slow" --hypothesis-profile quick
	@echo "Left out: the slow tests, such as every command of the documents, training on two" \
		"processes and other programs' clients. All of them: make test-all"

test-all: check .venv/carriers .venv/clients
	$(BIN)/pytest -n 2 --dist loadfile --max-worker-restart 0

check: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

setup: .venv/ready

# PyTorch comes first and by itself: where a build for CPUs alone lies beside the published one, pip
# takes it, but not once it is to compare digests, and then brings gigabytes of CUDA.
.venv/installed: pyproject.toml constraints.txt
	@echo "Setting up .venv; the first time this downloads PyTorch and the base model"
	$(PYTHON) -m venv .venv
	sed -n '/^torch==/,/[^\\]$$/p' constraints.txt > .venv/torch.txt
	$(BIN)/pip download --quiet --no-deps --dest .venv/torch $$(sed -n 's/^\(torch==[^ ]*\).*/\1/p' .venv/torch.txt)
	$(BIN)/pip install $(LOCKED) --no-index --find-links .venv/torch -r .venv/torch.txt
	rm -r .venv/torch
	$(BIN)/pip install $(LOCKED) -r constraints.txt
	$(BIN)/pip install $(PROJECT) '.[demo]'
	@touch $@

# The same, with all that checks and tests are run with.
.venv/ready: .venv/installed tests/constraints.txt
	$(BIN)/pip install $(LOCKED) -r tests/constraints.txt
	$(BIN)/pip install $(PROJECT) '.[dev]'
	@touch $@

.venv/carriers: .venv/ready tests/carriers.txt
	$(BIN)/pip install $(LOCKED) -r tests/carriers.txt
	@touch $@

# The clients that the server is tried with and that do not fit in beside the others.
.venv/clients: .venv/ready tests/serve/litellm.txt $(NODE)/package.json $(NODE)/package-lock.json
	$(PYTHON) -m venv .venv/litellm
	.venv/litellm/bin/pip install $(LOCKED) -r tests/serve/litellm.txt
	mkdir -p .venv/node && cp $(NODE)/package*.json .venv/node/
	if command -v npm > /dev/null; then npm ci --silent --no-fund --no-audit --prefix .venv/node; fi
	@touch $@

# Builds llama.cpp from source, some four minutes: only the tests of GGUF files use it. With AMX its
# Q8_0 dies of an illegal instruction (ggml-org/llama.cpp#26954).
WITHOUT_AMX := $(if $(filter x86_64,$(shell uname -m)),-mno-amx-int8 -mno-amx-tile)
.venv/gguf: .venv/ready tests/llama_cpp.txt
	CFLAGS="$(WITHOUT_AMX)" CXXFLAGS="$(WITHOUT_AMX)" $(BIN)/pip install $(LOCKED) -r tests/llama_cpp.txt
	@touch $@

clean:
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
