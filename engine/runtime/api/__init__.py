"""The engine's HTTP door: FastAPI on loopback, on a thread of its own.

It reads the database over its own connection and the pulse that the loop copies (engine.runtime.health); what it is asked to do
it writes as rows of `command` and `job`. It never touches the loop's state, and the loop never waits for it.
"""
