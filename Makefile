# umbra: build, checks and tests. `make test` is what CI runs; every stage of it
# is a target of its own. Nothing has to be installed by hand: `make deps` (run
# by the stages that need it) installs what is missing through apt-get.

SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c

GO          ?= go
BIN         := bin
TOOLS       := .tools
STATICCHECK := $(TOOLS)/staticcheck
STATICCHECK_VERSION := v0.7.0

# Seconds for the whole fuzz stage, shared by all targets found.
FUZZ_SECONDS ?= 150
# Limit for the end-to-end stage, as a Go duration.
E2E_TIMEOUT  ?= 25m
# Only tests that match run in the end-to-end stage.
E2E_RUN      ?= .
# Where `make demo` mirrors from: umbra or kafka.
SOURCE       ?= umbra

STAGES := build fmt vet lint imports unit fuzz e2e demos bench-short

.PHONY: all build fmt vet lint imports test unit fuzz e2e harness bench bench-report bench-short browser demo demos deps clean

all: build fmt vet lint imports unit

# The programs say which commit they are of, where git can tell.
VCS := $(shell if git rev-parse HEAD >/dev/null 2>&1; then echo -buildvcs=true; else echo -buildvcs=false; fi)

build:
	$(GO) build ./...
	@mkdir -p $(BIN)
	$(GO) build $(VCS) -o $(BIN)/umbra ./cmd/umbra
	$(GO) build $(VCS) -o $(BIN)/umbra-bench ./cmd/umbra-bench

fmt:
	@bad=$$(git ls-files -co --exclude-standard '*.go' | xargs -r gofmt -l); \
	  if [ -n "$$bad" ]; then printf 'not formatted, run gofmt -w on:\n%s\n' "$$bad"; exit 1; fi

vet:
	$(GO) vet ./...

lint: $(STATICCHECK)
	$(STATICCHECK) ./...

$(STATICCHECK):
	@mkdir -p $(TOOLS)
	GOBIN=$(abspath $(TOOLS)) $(GO) install honnef.co/go/tools/cmd/staticcheck@$(STATICCHECK_VERSION)

imports:
	$(GO) test -count=1 -run 'TestImports' ./core

unit:
	$(GO) test -race -timeout 15m ./...

fuzz:
	loadtest/fuzz.sh $(FUZZ_SECONDS)

# End-to-end tests drive real clusters and clients; without UMBRA_E2E=1 they skip,
# with it a missing program is a failure. Those of the benches run an umbra, and
# draw a page in a browser.
e2e: build deps
	UMBRA_E2E=1 $(GO) test -count=1 -p 1 -timeout $(E2E_TIMEOUT) -run '$(E2E_RUN)' ./loadtest/... ./bench/...

# The harness itself against real Kafka, without umbra.
harness: deps
	UMBRA_E2E=all $(GO) test -count=1 -p 1 -timeout $(E2E_TIMEOUT) ./loadtest/kafka ./loadtest/workload ./loadtest/clients

# Everything README shows, measured anew: half an hour on two idle cores. Apache
# Kafka and MirrorMaker 2 come through Maven. It ends with the page and its picture.
# BENCH=rpo measures one again.
bench: build deps
	bench/run.sh full $(BENCH)

# The page, its picture and README's table from the reports in bench/results.
bench-report: build browser
	bench/run.sh report

# Every bench in its short form, so that none rots.
bench-short: build deps
	bench/run.sh short $(BENCH)

# What draws the picture of the page.
browser:
	@loadtest/install.sh browser

demo: build
	@if [ "$(SOURCE)" = kafka ]; then loadtest/install.sh java; fi
	$(GO) run ./loadtest/demo -source $(SOURCE)

# Both demos: what a newcomer runs first must work.
demos:
	$(MAKE) --no-print-directory demo SOURCE=umbra
	$(MAKE) --no-print-directory demo SOURCE=kafka

deps:
	@loadtest/install.sh all

# Every stage in order, with its time. The first failure stops.
test:
	@begin=$$(date +%s); \
	for stage in $(STAGES); do \
	  t=$$(date +%s); printf '\n=== %s\n' "$$stage"; \
	  if ! $(MAKE) --no-print-directory $$stage; then \
	    printf '=== %s FAILED after %d s\n' "$$stage" $$(( $$(date +%s) - t )); exit 1; fi; \
	  printf '=== %s ok, %d s (total %d s)\n' "$$stage" $$(( $$(date +%s) - t )) $$(( $$(date +%s) - begin )); \
	done

clean:
	rm -rf $(BIN) $(TOOLS) .cache demo-data
