"""What the sandbox refuses at its start."""


class SandboxError(Exception):
    """The sandbox cannot start as asked; the text says what to change."""

    exit_code = 2
