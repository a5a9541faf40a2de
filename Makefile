# `make run` and `make test` are the two commands; both need nothing but Python 3.11+ and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
LOCKS := requirements/build.txt requirements/all.txt

.PHONY: setup run test lint browser monitors lock clean
.DEFAULT_GOAL := setup

setup: $(READY)

$(READY): $(LOCKS) pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] < (3, 14) else "Vigía needs Python 3.11 to 3.13, and $(PYTHON) is " + sys.version.split()[0] + ": name another with `make PYTHON=python3.12`")'
	@echo "Creating $(VENV) and installing the pinned dependencies (1 to 5 minutes the first time)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/build.txt
	@$(BIN)/uv pip install --no-config --python $(BIN)/python --no-deps --require-hashes -r requirements/all.txt
	@$(BIN)/uv pip install --no-config --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $(READY)

run: setup
	@$(BIN)/vigia up $(ARGS)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint browser monitors
	$(BIN)/pytest $(ARGS)

# The tests of the screen drive a real Chromium. On Debian as root it is installed; elsewhere it is asked for.
browser:
	@command -v chromium chromium-browser google-chrome >/dev/null \
	  || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null && apt-get -qq update && apt-get -qq install --yes --no-install-recommends chromium >/dev/null; } \
	  || { echo "The tests of the screen need Chromium: install it with your system's packages"; exit 1; }

# The tests of the alerts run a real Prometheus and Alertmanager. RUNLEVEL keeps Debian from starting them as services.
monitors:
	@{ command -v prometheus && command -v promtool && { command -v prometheus-alertmanager || command -v alertmanager; }; } >/dev/null \
	  || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null && apt-get -qq update \
	       && RUNLEVEL=1 apt-get -qq install --yes --no-install-recommends prometheus prometheus-alertmanager >/dev/null; } \
	  || { echo "The tests of the alerts need Prometheus and Alertmanager: install them with your system's packages"; exit 1; }

# Resolves the dependencies anew; the lock files name hashes, and no index.
COMPILE := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11
lock:
	printf 'uv\nhatchling\neditables\n' | $(COMPILE) - -o requirements/build.txt
	printf 'cython\nsetuptools\nsetuptools-scm\nwheel\n' | $(COMPILE) - -o requirements/sdist.txt
	$(COMPILE) pyproject.toml --extra dev -o requirements/all.txt
	$(COMPILE) pyproject.toml --extra stream -c requirements/all.txt -o requirements/stream.txt
	$(COMPILE) pyproject.toml --extra api --extra source -c requirements/all.txt -o requirements/api.txt
	$(COMPILE) pyproject.toml --extra flows -c requirements/all.txt -o requirements/flows.txt
	$(COMPILE) pyproject.toml --extra ui -c requirements/all.txt -o requirements/ui.txt

# What can be known of everything that runs elsewhere without running it: the chart, the rules, the images and the workflows.
include charts/charts.mk

charts: rules-checked images-checked workflows-checked
.PHONY: rules-checked images-checked workflows-checked

rules-checked: monitors
	promtool check config $(CHART)/prometheus/prometheus.yml
	promtool check rules $(CHART)/rules/*.yml
	promtool test rules $(CHART)/rules/tests/*.yml
	amtool check-config $(CHART)/prometheus/alertmanager.yml

# Compose's own library reads the file as `docker compose config` would.
images-checked: setup chart-tools
	$(BIN)/hadolint Dockerfile
	$(TOOL)/compose-go docker-compose.yml >/dev/null
	COMPOSE_PROFILES=trial,tracing $(TOOL)/compose-go docker-compose.yml >/dev/null

workflows-checked: setup chart-tools
	$(TOOL)/actionlint
	$(BIN)/zizmor --offline --persona=auditor --quiet .github

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache
