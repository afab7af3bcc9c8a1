"""Shares of slots and weights of sources, every version of them, and the commands that go back to one."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

BEFORE = "'alert_test', 'alert_ack', 'alert_resend')"
AFTER = BEFORE[:-1] + ", 'shares', 'weights')"
EVERY = "kind IN ('pause', 'resume', 'kill', 'close', 'tighten_stop', 'slot_on', 'slot_off', 'cash', 'release', "
NOTHING, MAPPING = sa.text("''"), sa.text("'{}'")


def upgrade() -> None:
    _kinds(BEFORE, AFTER)
    op.create_table(
        "allocation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("ts", sa.BigInteger(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("shares", sa.JSON(), server_default=MAPPING, nullable=False),
        sa.Column("told", sa.JSON(), server_default=MAPPING, nullable=False),
        sa.Column("why", sa.Text(), server_default=NOTHING, nullable=False),
        sa.Column("created_ts", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("author IN ('engine', 'person')", name=op.f("ck_allocation_author")),
        sa.CheckConstraint("version > 0 AND version < 1e300", name=op.f("ck_allocation_version_positive")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_allocation_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_allocation"),
        sa.UniqueConstraint("run_id", "version", name="uq_allocation_run_id_version"),
    )
    counts, values = ("signals", "resolved"), ("weight", "signals", "resolved", "won")
    op.create_table(
        "source_weight",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("source", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("regime", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("ts", sa.BigInteger(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("weight", sa.Double(), server_default=sa.text("1"), nullable=False),
        *(sa.Column(name, sa.Integer(), server_default=sa.text("0"), nullable=False) for name in counts),
        *(sa.Column(name, sa.Double(), nullable=True) for name in ("won", "mean")),
        *(sa.Column(name, sa.Boolean(), server_default=sa.false(), nullable=False) for name in ("in_force", "acts")),
        sa.Column("why", sa.Text(), server_default=NOTHING, nullable=False),
        sa.Column("created_ts", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("author IN ('engine', 'person')", name=op.f("ck_source_weight_author")),
        *(
            sa.CheckConstraint(f"{name} >= 0 AND {name} < 1e300", name=op.f(f"ck_source_weight_{name}_not_negative"))
            for name in values
        ),
        sa.CheckConstraint("mean > -1e300 AND mean < 1e300", name=op.f("ck_source_weight_mean_finite")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_source_weight_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "version", "source", "regime", name="pk_source_weight"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("source_weight")
    op.drop_table("allocation")
    op.execute("DELETE FROM command WHERE kind IN ('shares', 'weights')")
    _kinds(AFTER, BEFORE)


def _kinds(before: str, after: str) -> None:
    """SQLite changes a constraint by a new table: the old one's own words with the other kinds; `command` is small."""
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        op.drop_constraint(op.f("ck_command_kind"), "command", type_="check")
        op.create_check_constraint(op.f("ck_command_kind"), "command", EVERY + after)
        return
    found = connection.execute(
        sa.text("SELECT type, sql FROM sqlite_master WHERE tbl_name = 'command' AND sql IS NOT NULL")
    ).all()
    made = next(sql for kind, sql in found if kind == "table")
    assert made.count(before) == 1, made
    _head, _, body = made.replace(before, after).partition("(")
    connection.exec_driver_sql(f"CREATE TABLE command_anew ({body}")
    connection.exec_driver_sql("INSERT INTO command_anew SELECT * FROM command")
    connection.exec_driver_sql("DROP TABLE command")
    connection.exec_driver_sql("ALTER TABLE command_anew RENAME TO command")
    for kind, sql in found:
        if kind == "index":
            connection.exec_driver_sql(sql)
