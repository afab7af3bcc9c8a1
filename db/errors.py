"""Why the database cannot be used, in a sentence that says what to do. Exit code 74 (storage) on the command line."""


class StorageError(Exception):
    """The database is missing, foreign, newer than this code, older than it, or out of reach."""

    exit_code = 74


class ServerAway(StorageError):
    """The database server takes nothing at this moment: ask again."""


class MissingDatabase(StorageError):
    """There is no database yet."""


class ForeignDatabase(StorageError):
    """The file or database belongs to another program."""


class NewerSchema(StorageError):
    """A newer Evenkeel wrote it."""


class OlderSchema(StorageError):
    """It has to be migrated first."""
