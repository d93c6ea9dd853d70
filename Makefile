# Tiltmeter. `make help` lists the targets. A machine needs Go, Node, make and a C compiler; the rest is installed here.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

GO      ?= go
NPM     ?= npm
BIN     := bin/tiltmeter
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -X main.version=$(VERSION)
NPM_CI  := $(NPM) ci --no-audit --no-fund --loglevel=error

# Stamps: a target is redone only when what it was made from has changed.
ENGINE  := store/engine/node_modules/.installed
SDK     := cmd/tiltmeter/testdata/node-openai/node_modules/.installed
WEB     := web/node_modules/.installed
PAGE    := web/dist/.built
WEB_SRC := $(shell find web/src web/index.html web/public -type f 2>/dev/null) $(wildcard web/*.ts web/*.json)
# Whatever a package embeds lies in its folder, so that all of a folder counts.
GO_SRC  := $(shell find cmd ingest store analyzers api proto genai alerts -type f -not -path '*/node_modules/*' -not -path '*/testdata/*' \
             -not -name '*_test.go' 2>/dev/null) $(wildcard web/*.go)

# The browser of the page's tests; TILTMETER_E2E_CHROMIUM names another. Looked for when it is needed: it may be installed before.
CHROMIUM = $(or $(TILTMETER_E2E_CHROMIUM),$(firstword $(foreach b,chromium chromium-browser google-chrome google-chrome-stable,$(shell command -v $(b)))))

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.PHONY: run
run: build ## build and start everything with demo traffic; prints the URL
	$(BIN) serve --demo

.PHONY: demo
demo: build ## play the demo company's traffic into a running server
	$(BIN) demo

.PHONY: build
build: $(BIN) engine ## bin/tiltmeter with the page in it, and the engine library

$(BIN): $(GO_SRC) go.mod go.sum $(PAGE)
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $@ ./cmd/tiltmeter

.PHONY: engine
engine: $(ENGINE) ## fetch the embedded ClickHouse library

$(ENGINE): store/engine/package.json store/engine/package-lock.json
	$(NPM_CI) --prefix store/engine
	@touch $@

$(SDK): cmd/tiltmeter/testdata/node-openai/package-lock.json
	$(NPM_CI) --prefix cmd/tiltmeter/testdata/node-openai
	@touch $@

$(WEB): web/package.json web/package-lock.json
	$(NPM_CI) --prefix web
	@touch $@

.PHONY: web
web: $(PAGE) ## build the page into web/dist

$(PAGE): $(WEB) $(WEB_SRC)
	$(NPM) --prefix web run --silent build
	@touch $@ web/dist/.gitkeep

.PHONY: test
test: build chromium $(SDK) ## every test: Go, the page's units, the page in a real Chromium
	$(GO) vet ./...
	$(GO) test -parallel 3 -timeout 20m ./... # the longest tests mostly wait
	$(NPM) --prefix web run --silent lint
	$(NPM) --prefix web run --silent test
	TILTMETER_E2E_CHROMIUM='$(CHROMIUM)' $(NPM) --prefix web run --silent e2e

.PHONY: test-race
test-race: build $(SDK) ## the Go tests under the race detector
	$(GO) test -race -timeout 40m ./...

.PHONY: fuzz
FUZZTIME ?= 1m
fuzz: engine ## every fuzz target for FUZZTIME each
	@$(GO) list ./... | while read -r p; do \
	  for f in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz' || true); do \
	    echo "== $$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s $$p; done; done

.PHONY: bench
bench: build ## the benchmark tables
	$(BIN) bench
	$(BIN) bench detectors

.PHONY: lint
lint: $(WEB) ## vet, golangci-lint, oxlint, tsc
	$(GO) vet ./...
	$(GO) tool -modfile=internal/tools/lint/go.mod golangci-lint run
	$(NPM) --prefix web run --silent lint

.PHONY: fmt
fmt: ## format Go and TypeScript
	$(GO) tool -modfile=internal/tools/lint/go.mod golangci-lint fmt
	$(NPM) --prefix web run --silent format

.PHONY: generate
generate: $(WEB) ## protobuf, gateway, OpenAPI, TypeScript types
	internal/tools/generate.sh
	$(NPM) --prefix web run --silent generate

.PHONY: check
check: lint test test-race ## what a change must pass

.PHONY: chromium
chromium:
	@[ -n '$(CHROMIUM)' ] || { \
	  as_root=; [ "$$(id -u)" = 0 ] || as_root="sudo -n"; \
	  if command -v apt-get >/dev/null && $$as_root true 2>/dev/null; then \
	    $$as_root apt-get update -qq && $$as_root apt-get install -y -qq --no-install-recommends chromium fonts-noto-color-emoji >/dev/null; \
	  else echo "the page's tests need Chromium or Chrome: install one, or set TILTMETER_E2E_CHROMIUM to its path" >&2; exit 1; fi; }

.PHONY: clean
clean: ## remove what was built (data/ stays)
	rm -rf bin web/node_modules store/engine/node_modules
	find web/dist -mindepth 1 -not -name .gitkeep -delete 2>/dev/null || true
