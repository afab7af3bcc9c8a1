"""How much the engine and the app bear, measured on this machine: `python -m benchmarks.load` (`make load`).

Each part is a file with a `measure` that returns plain figures; `report` makes them a page.
"""
