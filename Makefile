# Every developer's command, one line each. `make install` is the set-up alone.
PYTHON ?= python3
BIN := .venv/bin
ARTICLES ?= articles
PORT ?= 8000
# named, or else each process of the tests rewrites all of schemathesis for its plugin, which none of them uses
PLUGINS := -p xdist -p playwright -p hypothesispytest

.PHONY: help install run preview test check lint types lock ranks clean

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: .venv/installed  ## create .venv with the locked dependencies and the command .venv/bin/kb

run: install  ## index articles/ and serve on http://127.0.0.1:8000
	@$(BIN)/kb serve --articles $(ARTICLES) --port $(PORT)

preview: install  ## serve a branch as it will look, drafts included: make preview REF=my-branch
	@$(BIN)/kb serve --articles $(ARTICLES) --ref $(or $(REF),HEAD) --port $(PORT)

test: .venv/installed-dev  ## install what the tests need, then run all of them
	@sh tests/install.sh
	@$(BIN)/python -m compileall -q kb  # the tests start many processes
	PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 $(BIN)/python -m pytest $(PLUGINS) -n auto --dist loadfile --no-loadscope-reorder

check: .venv/installed-dev  ## format, lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

lint: .venv/installed-dev  ## format and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: .venv/installed-dev  ## renew requirements.lock and requirements-dev.lock
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 -o requirements.lock pyproject.toml
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --extra dev -o requirements-dev.lock pyproject.toml

ranks: install  ## renew the committed ranks of the golden queries
	$(BIN)/kb eval --articles $(ARTICLES) --ranks tests/golden-ranks.tsv

clean:  ## remove .venv and var
	rm -rf .venv var

.venv/installed: requirements.lock pyproject.toml $(wildcard kb/*/*.pyx)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "kb needs Python 3.11 or newer; name one: make PYTHON=python3.12")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps -e .
	@$(BIN)/python -m compileall -q kb  # as pip does with the rest: the first start would take a second longer
	@touch $@

.venv/installed-dev: requirements-dev.lock .venv/installed
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@
