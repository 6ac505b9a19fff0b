# Everything runs in .venv, made here from the hashed locks. PYTHON chooses the interpreter (3.11 to 3.13).
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
LOCKS := requirements/bootstrap.txt requirements/base.txt requirements/cad.txt requirements/prod.txt requirements/otel.txt requirements/dev.txt
INSTALLED := $(VENV)/.installed
# Tests of one file stay in one process: they share its services.
PARALLEL ?= -n auto --maxprocesses 4 --dist loadfile
NOT_INSTALLED = echo "Packages could not be installed; $(VENV)/install.log says why. With a network: make install" >&2; exit 1

# Compiled modules halve the time of a start, so .venv keeps them even if the environment turns them off.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help install run demo test test-all coverage lint format bench lock pin-images clean

help:  ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: $(INSTALLED)  ## Install everything into .venv

$(INSTALLED): $(LOCKS)
	@command -v $(PYTHON) >/dev/null || { echo "There is no $(PYTHON). Enginel needs Python 3.11 to 3.13; choose one: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v <= (3, 13) else "Enginel needs Python 3.11 to 3.13; this is %d.%d. Choose one: make PYTHON=python3.12 ..." % v)'
	@echo "Installing into $(VENV) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "Making $(VENV) failed. On Debian: apt-get install python3-venv" >&2; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --retries 1 --require-hashes -r requirements/bootstrap.txt >$(VENV)/install.log 2>&1 || { $(NOT_INSTALLED); }
	@$(BIN)/uv pip sync --quiet --require-hashes --python $(BIN)/python $(LOCKS) >>$(VENV)/install.log 2>&1 || { $(NOT_INSTALLED); }
	@touch $@

run: $(INSTALLED)  ## Run the whole service on this machine with the sample run; Ctrl-C stops it (SENTRY=local: and Bugsink)
	@exec $(BIN)/python -m enginel run $(if $(SENTRY),--sentry $(SENTRY))

demo: $(INSTALLED)  ## Run it with the sample run and end; exit 0 if each failure was recorded as expected
	@exec $(BIN)/python -m enginel demo $(if $(SENTRY),--sentry $(SENTRY))

test: $(INSTALLED)  ## Run all tests except slow ones (ARGS adds options; PARALLEL= runs one at a time)
	$(BIN)/python -m pytest $(PARALLEL) -m "not slow" $(ARGS)

test-all: $(INSTALLED)  ## Run all tests
	$(BIN)/python -m pytest $(PARALLEL) $(ARGS)

coverage: $(INSTALLED)  ## Run all tests except slow ones, with branch coverage
	$(BIN)/python -m pytest $(PARALLEL) -m "not slow" --cov --cov-report=term-missing:skip-covered $(ARGS)

lint: $(INSTALLED)  ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(INSTALLED)  ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(INSTALLED)  ## Measure speed beside peers
	$(BIN)/python -m benchmarks

lock: $(INSTALLED)  ## Resolve requirements/*.in anew into hashed locks
	for name in bootstrap base cad prod otel dev bugsink; do \
	  $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade --no-header \
	    requirements/$$name.in -o requirements/$$name.txt || exit 1; \
	done

pin-images:  ## Pin the images of docker-compose.yml and the Dockerfile by their present digests (needs docker and a network)
	@sh deploy/docker/pin-images.sh

clean:  ## Remove .venv and all caches; var/ (data of local runs) stays
	rm -rf $(VENV) .bugsink .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage* htmlcov
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
