"""Evenkeel's command line. `python run_engine.py --help` lists the commands; without one the engine runs with config.toml.

Only the door: the commands live in engine/cli, one file for each group of them.
"""

from engine.cli.app import main

if __name__ == "__main__":
    main()
