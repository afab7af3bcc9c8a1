#!/bin/sh
# Resolves requirements.in, -cluster.in and -dev.in for every platform and every supported Python, with hashes.
set -eu
cd "$(dirname "$0")/.."
uv=$(command -v uv || echo .venv/bin/uv)
compile() {
  "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --custom-compile-command "make lock" "$@"
}
compile requirements.in -o requirements.txt
compile requirements-cluster.in -c requirements.txt -o requirements-cluster.txt
compile requirements-dev.in -c requirements.txt -o requirements-dev.txt
