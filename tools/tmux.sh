#!/bin/sh
# Opens engine, app and log in one tmux session, or goes back to it where it stands already.
set -eu
cd "$(dirname "$0")/.."
session=${EVENKEEL_TMUX:-evenkeel}
data=${EVENKEEL_DATA:-data}
if ! command -v tmux >/dev/null 2>&1; then
  echo "tmux is not installed. Run \`make engine\` and \`make app\` in two terminals instead." >&2
  exit 1
fi
if ! tmux has-session -t "=$session" 2>/dev/null; then
  mkdir -p "$data/logs"
  touch "$data/logs/engine.log"
  tmux new-session -d -s "$session" -n evenkeel ".venv/bin/python run_engine.py run --supervise; exec ${SHELL:-sh}"
  tmux split-window -t "$session" -h ".venv/bin/python -m streamlit run Home.py; exec ${SHELL:-sh}"
  tmux split-window -t "$session" -v "tail -n 50 -F $data/logs/engine.log"
  tmux select-pane -t "$session:0.0" 2>/dev/null || true
fi
if [ -n "${TMUX:-}" ]; then exec tmux switch-client -t "$session"; fi
if [ ! -t 0 ]; then echo "session $session is up: tmux attach -t $session"; exit 0; fi
exec tmux attach-session -t "$session"
