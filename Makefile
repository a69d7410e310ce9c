# Needs Python 3.11 or newer and make; everything else is installed below .tools and .venv.
#   make run                    serve on http://localhost:8000
#   make run PORT=9000          on another port
#   make run SIGNET_DATA=/srv   with another folder for database, keys, broker and mail
#   make test PYTHON=python3.13 choose the interpreter (at the first use of .venv)
#   make test PYTHON=python3.13 VENV=.venv-3.13   beside the environment that is there

.DEFAULT_GOAL := help
.PHONY: help run test test-services test-browser check bench lock format clean

VENV ?= .venv
BIN := $(VENV)/bin
UV := .tools/bin/uv
UV_VERSION := 0.13.9
STAMP := $(VENV)/.installed
AXE_VERSION := 4.11.0
AXE := .tools/node_modules/.axe-core-$(AXE_VERSION)
PYTEST := $(BIN)/python -m pytest
COMPILE := pip compile -q --universal --generate-hashes --no-annotate --no-header --all-extras --group dev

export UV_PYTHON_DOWNLOADS := never
export PIP_DISABLE_PIP_VERSION_CHECK := 1
ifdef PORT
export PORT
endif
ifdef SIGNET_DATA
export SIGNET_DATA
endif

# Servers for test-services. The test suite makes databases of its own on them.
SIGNET_DATABASE_URL ?= postgres://root@127.0.0.1:5432/signet
SIGNET_MARIADB_URL ?= mysql://root@127.0.0.1:3306/signet
SIGNET_REDIS_URL ?= redis://127.0.0.1:6379/9
SIGNET_NATS_URL ?= nats://127.0.0.1:4222
LOCAL_ONLY := --allow-hosts=127.0.0.1,::1,localhost

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(STAMP) ## serve the product here; Ctrl-C ends it, a second run keeps the data
	@$(BIN)/python manage.py bootstrap && exec $(BIN)/python -m tests.stripe_double.beside

test: $(STAMP) ## run the suite on the embedded defaults
	env -u SIGNET_DATABASE_URL -u SIGNET_BROKER_URL -u SIGNET_REDIS_URL -u SIGNET_NATS_URL \
	$(PYTEST) -n 2 --dist worksteal -m "not services and not browser and not postgres and not mariadb"

test-services: $(STAMP) ## run the suite on PostgreSQL, Redis and NATS, then a smoke pass on MariaDB
	SIGNET_DATABASE_URL="$(SIGNET_DATABASE_URL)" \
	SIGNET_REDIS_URL="$(SIGNET_REDIS_URL)" SIGNET_NATS_URL="$(SIGNET_NATS_URL)" \
	$(PYTEST) -n 2 --dist worksteal $(LOCAL_ONLY) -m "not browser and not mariadb and not once" \
		--ignore=tests/config/broker --ignore=tests/config/test_supervisor.py
	SIGNET_DATABASE_URL="$(SIGNET_MARIADB_URL)" $(PYTEST) $(LOCAL_ONLY) -m mariadb

test-browser: $(STAMP) $(AXE) ## drive the admin in Chromium
	DJANGO_ALLOW_ASYNC_UNSAFE=1 $(PYTEST) $(LOCAL_ONLY) -m browser

check: $(STAMP) ## format, lint, types, import contracts, migrations, production settings, lock
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run
	@echo "manage.py check --deploy with production settings"
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && \
	random() { $(BIN)/python -c 'import secrets; print(secrets.token_urlsafe(64))'; } && \
	env -i PATH="$$PATH" SIGNET_ENV=production SIGNET_DATA="$$folder" SIGNET_BASE_URL=https://licenses.example.com \
	SIGNET_SECRET_KEY=$$(random) SIGNET_INTERNAL_AUTH_SECRET=$$(random) SIGNET_METRICS_TOKEN=$$(random) \
	SIGNET_KEY_ENCRYPTION_KEYS=$$($(BIN)/python -c \
		'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())') \
	$(BIN)/python manage.py check --deploy --fail-level WARNING
	@echo "requirements.lock is what pyproject.toml asks for"
	@test -x $(UV) || { echo "This check needs uv in .tools; remove .tools and .venv and try again." >&2; exit 1; }
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && cp requirements.lock "$$folder/requirements.lock" && \
	$(UV) $(COMPILE) pyproject.toml -o "$$folder/requirements.lock" >/dev/null && \
	diff -u requirements.lock "$$folder/requirements.lock"

bench: $(STAMP) ## measure: ratios as a table and as JSON
	$(BIN)/python -m tests.bench

lock: $(STAMP) ## write requirements.lock from pyproject.toml with the newest releases it allows
	$(UV) $(COMPILE) --upgrade pyproject.toml -o requirements.lock >/dev/null

format: $(STAMP) ## format the code and repair what the linter can
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

clean: ## remove what make installed and what tools cached; data stays
	rm -rf .venv .venv-* .tools .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage .coverage.*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment. uv when it can be had, otherwise plain venv and pip with the same hashes.
$(STAMP): requirements.lock
	@if [ -n "$(PYTHON)" ]; then names="$(PYTHON)"; else names="python3 python3.13 python3.12 python3.11"; fi; \
	python=; for name in $$names; do \
		"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { python=$$name; break; }; \
	done; \
	[ -n "$$python" ] || { echo "Signet needs Python 3.11 or newer; tried: $$names. PYTHON=… names another." >&2; exit 1; }; \
	$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || rm -rf $(VENV); \
	echo "Installing into $(VENV) with $$("$$python" --version); this happens once."; \
	[ "$$($(UV) --version 2>/dev/null | cut -d ' ' -f 2)" = "$(UV_VERSION)" ] || \
		"$$python" -m pip install -q --upgrade --target .tools "uv==$(UV_VERSION)" 2>/dev/null || \
		echo "uv cannot be installed; using pip, which takes about a minute."; \
	if [ -x $(UV) ]; then \
		{ [ -d $(VENV) ] || $(UV) venv -q --no-config --python "$$(command -v "$$python")" $(VENV); } && \
		$(UV) pip sync -q --require-hashes --python $(BIN)/python requirements.lock; \
	else \
		{ [ -x $(BIN)/pip ] || "$$python" -m venv $(VENV) || { rm -rf $(VENV); \
			echo "This Python can make no environment; on Debian: apt install python3-venv" >&2; exit 1; }; } && \
		$(BIN)/python -m pip install -q --require-hashes -r requirements.lock; \
	fi
	@touch $@

# What looks for barriers in the pages of the admin.
$(AXE):
	@command -v npm >/dev/null || { echo "The browser tests need npm; on Debian: apt install npm" >&2; exit 1; }
	@npm install --prefix .tools --no-save --no-audit --no-fund --loglevel=error axe-core@$(AXE_VERSION)
	@touch $@
