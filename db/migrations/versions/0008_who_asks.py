"""Commands and jobs may come from elsewhere than the app and the command line: the API, a chat, the engine itself.

And what is done by the clock leaves a row, so that a start knows what it missed.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

BEFORE = "source IN ('app', 'cli')"
AFTER = "source IN ('app', 'cli', 'api', 'chat', 'engine')"


def upgrade() -> None:
    for table in ("command", "job"):
        _reword(table, f"ck_{table}_source", BEFORE, AFTER)
    nothing = sa.text("''")
    op.create_table(
        "scheduled",
        sa.Column("name", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("due_ts", sa.BigInteger(), nullable=False),
        sa.Column("started_ts", sa.BigInteger(), nullable=True),
        sa.Column("done_ts", sa.BigInteger(), nullable=True),
        sa.Column("next_ts", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.Text(), server_default=sa.text("'done'"), nullable=False),
        sa.Column("message", sa.Text(), server_default=nothing, nullable=False),
        sa.CheckConstraint("state IN ('waiting', 'running', 'done', 'failed')", name=op.f("ck_scheduled_state")),
        sa.PrimaryKeyConstraint("name", name="pk_scheduled"),
    )


def downgrade() -> None:
    op.drop_table("scheduled")
    for table in ("command", "job"):
        op.execute(sa.text(f"UPDATE {table} SET source = 'cli' WHERE source NOT IN ('app', 'cli')"))
        _reword(table, f"ck_{table}_source", AFTER, BEFORE)


def _reword(table: str, check: str, before: str, after: str) -> None:
    """Another condition for a CHECK; SQLite cannot change one, so there the table is made again with all that is on it."""
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        op.drop_constraint(op.f(check), table, type_="check")
        op.create_check_constraint(op.f(check), table, after)
        return
    found = connection.execute(
        sa.text("SELECT type, sql FROM sqlite_master WHERE tbl_name = :table AND sql IS NOT NULL"), {"table": table}
    ).all()
    made = next(sql for kind, sql in found if kind == "table")
    assert made.count(before) == 1
    _head, _, body = made.replace(before, after).partition("(")
    connection.exec_driver_sql(f"CREATE TABLE {table}_anew ({body}")
    connection.exec_driver_sql(f"INSERT INTO {table}_anew SELECT * FROM {table}")
    connection.exec_driver_sql(f"DROP TABLE {table}")
    connection.exec_driver_sql(f"ALTER TABLE {table}_anew RENAME TO {table}")
    for kind, sql in found:
        if kind == "index":
            connection.exec_driver_sql(sql)
