"""What went wrong, as one sentence and an exit code: the part of the command line that scripts rely on.

0 done · 1 refused or not right · 2 usage · 69 exchange or network out of reach · 74 storage · 78 configuration.
Errors of libraries are known by name, so that nothing heavy is imported to look at them.
"""

from __future__ import annotations

import errno

FAILED, USAGE, UNAVAILABLE, STORAGE, CONFIG = 1, 2, 69, 74, 78


class Fail(Exception):
    """A command cannot do what it was asked; the message says what to do next."""

    def __init__(self, message: str, exit_code: int = FAILED) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def describe(error: BaseException) -> tuple[int, str] | None:
    """(exit code, sentence) of an error that a person can act on; None for a defect of the program itself."""
    code = getattr(error, "exit_code", None)
    if isinstance(code, int):
        return code, str(error)
    if "database is locked" in str(error):
        return (
            STORAGE,
            "another program holds the database, longer than is waited for: end it, or try again in a moment",
        )
    for cls in type(error).__mro__:
        found = _BY_NAME.get((cls.__module__.partition(".")[0], cls.__name__))
        if found:
            return found[0], found[1].format(text=_first_line(error), name=type(error).__name__)
    if isinstance(error, OSError):
        return _of_os_error(error)
    return None


_BY_NAME: dict[tuple[str, str], tuple[int, str]] = {
    ("engine", "DataError"): (FAILED, "{text}"),
    ("engine", "StrategyError"): (FAILED, "{text}"),
    ("engine", "UnknownSymbol"): (USAGE, "{text}"),
    ("engine", "VenueError"): (UNAVAILABLE, "{text}"),
    ("ccxt", "BadSymbol"): (USAGE, "the exchange does not know this symbol: {text}"),
    ("ccxt", "NetworkError"): (
        UNAVAILABLE,
        "the exchange is out of reach ({name}): {text}. Try again later, or check the address",
    ),
    ("ccxt", "BaseError"): (UNAVAILABLE, "the exchange refused ({name}): {text}"),
    ("requests", "RequestException"): (UNAVAILABLE, "the network is out of reach: {text}"),
    ("sqlalchemy", "SQLAlchemyError"): (
        STORAGE,
        "the database cannot be used: {text}. `run_engine.py doctor` looks at it",
    ),
    ("sqlite3", "Error"): (STORAGE, "the database cannot be used: {text}. `run_engine.py doctor` looks at it"),
}


def _of_os_error(error: OSError) -> tuple[int, str]:
    where = f"{error.filename}: " if error.filename else ""
    text = f"{where}{error.strerror or error}"
    if isinstance(error, (ConnectionError, TimeoutError)) or error.errno in (errno.EADDRINUSE, errno.ENETUNREACH):
        return UNAVAILABLE, f"{text}. Check the address and the network"
    return STORAGE, f"{text}. Check the path, its rights and the free space"


def _first_line(error: BaseException) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
