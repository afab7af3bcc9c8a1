"""The living engine: loop, recorder, recovery, configuration, logs, supervision. The app never imports this room."""
