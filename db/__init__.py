"""The database: tables by noun, sessions, migrations, queries. A leaf: it imports nothing of ours."""
