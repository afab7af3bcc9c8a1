"""A run may be dry, or a live run's twin on paper; a person may settle what became of an order."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

MODES = ("mode IN ('paper', 'live')", "mode IN ('paper', 'dry', 'live')")
SENT = (
    "'pause', 'resume', 'kill', 'close', 'tighten_stop', 'slot_on', 'slot_off', 'cash', 'release', "
    "'alert_test', 'alert_ack', 'alert_resend', 'shares', 'weights'"
)
KINDS = (f"kind IN ({SENT})", f"kind IN ({SENT}, 'settle')")


def upgrade() -> None:
    op.add_column("run", sa.Column("twin_of", sa.Integer(), nullable=True))
    op.add_column("run", sa.Column("dry", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_index("ix_run_twin_of", "run", ["twin_of"], unique=False)
    _reword("engine_status", "ck_engine_status_mode", *MODES)
    _reword("command", "ck_command_kind", *KINDS)


def downgrade() -> None:
    op.execute(sa.text("DELETE FROM command WHERE kind = 'settle'"))
    op.execute(sa.text("UPDATE engine_status SET mode = 'paper' WHERE mode = 'dry'"))
    _reword("command", "ck_command_kind", *reversed(KINDS))
    _reword("engine_status", "ck_engine_status_mode", *reversed(MODES))
    op.drop_index("ix_run_twin_of", table_name="run")
    op.drop_column("run", "dry")
    op.drop_column("run", "twin_of")


def _reword(table: str, check: str, before: str, after: str) -> None:
    """Another condition for a CHECK; SQLite cannot change one, so there the table is made again with all that is on it. Both
    tables are small and nothing points at them."""
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        op.drop_constraint(op.f(check), table, type_="check")
        op.create_check_constraint(op.f(check), table, after)
        return
    query = sa.text("SELECT type, sql FROM sqlite_master WHERE tbl_name = :table AND sql IS NOT NULL")
    found = connection.execute(query, {"table": table}).all()
    made = next(sql for kind, sql in found if kind == "table")
    assert made.count(before) == 1, made
    _head, _, body = made.replace(before, after).partition("(")
    connection.exec_driver_sql(f"CREATE TABLE {table}_anew ({body}")
    connection.exec_driver_sql(f"INSERT INTO {table}_anew SELECT * FROM {table}")
    connection.exec_driver_sql(f"DROP TABLE {table}")
    connection.exec_driver_sql(f"ALTER TABLE {table}_anew RENAME TO {table}")
    for kind, sql in found:
        if kind == "index":
            connection.exec_driver_sql(sql)
