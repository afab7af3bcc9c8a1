"""Runs: what traded, under which configuration, and its equity.

Constraints are written out as they stood at this revision: nothing is imported from the tables of today.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _runs()
    _slots()


def downgrade() -> None:
    for table in ("equity", "run_marker", "slot", "instrument", "config_version", "run"):
        op.drop_table(table)


def _runs() -> None:
    op.create_table(
        "run",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("demo", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("exchange", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("quote", sa.Text(), server_default=sa.text("'USD'"), nullable=False),
        sa.Column("cash_start", sa.Float(), nullable=False),
        sa.Column("finest_tf_ms", sa.Integer(), server_default=sa.text("60000"), nullable=False),
        sa.Column("anchor_ts", sa.BigInteger(), nullable=True),
        sa.Column("created_ts", sa.BigInteger(), nullable=False),
        sa.Column("started_ts", sa.BigInteger(), nullable=True),
        sa.Column("ended_ts", sa.BigInteger(), nullable=True),
        sa.Column("config_version_id", sa.Integer(), nullable=True),
        sa.Column("data_hash", sa.String(), nullable=True),
        sa.Column("data_grade", sa.String(), nullable=True),
        sa.Column("code_hash", sa.String(), nullable=True),
        sa.Column("params", sa.JSON(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("stats", sa.JSON(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.CheckConstraint("kind IN ('backtest', 'paper', 'live')", name=op.f("ck_run_kind")),
        sa.CheckConstraint(
            "status IN ('writing', 'running', 'stopped', 'complete', 'failed')", name=op.f("ck_run_status")
        ),
        sa.CheckConstraint("cash_start > 0 AND cash_start < 1e300", name=op.f("ck_run_cash_start_positive")),
        sa.CheckConstraint("finest_tf_ms >= 0 AND finest_tf_ms < 1e300", name=op.f("ck_run_finest_tf_ms_not_negative")),
        sa.PrimaryKeyConstraint("id", name="pk_run"),
        sa.UniqueConstraint("name", name="uq_run_name"),
    )
    op.create_index("ix_run_kind_created_ts", "run", ["kind", "created_ts"], unique=False)
    op.create_table(
        "config_version",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("created_ts", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("text", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("source", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_config_version_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_config_version"),
    )
    op.create_index("ix_config_version_run_id_created_ts", "config_version", ["run_id", "created_ts"], unique=False)
    op.create_table(
        "instrument",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("exchange", sa.String(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("base", sa.String(), nullable=False),
        sa.Column("quote", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("tick", sa.String(), nullable=False),
        sa.Column("lot", sa.String(), nullable=False),
        sa.Column("quantum", sa.String(), nullable=False),
        sa.Column("min_qty", sa.Text(), server_default=sa.text("'0'"), nullable=False),
        sa.Column("min_notional", sa.Text(), server_default=sa.text("'0'"), nullable=False),
        sa.Column("maker", sa.String(), nullable=False),
        sa.Column("taker", sa.String(), nullable=False),
        sa.Column("updated_ts", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("kind IN ('spot', 'perp')", name=op.f("ck_instrument_kind")),
        sa.PrimaryKeyConstraint("id", name="pk_instrument"),
        sa.UniqueConstraint("exchange", "symbol", name="uq_instrument_exchange_symbol"),
    )


def _slots() -> None:
    op.create_table(
        "slot",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("label", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("strategy", sa.String(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("timeframe_ms", sa.Integer(), nullable=False),
        sa.Column("params", sa.JSON(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("source_hash", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("source_text", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("config_version_id", sa.Integer(), nullable=True),
        sa.CheckConstraint("state IN ('enabled', 'exit_only', 'off', 'failed')", name=op.f("ck_slot_state")),
        sa.CheckConstraint("timeframe_ms > 0 AND timeframe_ms < 1e300", name=op.f("ck_slot_timeframe_ms_positive")),
        sa.ForeignKeyConstraint(
            ["config_version_id"], ["config_version.id"], name="fk_slot_config_version_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_slot_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_slot"),
        sa.UniqueConstraint("run_id", "key", name="uq_slot_run_id_key"),
    )
    op.create_table(
        "run_marker",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("ts", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("text", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.CheckConstraint(
            "kind IN ('start', 'stop', 'recovery', 'config', 'code', 'upgrade', 'command')",
            name=op.f("ck_run_marker_kind"),
        ),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_run_marker_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_run_marker"),
    )
    op.create_index("ix_run_marker_run_id_ts", "run_marker", ["run_id", "ts"], unique=False)
    op.create_table(
        "equity",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("slot_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("ts", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("equity", sa.Float(), nullable=False),
        sa.Column("cash", sa.Float(), nullable=False),
        sa.Column("exposure", sa.Float(), nullable=False),
        sa.CheckConstraint("cash > -1e300 AND cash < 1e300", name=op.f("ck_equity_cash_finite")),
        sa.CheckConstraint("equity > -1e300 AND equity < 1e300", name=op.f("ck_equity_equity_finite")),
        sa.CheckConstraint("exposure > -1e300 AND exposure < 1e300", name=op.f("ck_equity_exposure_finite")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_equity_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "slot_id", "ts", name="pk_equity"),
        sqlite_with_rowid=False,
    )
