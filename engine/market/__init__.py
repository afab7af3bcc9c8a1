"""Market data in: history, files, the store, live feeds. Nothing here decides or books anything."""
