# Twinspan. `make` alone lists what there is to do.
SHELL      := /bin/bash
GO         ?= go
NPM        ?= npm
VERSION    ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS    := -s -w -X github.com/twinspan/twinspan/internal/app.version=$(VERSION)
GOLANGCI   := v2.15.0
# The server's packages whose goroutines share memory; sdk modules are added in test-race.
CONCURRENT := ./internal/access/... ./internal/agent/... ./internal/app/... ./internal/bus/... ./internal/collect/... ./internal/ingest/... ./internal/query/... ./internal/reload/... ./internal/store/...
CONTRIB    := $(patsubst %/go.mod,%,$(wildcard sdk/contrib/*/go.mod))
MODULES    := . sdk $(CONTRIB) examples/payment
# Tests with other projects' clients: modules, and workspaces, of their own.
PEERS      := $(patsubst %/go.mod,%,$(wildcard test/peer/go.mod test/peer/*/go.mod))
EVERY      := $(MODULES) test/e2e test/bench test/opentelemetry sdk/bench $(PEERS)
# What downloads is tried again: a network that stumbles fails nothing.
AGAIN      := $(CURDIR)/test/again.sh
# Bounds tests that hang. Slow machines need minutes for some packages.
TIMEOUT    := -timeout 60m
export GOFLAGS ?= -buildvcs=false

.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: console ## build bin/twinspan with the console inside
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/twinspan ./cmd/twinspan

console: console/dist/index.html ## build the web console

console/dist/index.html: console/package-lock.json $(shell find console/src console/public console/index.html console/*.ts -type f 2>/dev/null)
	cd console && $(AGAIN) $(NPM) ci --no-audit --no-fund --loglevel=error && $(NPM) run build

payment:
	cd examples/payment && $(GO) build -trimpath -o ../../bin/payment .

demo: ## run Twinspan and a traced payment system, until Ctrl-C
	@$(MAKE) --no-print-directory -j2 build payment
	@bin/payment demo -twinspan bin/twinspan $(DEMOFLAGS)

# Static binaries, as they are shipped.
build payment test-e2e test-peer: export CGO_ENABLED = 0

test: test-go test-console ## all tests that need no outside server

test-go:
	@set -e; for m in $(MODULES); do echo "== $$m"; (cd $$m && $(GO) vet ./... && $(GO) test $(TIMEOUT) ./...); done

test-console: console
	cd console && $(NPM) run lint && $(NPM) test

test-race: ## the race detector on the concurrent parts
	$(GO) test -race -short $(TIMEOUT) $(CONCURRENT)
	@set -e; for m in sdk $(CONTRIB); do echo "== $$m"; (cd $$m && $(GO) test -race -short $(TIMEOUT) ./...); done

test-e2e: ## the payment system end to end: every trace complete, every count exact
	cd test/e2e && $(GO) test -count=1 $(TIMEOUT) -v ./...

bench-ingest: bin/bench bin/twinspan-bench ## what ingest costs: spans/s, CPU, bytes, memory, and how fast it is found
	bin/bench -server bin/twinspan-bench $(BENCHFLAGS)

bench-loss: bin/bench bin/twinspan-bench ## kill -9 and a full disk under load: sent, acknowledged, found
	bin/bench -server bin/twinspan-bench -loss $(BENCHFLAGS)

.PHONY: bin/bench bin/twinspan-bench
bin/bench:
	cd test/bench && GOWORK=off CGO_ENABLED=0 $(GO) build -o ../../bin/bench .

# Without the console, which costs nothing here and needs Node to build.
bin/twinspan-bench:
	CGO_ENABLED=0 $(GO) build -o $@ ./cmd/twinspan

test-bench: bin/bench bin/twinspan-bench ## the benchmark's own tests, and the loss test, small
	cd test/bench && GOWORK=off $(GO) vet ./... && GOWORK=off $(GO) test -count=1 $(TIMEOUT) ./...
	bin/bench -server bin/twinspan-bench -loss -rounds 2 -conns 2

test-otel: ## OpenTelemetry's instrumentations on its SDK and on ours leave the same spans
	cd test/opentelemetry && $(GO) vet ./... && $(GO) test -count=1 $(TIMEOUT) ./...

test-peer: console ## other projects' clients, decoders and web UIs against the receivers and the compatible APIs
	@set -e; for m in $(PEERS); do echo "== $$m"; (cd $$m && $(GO) vet ./... && $(GO) test -count=1 $(TIMEOUT) ./...); done

test-parquet: ## exports, read by Arrow and DuckDB
	test/parquet.sh

bench-sdk: ## the SDK beside other tracers: docs/sdk-performance.md
	cd sdk/bench && $(GO) build -o ../../bin/bench-sdk . && ../../bin/bench-sdk -what cost && ../../bin/bench-sdk -what scale -only twinspan,twinspan-otel,twinspan-out && ../../bin/bench-sdk -what latency -only otel-otlp,twinspan,twinspan-otel

test-browser: build payment ## the console in headless Chromium, against a running demo
	test/browser.sh

lint: bin/golangci-lint-$(GOLANGCI) ## gofmt and golangci-lint
	@set -e; for m in $(EVERY); do echo "== $$m"; (cd $$m && $(CURDIR)/bin/golangci-lint-$(GOLANGCI) run --config $(CURDIR)/.golangci.yml ./...); done

bin/golangci-lint-$(GOLANGCI):
	GOBIN=$(CURDIR)/bin $(AGAIN) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI)
	mv bin/golangci-lint $@

fuzz: ## every fuzz target for FUZZTIME (default 20s)
	test/fuzz.sh

# By the packages' imports: "go mod download" gets much that nobody builds.
download: ## all modules of Go that the tests need
	@set -e; for m in $(EVERY); do (cd $$m && $(AGAIN) $(GO) list -deps -test ./... >/dev/null); done

ci: ## what CI runs: lint, tests, race detector, end to end, browser
	test/install.sh
	$(MAKE) download
	$(MAKE) lint
	$(MAKE) test
	$(MAKE) test-race
	$(MAKE) test-e2e
	$(MAKE) test-bench
	$(MAKE) test-otel
	$(MAKE) test-peer
	$(MAKE) test-parquet
	$(MAKE) test-browser

clean: ## remove what was built
	rm -rf bin console/dist/assets console/dist/index.html console/node_modules .demo

.PHONY: help build console payment demo test test-go test-console test-race test-e2e bench-ingest bench-loss test-bench test-otel test-peer test-parquet test-browser lint fuzz bench-sdk download ci clean
