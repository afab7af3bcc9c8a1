"""Until when an exchange wants no requests is kept, so that a restart asks nothing during a ban."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

STREAMS = ("stream IN ('trades', 'flows')", "stream IN ('trades', 'flows', 'silence')")


def upgrade() -> None:
    _reword("watermark", "ck_watermark_stream", *STREAMS)


def downgrade() -> None:
    op.execute(sa.text("DELETE FROM watermark WHERE stream = 'silence'"))
    _reword("watermark", "ck_watermark_stream", *reversed(STREAMS))


def _reword(table: str, check: str, before: str, after: str) -> None:
    """Another condition for a CHECK; SQLite cannot change one, so there the table is made again. It is small, has no index of
    its own and nothing points at it."""
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        op.drop_constraint(op.f(check), table, type_="check")
        op.create_check_constraint(op.f(check), table, after)
        return
    query = sa.text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :table")
    made = connection.execute(query, {"table": table}).scalar_one()
    assert made.count(before) == 1, made
    _head, _, body = made.replace(before, after).partition("(")
    connection.exec_driver_sql(f"CREATE TABLE {table}_anew ({body}")
    connection.exec_driver_sql(f"INSERT INTO {table}_anew SELECT * FROM {table}")
    connection.exec_driver_sql(f"DROP TABLE {table}")
    connection.exec_driver_sql(f"ALTER TABLE {table}_anew RENAME TO {table}")
