# Switchyard. `make` alone lists what can be made; Go, git and make are all it takes.
GO     ?= go
GOLINT := $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

PACKAGES ?= ./...

.DEFAULT_GOAL := help
.PHONY: help demo build test test-clients test-gitea test-console race guarantees soak lint fuzz bench bench-peers bench-sync bench-records bench-report simulate pgo package test-packaging check

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: build ## run the whole of it: a git repository, model servers, a gateway, traffic
	bin/switchyard demo

build: ## compile bin/switchyard, which needs no library of the system
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/switchyard ./cmd/switchyard

test: ## run the tests (PACKAGES='./gateway/...' ARGS='-run Alloc')
	$(GO) test -timeout 30m -shuffle=on $(ARGS) $(PACKAGES)

race: ## run the tests under the race detector (needs a C compiler)
	CGO_ENABLED=1 $(GO) test -race -timeout 40m -shuffle=on ./...

test-clients: ## call the gateway with the npm clients of OpenAI and of gRPC (needs node 20 or later, npm and its registry)
	$(GO) test -count=1 -run Clients ./cmd/switchyard/serve -clients

test-gitea: ## follow a real Gitea and work with it; the first time it is built, which takes minutes and GB
	.ci/gitea

guarantees: ## run the tests and write how they ended, and what they measured, to docs/guarantees.md
	$(GO) test -json -count=1 -shuffle=on ./... | $(GO) run ./internal/guarantees/write

test-console: ## run the console in a real browser (needs Chromium and npm), and take the screenshots of docs/console.md
	.ci/console

soak: ## run the tests of the guarantees at full size and write docs/guarantees.md, a quarter of an hour of replicas at fault, and long histories of git; 40 minutes in all (ARGS='-run TestM02 -engines "front=own upstream=own"')
	$(GO) test -count=1 -timeout 60m ./gitsync -run 'RandomHistory|CutConnections' -soak
	$(GO) test -json -count=1 -timeout 60m ./gateway/soak -soak $(ARGS) | $(GO) run ./internal/guarantees/write

lint: ## run the linters, pinned
	$(GOLINT) run ./...

fuzz: ## fuzz each target for a while (FUZZTIME=5s)
	.ci/fuzz

bench: ## run the benchmarks and compare them with bench/baseline.txt; see docs/performance.md (BENCHTIME=100ms COUNT=6)
	bench/run

bench-peers: ## measure next to nginx, HAProxy and Caddy, about 15 minutes (ARGS=-quick: a minute and a half)
	$(GO) run ./bench/peers $(ARGS)

bench-sync: ## measure syncs next to the git command line, two minutes (ARGS='-only NAME')
	$(GO) run ./bench/sync $(ARGS)

bench-records: ## measure what captured bodies and compared answers cost, in processor time, two minutes; see docs/records.md
	$(GO) test ./gateway -run '^$$' -bench '^BenchmarkCaptureAndComparison' -benchtime 20x -count 5

bench-report: ## measure a report over a million pairs, its time and its memory; see docs/report.md
	$(GO) test ./report -run '^$$' -bench 'Million' -benchtime 1x -count 3

simulate: ## simulate how often verdicts are wrong and how soon they come, and write it to docs/report.md, a minute or so
	$(GO) run ./report/simulation

pgo: ## record the profile that the compiler optimises by, on a quiet machine
	$(GO) run ./bench/peers -profile cmd/switchyard/default.pgo

package: ## build archives, the Debian package and their checksums into dist/, without publishing (ONLY=linux_amd64)
	$(GO) run github.com/goreleaser/goreleaser/v2@v2.15.1 release --snapshot --clean --skip=docker,publish

test-packaging: ## check the chart, the alerts, the dashboard and, if there is one in dist/, the Debian package
	cd packaging/checks && $(GO) test -count=1 ./...

check: ## run all that CI checks
	.ci/run
