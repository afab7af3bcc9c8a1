#!/bin/sh
# On the server, as root: put a release in place, go back to the one before, or say what runs.
#   release.sh install TARBALL    backup (audited), environment, switch, start, wait until it is ready; else back by itself
#   release.sh rollback           the release before, and the ledger as it was before the upgrade
#   release.sh status
# Each step may be given again. EVENKEEL_ROOT is for tests.
set -eu
root=${EVENKEEL_ROOT:-}
releases=$root/opt/evenkeel-releases
current=$root/opt/evenkeel
home=$root/var/lib/evenkeel
units="evenkeel-engine evenkeel-work evenkeel-app"
patience=${EVENKEEL_PATIENCE:-300}

say() { echo "release: $*" >&2; }
die() { say "$*"; exit 1; }
running() { readlink "$current" 2>/dev/null || true; }

server() { # the PostgreSQL address that the services are given, if any; never on a command line, where others could read it
  cat "$root/etc/evenkeel/common.env" "$root/etc/evenkeel/engine.env" 2>/dev/null |
    sed -n "s/^DATABASE_URL=//p" | tail -n 1 | sed "s/^[\"']//; s/[\"']\$//"
}

lived() { # whether there is a ledger: a file, or a server named to the services or in the configuration
  [ -f "$home/data/evenkeel.db" ] || [ -n "$(server)" ] ||
    grep -Eqs '^[[:space:]]*database_url[[:space:]]*=[[:space:]]*"postgresql' "$home/my/config.toml"
}

program() { # RELEASE COMMAND...: run_engine.py as the engine's user
  at=$1
  shift
  (cd "$at" && DATABASE_URL=$(server) && export DATABASE_URL && runuser -u evenkeel -- env EVENKEEL_HOME="$home/my" EVENKEEL_DATA="$home/data" HOME=/tmp \
    "$at/.venv/bin/python" run_engine.py "$@")
}

start() { # RELEASE: switch to it and start what is on
  ln -sfn "$1" "$current.next"
  mv -T "$current.next" "$current"
  install -d -m 0755 "$root/etc/systemd/system"
  install -m 0644 "$1"/deploy/systemd/*.service "$root/etc/systemd/system/"
  systemctl daemon-reload
  # shellcheck disable=SC2086 # several names
  systemctl enable --quiet $units
  # shellcheck disable=SC2086
  systemctl start --no-block $units
}

stop() {
  # shellcheck disable=SC2086
  systemctl stop $units 2>/dev/null || true
}

ready() {
  waited=0
  while [ "$waited" -lt "$patience" ]; do
    if curl -fsS -o /dev/null --max-time 4 http://127.0.0.1:8600/readyz 2>/dev/null; then return 0; fi
    sleep 1
    waited=$((waited + 1))
  done
  return 1
}

prepare() { # TARBALL RELEASE: unpacked, environment made, whole when its mark stands
  [ -e "$2/.complete" ] && return 0
  rm -rf "$2"
  install -d -m 0755 "$2"
  tar -xzf "$1" -C "$2" --no-same-owner
  (cd "$2" && python3 tools/install.py user)
  touch "$2/.complete"
}

install_release() {
  tarball=${1:?a tarball}
  [ -f "$tarball" ] || die "there is no $tarball"
  name=$(sha256sum "$tarball" | cut -c1-16)
  release=$releases/$name
  old=$(running)
  prepare "$tarball" "$release"
  if [ "$old" = "$release" ]; then
    say "$name runs already"
    start "$release"
    return 0
  fi
  if [ -n "$old" ] && lived; then
    rm -rf "$home/before-$name"
    stop
    program "$old" backup --to "$home/before-$name" || { start "$old"; die "no backup could be made: $old runs on"; }
    printf '%s\n%s\n' "$old" "$home/before-$name" > "$release/.before"
  elif [ -n "$old" ]; then
    stop
    printf '%s\n\n' "$old" > "$release/.before"
  fi
  start "$release"
  if [ ! -f "$home/my/config.toml" ]; then
    say "$name is in place. There is no configuration yet: run_engine.py init, or move --in"
    return 0
  fi
  if ready; then
    say "$name runs and is ready"
    return 0
  fi
  say "$name was not ready within $patience s"
  [ -f "$release/.before" ] || exit 1
  rollback
  exit 1
}

rollback() {
  release=$(running)
  [ -n "$release" ] || die "nothing is installed"
  [ -f "$release/.before" ] || die "there is no release before $release"
  old=$(sed -n 1p "$release/.before")
  kept=$(sed -n 2p "$release/.before")
  stop
  if [ -n "$kept" ]; then
    for folder in "$kept"/evenkeel-*; do
      program "$old" restore "$folder" || die "the backup in $folder cannot be put back; the engine is stopped"
    done
  fi
  start "$old"
  ready || die "$old is not ready either: journalctl -u evenkeel-engine"
  say "back at $old"
}

case ${1:-} in
  install) install_release "${2:-}" ;;
  rollback) rollback ;;
  status)
    say "runs: $(running)"
    # shellcheck disable=SC2086
    systemctl --no-pager --lines=0 status $units || true
    ;;
  *) die "install TARBALL, rollback or status" ;;
esac
