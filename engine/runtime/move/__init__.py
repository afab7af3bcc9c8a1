"""A life taken to another machine: one file out, one file in, and never two engines on it."""
