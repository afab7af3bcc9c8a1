#!/bin/sh
# Known holes in what is installed: pip-audit over the locked requirements. 0: none known; 1: there are; 3: could not be asked.
set -eu
cd "$(dirname "$0")/.."
uv=$(command -v uv || echo .venv/bin/uv)
# asked here: an interpreter that is not there, and a registry that is out of reach, are no clean bill
if ! "$uv" tool run --quiet pip-audit --version >/dev/null 2>&1; then
  echo "audit: pip-audit could not be fetched; nothing was checked. It wants the network (PyPI and its advisories)." >&2
  exit 3
fi
for lock in requirements.txt requirements-cluster.txt; do
  words=$(mktemp)
  if "$uv" tool run --quiet pip-audit --require-hashes --disable-pip -r "$lock" >"$words" 2>&1; then
    echo "audit: no known hole in $lock"
  elif grep -qiE "connection|timed? ?out|resolve|unreachable|proxy|50[0-9] " "$words" && ! grep -q "known vulnerabilit" "$words"; then
    tail -n 3 "$words" >&2
    echo "audit: the advisories could not be asked about $lock; nothing was checked." >&2
    rm -f "$words"
    exit 3
  else
    cat "$words"
    rm -f "$words"
    exit 1
  fi
  rm -f "$words"
done
