"""One file is one channel: a class `Channel` that says what it needs and sends one message."""
