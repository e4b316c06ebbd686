#!/usr/bin/env bash
# Installs what the black-box tests need and is not there yet (Debian, as root
# or with sudo). What is present is left alone; apt-get update runs at most once.
#   install.sh java     a Java 17 runtime and Maven (real Kafka)
#   install.sh browser  Chromium, which draws the picture of a bench's page
#   install.sh all      both, kcat, Node.js with kafkajs, Python with confluent-kafka
# Downloads land in .cache: .cache/venv (Python), .cache/node (Node.js).
set -euo pipefail
cd "$(dirname "$0")/.."
want=${1:-all}
case "$want" in java | browser | all) ;; *)
  echo "usage: install.sh java|browser|all" >&2
  exit 2
  ;;
esac
cache=$PWD/.cache
mkdir -p "$cache"

# kafkajs has no lz4, snappy or zstd of its own; these three are plain JavaScript.
NODE_PACKAGES=(kafkajs@2.2.4 kafkajs-snappy@1.1.0 lz4js@0.2.0 zstd-codec@0.1.5)
CONFLUENT_KAFKA=2.16.1

have() { command -v "$1" >/dev/null 2>&1; }

root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

# retry N CMD..: downloads fail for a moment now and then.
retry() {
  local left=$1
  shift
  until "$@"; do
    left=$((left - 1))
    if [ "$left" -le 0 ]; then
      echo "install: failed for good: $*" >&2
      return 1
    fi
    echo "install: failed, trying again: $*" >&2
    sleep 3
  done
}

packages=()
java_major() { java -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p'; }
if [ "$want" != browser ]; then
  if ! have java || [ "$(java_major)" -lt 17 ]; then packages+=(openjdk-17-jdk-headless); fi
  if ! have mvn; then packages+=(maven); fi
fi
if [ "$want" != java ] && ! have chromium && ! have chromium-browser && ! have google-chrome; then
  packages+=(chromium fonts-dejavu-core)
fi
if [ "$want" = all ]; then
  if ! have kcat; then packages+=(kcat); fi
  if ! have node; then packages+=(nodejs); fi
  if ! have npm; then packages+=(npm); fi
  if ! have python3 || ! python3 -c 'import venv, ensurepip' 2>/dev/null; then packages+=(python3 python3-venv); fi
fi
if [ "${#packages[@]}" -gt 0 ]; then
  if ! have apt-get; then
    echo "install: missing ${packages[*]} and there is no apt-get; install them by hand" >&2
    exit 1
  fi
  echo "install: apt-get install ${packages[*]}"
  export DEBIAN_FRONTEND=noninteractive
  retry 3 root apt-get update -q >/dev/null
  retry 3 root apt-get install -y -q --no-install-recommends "${packages[@]}" >"$cache/apt.log" 2>&1 ||
    { tail -n 40 "$cache/apt.log" >&2; exit 1; }
fi
[ "$want" = all ] || exit 0

if [ ! -x "$cache/venv/bin/python" ] || ! "$cache/venv/bin/python" -c 'import confluent_kafka' 2>/dev/null; then
  rm -rf "$cache/venv"
  python3 -m venv "$cache/venv"
  retry 3 "$cache/venv/bin/pip" install -q --disable-pip-version-check --only-binary :all: "confluent-kafka==$CONFLUENT_KAFKA"
fi
node_have() { (cd "$cache/node" && node -e 'for (const p of ["kafkajs", "kafkajs-snappy", "lz4js", "zstd-codec"]) require.resolve(p)') 2>/dev/null; }
mkdir -p "$cache/node"
if ! node_have; then
  echo '{"private": true}' >"$cache/node/package.json"
  retry 3 npm install --prefix "$cache/node" --silent --no-audit --no-fund "${NODE_PACKAGES[@]}"
fi
