"""What Evenkeel claims about speed, runnable by anyone: `python -m benchmarks.single`, `.step`, `.kernel`,
`.sweep`, `.linear`; `python -m benchmarks` runs them all. `.pages` opens the app on a big database.
"""
