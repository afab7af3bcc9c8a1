"""Alerts leave: each on its way through each channel, acknowledged by a person; and commands for that.

What was told before this revision was told to nobody: it becomes history, so that an upgrade sends no flood of old news.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

BEFORE = "kind IN ('pause', 'resume', 'kill', 'close', 'tighten_stop', 'slot_on', 'slot_off', 'cash', 'release')"
AFTER = BEFORE[:-1] + ", 'alert_test', 'alert_ack', 'alert_resend')"


def upgrade() -> None:
    for column in (
        sa.Column("acked_ts", sa.BigInteger(), nullable=True),
        sa.Column("acked_by", sa.Text(), nullable=True),
        sa.Column("escalated_ts", sa.BigInteger(), nullable=True),
    ):
        op.add_column("alert", column)
    op.execute("UPDATE alert SET state = 'sent' WHERE state = 'new'")
    _delivery()
    _channel()
    _reword("command", "ck_command_kind", BEFORE, AFTER)


def downgrade() -> None:
    op.execute("DELETE FROM command WHERE kind IN ('alert_test', 'alert_ack', 'alert_resend')")
    _reword("command", "ck_command_kind", AFTER, BEFORE)
    op.drop_table("alert_channel")
    op.drop_table("alert_delivery")
    for column in ("escalated_ts", "acked_by", "acked_ts"):
        op.drop_column("alert", column)


def _delivery() -> None:
    nothing = sa.text("''")
    op.create_table(
        "alert_delivery",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("alert_id", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'new'"), nullable=False),
        sa.Column("tries", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("next_ts", sa.BigInteger(), nullable=False),
        sa.Column("sent_ts", sa.BigInteger(), nullable=True),
        sa.Column("answer", sa.Text(), server_default=nothing, nullable=False),
        sa.Column("created_ts", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "state IN ('new', 'failed', 'held', 'sent', 'dead', 'summed')", name=op.f("ck_alert_delivery_state")
        ),
        sa.CheckConstraint("tries >= 0 AND tries < 1e300", name=op.f("ck_alert_delivery_tries_not_negative")),
        sa.ForeignKeyConstraint(["alert_id"], ["alert.id"], name="fk_alert_delivery_alert_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_alert_delivery"),
        sa.UniqueConstraint("alert_id", "channel", name="uq_alert_delivery_alert_id_channel"),
    )
    op.create_index("ix_alert_delivery_state_id", "alert_delivery", ["state", "id"], unique=False)


def _channel() -> None:
    nothing = sa.text("''")
    op.create_table(
        "alert_channel",
        sa.Column("name", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("title", sa.Text(), server_default=nothing, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("note", sa.Text(), server_default=nothing, nullable=False),
        sa.Column("sent_ts", sa.BigInteger(), nullable=True),
        sa.Column("updated_ts", sa.BigInteger(), nullable=False),
        sa.Column("cursor", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("state IN ('ready', 'missing', 'refused')", name=op.f("ck_alert_channel_state")),
        sa.PrimaryKeyConstraint("name", name="pk_alert_channel"),
    )


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
