# Verbs of the house. `make` alone lists them.
#
# Needs: make, a POSIX shell and Python >= 3.11. uv comes as a wheel where none is on PATH; nothing is installed
# outside this folder (uv keeps its cache where it always does).

.DEFAULT_GOAL := help
.PHONY: help setup run dev check lint test test-all format migrate bench fire image sbom clean

UV_VERSION := 0.13.9
VENV := .venv
BIN := $(VENV)/bin

# The first Python that runs and is new enough. A shim that cannot run does not count: pyenv has them for every
# version that it has ever seen. Give another with `make setup PYTHON=/path/to/python`.
PYTHONS = $(if $(PYTHON),$(PYTHON),python3 python3.13 python3.12 python3.11 python)

# Bring .venv to the lock file: with our Python unless the venv has one already, without downloading Pythons, with a
# cache in this folder where the home directory is not ours to write to, and silent where there is little to do. The
# machine's certificates, if it has any, know the proxy that its owner put in between; uv's own do not.
define sync
export UV_PYTHON_DOWNLOADS=never; quiet=--quiet; \
if [ -r /etc/ssl/certs/ca-certificates.crt ]; then export UV_SYSTEM_CERTS=true; fi; \
if [ -n "$(PYTHON)" ] || ! [ -x $(BIN)/python ]; then UV_PYTHON="$$(cat .tools/python)"; export UV_PYTHON; quiet=; fi; \
if [ -z "$$UV_CACHE_DIR" ] && ! [ -w "$${HOME:-/nonexistent}" ]; then export UV_CACHE_DIR="$(CURDIR)/.tools/cache"; fi; \
.tools/uv sync --locked $$quiet
endef

help: ## list these verbs
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-9s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

setup: .tools/uv ## everything that developing takes, into .venv
	@$(sync)

# Takes nothing away that `make setup` put there.
.PHONY: setup-to-run
setup-to-run: .tools/uv
	@$(sync) --inexact --no-default-groups --group embedded

run: setup-to-run ## start everything on http://127.0.0.1:8080 [PORT=9000] [REPLICAS=3]; Ctrl-C stops it
	@exec $(BIN)/titan dev $(if $(PORT),--port $(PORT)) $(if $(REPLICAS),--replicas $(REPLICAS)) $(ARGS)

dev: setup ## the same with every tool at hand and debug logs [PORT] [REPLICAS]
	@TITAN_LOG_LEVEL=DEBUG exec $(BIN)/titan dev $(if $(PORT),--port $(PORT)) $(if $(REPLICAS),--replicas $(REPLICAS)) $(ARGS)

check: lint ## the door: format, lint, types, layers, unit tests
	$(BIN)/pytest -q tests/unit

lint: setup ## format, lint, types, layers
	$(BIN)/ruff format --check --quiet
	$(BIN)/ruff check --quiet
	$(BIN)/basedpyright
	$(BIN)/lint-imports --no-logo

# N=2 runs two processes of pytest beside each other: faster by a third on two cores, but tests that measure time feel it.
PYTEST = $(BIN)/pytest $(if $(N),-n $(N) --dist worksteal) $(ARGS) $(T)

test: setup ## all tests but the slow ones, against real servers [T=tests/unit] [N=2] [ARGS=-x]
	@exec $(PYTEST) -m "not slow"

test-all: setup ## all tests [T] [N] [ARGS]
	@exec $(PYTEST)

format: setup ## put code into the house's form
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

migrate: setup-to-run ## bring the database at DATABASE_URL to this version's schema
	@exec $(BIN)/titan migrate $(ARGS)

bench: setup ## measure the real processes; writes bench-results/ [ARGS="--quick --only hot writes"]
	@PYTHONPATH=tests exec $(BIN)/python -m bench $(ARGS)

fire: setup ## kill, stop and cut off everything, and judge what clients saw; writes fire-results/ [SEEDS=20] [SECONDS=30] [FROM=1]
	@PYTHONPATH=tests exec $(BIN)/python -m support.laboratory --seeds $(or $(SEEDS),20) --seconds $(or $(SECONDS),30) --from $(or $(FROM),1) $(ARGS)

# The version stands in pyproject.toml alone; compose and chart name the image the same.
VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
IMAGE = ghcr.io/titan-aas/titan-aas:$(VERSION)

image: ## build the one image of every tier; needs Docker [IMAGE=registry/name:tag]
	docker build --pull --file compose/Dockerfile --tag $(IMAGE) --build-arg VERSION=$(VERSION) \
	  --build-arg REVISION="$$(git rev-parse HEAD 2>/dev/null || echo unknown)" .

# The packages that the image's `uv sync` takes, out of the same lock file; what Debian has in the base image is not in it.
SBOM = dist/titan-aas-$(VERSION).cdx.json
sbom: .tools/uv ## list what the image holds of Python, as CycloneDX, for scanners [SBOM=file.json]
	@mkdir -p $(dir $(SBOM))
	@.tools/uv export --quiet --frozen --no-default-groups --extra all --format cyclonedx1.5 \
	  --preview-features sbom-export --output-file $(SBOM) >/dev/null
	@echo $(SBOM)

clean: ## remove what setup and tests made; data in .titan stays
	rm -rf $(VENV) .tools dist bench-results fire-results .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find services shared tests migrations -name __pycache__ -type d -prune -exec rm -rf {} +

# The path of the Python that everything is set up with; asked for again where one is named.
ifdef PYTHON
.PHONY: .tools/python
endif
.tools/python:
	@mkdir -p .tools
	@for python in $(PYTHONS); do \
	  if path=$$("$$python" -c 'import sys; print(sys.executable); sys.exit(sys.version_info < (3, 11))' 2>/dev/null); \
	  then printf '%s\n' "$$path" > $@; exit 0; fi; \
	done; \
	echo "No Python >= 3.11 found (tried: $(PYTHONS)). Install one, or name it: make $(or $(MAKECMDGOALS),setup) PYTHON=/path/to/python" >&2; \
	exit 1

# uv: the one on PATH if it is as new as our lock file, else its wheel; a venv first, and where this Python cannot make one
# (Debian without python3-venv) by pip into a folder.
.tools/uv: | .tools/python
	@if uv --version 2>/dev/null | "$$(cat .tools/python)" -c "import re, sys; \
	sys.exit(tuple(map(int, re.findall('[0-9]+', sys.stdin.read())[:2])) < (0, 13))"; \
	then ln -sf "$$(command -v uv)" $@; exit 0; fi; \
	python="$$(cat .tools/python)"; log=.tools/setup.log; \
	echo "Setting up uv $(UV_VERSION) in .tools"; \
	if "$$python" -m venv .tools/venv >$$log 2>&1; then \
	  .tools/venv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION) >>$$log 2>&1 \
	  && ln -sf venv/bin/uv $@ && exit 0; \
	else \
	  "$$python" -m pip install --quiet --disable-pip-version-check --target .tools/lib uv==$(UV_VERSION) >>$$log 2>&1 \
	  && ln -sf lib/bin/uv $@ && exit 0; \
	fi; \
	rm -rf .tools/venv .tools/lib; cat $$log >&2; \
	echo "uv could not be set up with $$python. On Debian and Ubuntu install python3-venv, or put uv on PATH (pip install uv), and try again." >&2; \
	exit 1
