"""Who may come in: the app's password. A leaf beside the core; knows no page, no database and no engine."""
