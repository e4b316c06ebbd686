#!/usr/bin/env bash
# Runs benches one after the other and makes the report of what they found.
#   run.sh full [BENCH ..]    everything that README shows: half an hour on two idle cores;
#                             reports, page and picture go to bench/results
#   run.sh short [BENCH ..]   the short form of each, so that none rots: about 4 minutes;
#                             to .cache/bench-short
#   run.sh report             the page, its picture and README's table from the reports
#                             that are in bench/results
# BENCH names some; none are all. One that fails does not stop the others; it is named
# at the end, and so is the status. UMBRA_BENCH is the program (default bin/umbra-bench),
# BENCH_DIR the folder for data, on the disk to be measured.
set -euo pipefail
cd "$(dirname "$0")/.."

ALL=(link peers rpo failover produce consume catchup soak) # in the order of the report
# The charts of the picture, which README shows; those that are not there are left out.
PICTURE=(peers-cost-1024 peers-cost-100 link-cost-synthetic rpo-kafka-20MB-delay rpo-kafka-lag-ms catchup-local-p99)
program=${UMBRA_BENCH:-bin/umbra-bench}
results=bench/results

# flags BENCH: what a full run asks for beyond the bench's own defaults.
flags() {
  case "$1" in
    link) echo --grid --bytes 2GiB --within 7m --seconds 0 ;; # rpo measures the delays
    peers) echo --rounds 2 --seconds 7 ;;
    rpo) echo --rounds 2 --kills 8 --hdr "$results/rpo" ;;
    failover) echo --within 75s ;;
    produce) echo --batch 1 --rounds 4 --seconds 2 --warm 6 ;;
    consume) echo --warm 6 ;;
    catchup) echo --rounds 2 ;;
    soak) echo --for 60s --journal "$results/soak.jsonl" ;;
  esac
}

# run BENCH FLAG ..: one bench, its report in $folder, its time.
failed=()
run() {
  local bench=$1 begin=$SECONDS
  shift
  printf '\n=== umbra-bench %s\n' "$bench $*"
  if "$program" "$bench" "$@" ${BENCH_DIR:+--dir "$BENCH_DIR"} --json "$folder/$bench.json"; then
    printf '=== umbra-bench %s ok, %d s\n' "$bench" $((SECONDS - begin))
  else
    printf '=== umbra-bench %s FAILED after %d s\n' "$bench" $((SECONDS - begin))
    failed+=("$bench")
  fi
}

# allocations TIME: what each step of the hot path takes from Go's heap, a batch or a
# chunk an operation, to $folder/benchmem.txt.
HOT='^Benchmark(FetchStream|Verifier|Update|Commit|Read|Write|Post|Receive|MailboxPushPop|AllocRelease)$'
allocations() {
  printf '\n=== go test -benchmem\n'
  if ! "${GO:-go}" test -run '^$' -bench "$HOT" -benchtime "$1" -benchmem ./kafkaproto/... ./ioring/... ./shard/... |
    grep -E '^(pkg|Benchmark)' >"$folder/benchmem.txt"; then
    failed+=(benchmem)
  fi
}

# reports FOLDER: those that are there, in the order of the report.
reports() {
  local bench
  for bench in "${ALL[@]}"; do
    if [ -e "$1/$bench.json" ]; then echo "$1/$bench.json"; fi
  done
}

# page: the page, its picture and README's table.
page() {
  local files
  mapfile -t files < <(reports "$results")
  if [ "${#files[@]}" = 0 ]; then
    echo "there is no report in $results: run $0 full" >&2
    return 1
  fi
  "$program" report "${files[@]}" --html "$results/report.html"
  "$program" report "${files[@]}" --png "$results/report.png" --charts "$(IFS=,; echo "${PICTURE[*]}")"
  if grep -q '<!-- bench -->' README.md; then
    "$program" report "${files[@]}" --readme README.md
  fi
  "$program" report "${files[@]}"
}

mode=${1:-}
[ $# = 0 ] || shift
benches=("$@")
[ $# != 0 ] || benches=("${ALL[@]}")
case "$mode" in
  full)
    folder=$results
    mkdir -p "$folder"
    for bench in "${benches[@]}"; do
      # shellcheck disable=SC2046 # the flags are words
      run "$bench" $(flags "$bench")
    done
    if [ "${#benches[@]}" = "${#ALL[@]}" ]; then allocations 300ms; fi
    page
    ;;
  short)
    folder=.cache/bench-short
    rm -rf "$folder"
    mkdir -p "$folder"
    for bench in "${benches[@]}"; do run "$bench" --short; done
    allocations 10x
    mapfile -t files < <(reports "$folder")
    if [ "${#files[@]}" != 0 ]; then
      "$program" report "${files[@]}" --html "$folder/report.html"
      "$program" compare "${files[0]}" "${files[0]}" >"$folder/compare.txt"
      "$program" report "${files[@]}" --all
    fi
    ;;
  report) page ;;
  *)
    sed -n '2,13s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
if [ "${#failed[@]}" != 0 ]; then
  echo "failed: ${failed[*]}"
  exit 1
fi
