#!/usr/bin/env bash
# Runs every fuzz target of the module for a short while.
#   fuzz.sh SECONDS   the time for all targets together (at least 1 s each)
# Targets are found with `go test -list`; each package is compiled once, with
# fuzzing instrumentation, and its targets run one after another.
set -euo pipefail
cd "$(dirname "$0")/.."
budget=${1:?usage: fuzz.sh SECONDS}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

packages=$(git ls-files -co --exclude-standard '*_test.go' | xargs -r grep -l '^func Fuzz' | xargs -r -n1 dirname | sort -u)
total=0
for p in $packages; do
  out="$work/${p//\//_}"
  go test -list '^Fuzz' "./$p" | grep '^Fuzz' >"$out.targets" || true
  total=$((total + $(wc -l <"$out.targets")))
done
if [ "$total" -eq 0 ]; then
  echo "no fuzz targets found"
  exit 0
fi

each=$((budget / total))
[ "$each" -ge 1 ] || each=1
echo "$total fuzz targets, ${each} s each"
for p in $packages; do
  out="$work/${p//\//_}"
  [ -s "$out.targets" ] || continue
  go test -c -fuzz . -o "$out.test" "./$p"
  while read -r name; do
    log="$out.$name.log"
    mkdir -p "$work/corpus/$p"
    if (cd "$p" && "$out.test" -test.run '^$' -test.fuzz "^$name\$" -test.fuzztime "${each}s" \
      -test.fuzzminimizetime 5x -test.fuzzcachedir "$work/corpus/$p" -test.parallel 2) >"$log" 2>&1 </dev/null; then
      echo "ok   $p $name $(grep -o 'execs: [0-9]*' "$log" | tail -n 1)"
    elif grep -q 'context deadline exceeded' "$log" && ! grep -qE 'Failing input|panic|_test\.go' "$log"; then
      # Go's fuzzer reports its own end of time as a failure now and then.
      echo "ok   $p $name $(grep -o 'execs: [0-9]*' "$log" | tail -n 1) (ended by time)"
    else
      cat "$log"
      echo "FAIL $p $name (a failing input is kept under $p/testdata/fuzz/$name)"
      exit 1
    fi
  done <"$out.targets"
done
