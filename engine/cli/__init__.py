"""The command line: the top layer, one file for each group of commands.

A command reads its arguments, calls one function of the rooms below, and prints what came back. Heavy modules are imported
inside the commands, so that `--help` answers at once.
"""
