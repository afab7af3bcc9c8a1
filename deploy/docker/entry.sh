#!/bin/sh
# What a container does: engine, app, worker, or any command of run_engine.py.
# EVENKEEL_APP_HOSTS: the names people type to reach the app, with blanks between them.
set -eu
umask 0007
what=${1:-engine}
[ $# -eq 0 ] || shift
case "$what" in
  engine) exec python run_engine.py run "$@" ;;
  worker) exec python run_engine.py work "$@" ;;
  app)
    for host in localhost 127.0.0.1 ${EVENKEEL_APP_HOSTS:-}; do
      set -- "$@" --server.allowedHosts "$host"
    done
    exec python -m streamlit run Home.py --server.address 0.0.0.0 "$@"
    ;;
  *) exec python run_engine.py "$what" "$@" ;;
esac
