"""Safety and control: breakers, outages, alerts; commands, heartbeat, snapshots.

Constraints are written out as they stood at this revision: nothing is imported from the tables of today.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _safety()
    _control()


def downgrade() -> None:
    for table in ("snapshot", "engine_status", "command", "alert", "outage", "breaker_event", "breaker"):
        op.drop_table(table)


def _safety() -> None:
    op.create_table(
        "breaker",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("slot_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("level", sa.String(), nullable=False),
        sa.Column("count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("threshold", sa.Double(), nullable=True),
        sa.Column("since_ts", sa.BigInteger(), nullable=True),
        sa.Column("until_ts", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "level IN ('running', 'paused', 'reduce_only', 'halted', 'killed')", name=op.f("ck_breaker_level")
        ),
        sa.CheckConstraint("state IN ('armed', 'tripped')", name=op.f("ck_breaker_state")),
        sa.CheckConstraint("count >= 0 AND count < 1e300", name=op.f("ck_breaker_count_not_negative")),
        sa.CheckConstraint("threshold > -1e300 AND threshold < 1e300", name=op.f("ck_breaker_threshold_finite")),
        sa.CheckConstraint("value > -1e300 AND value < 1e300", name=op.f("ck_breaker_value_finite")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_breaker_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "name", "slot_id", name="pk_breaker"),
    )
    op.create_table(
        "breaker_event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("ts", sa.BigInteger(), nullable=False),
        sa.Column("breaker", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("slot_id", sa.Integer(), nullable=True),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("level", sa.String(), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("threshold", sa.Double(), nullable=True),
        sa.Column("numbers", sa.JSON(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("reason", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("until_ts", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("action IN ('trip', 'release', 'end')", name=op.f("ck_breaker_event_action")),
        sa.CheckConstraint(
            "level IN ('running', 'paused', 'reduce_only', 'halted', 'killed')", name=op.f("ck_breaker_event_level")
        ),
        sa.CheckConstraint("scope IN ('slot', 'symbol', 'account')", name=op.f("ck_breaker_event_scope")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_breaker_event_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_breaker_event"),
        sa.UniqueConstraint("run_id", "seq", name="uq_breaker_event_run_id_seq"),
    )
    op.create_index("ix_breaker_event_run_id_ts", "breaker_event", ["run_id", "ts"], unique=False)
    op.create_table(
        "outage",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("from_ts", sa.BigInteger(), nullable=False),
        sa.Column("to_ts", sa.BigInteger(), nullable=True),
        sa.Column("cause", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("source", sa.Text(), server_default=sa.text("'none'"), nullable=False),
        sa.Column("frames", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("reason", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.CheckConstraint("source IN ('trades', 'candles', 'none')", name=op.f("ck_outage_source")),
        sa.CheckConstraint("frames >= 0 AND frames < 1e300", name=op.f("ck_outage_frames_not_negative")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_outage_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_outage"),
        sa.UniqueConstraint("run_id", "seq", name="uq_outage_run_id_seq"),
    )
    op.create_index("ix_outage_run_id_from_ts", "outage", ["run_id", "from_ts"], unique=False)
    op.create_table(
        "alert",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.Column("ts", sa.BigInteger(), nullable=False),
        sa.Column("severity", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("body", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("dedupe_key", sa.String(), nullable=True),
        sa.Column("state", sa.Text(), server_default=sa.text("'new'"), nullable=False),
        sa.Column("created_ts", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("severity IN ('info', 'warning', 'critical')", name=op.f("ck_alert_severity")),
        sa.CheckConstraint("state IN ('new', 'sent', 'dead')", name=op.f("ck_alert_state")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_alert_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_alert"),
        sa.UniqueConstraint("dedupe_key", name="uq_alert_dedupe_key"),
    )
    op.create_index("ix_alert_state_id", "alert", ["state", "id"], unique=False)


def _control() -> None:
    op.create_table(
        "command",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uuid", sa.String(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("args", sa.JSON(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("created_ts", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'new'"), nullable=False),
        sa.Column("acked_ts", sa.BigInteger(), nullable=True),
        sa.Column("result", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('pause', 'resume', 'kill', 'close', 'tighten_stop', 'slot_on', 'slot_off', 'cash', 'release')",
            name=op.f("ck_command_kind"),
        ),
        sa.CheckConstraint("source IN ('app', 'cli')", name=op.f("ck_command_source")),
        sa.CheckConstraint("state IN ('new', 'done', 'refused')", name=op.f("ck_command_state")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_command_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_command"),
        sa.UniqueConstraint("uuid", name="uq_command_uuid"),
    )
    op.create_index("ix_command_run_id_id", "command", ["run_id", "id"], unique=False)
    op.create_index("ix_command_state_id", "command", ["state", "id"], unique=False)
    op.create_table(
        "engine_status",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("host", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("version", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("demo", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("started_ts", sa.BigInteger(), nullable=False),
        sa.Column("heartbeat_ts", sa.BigInteger(), nullable=False),
        sa.Column("exchange_ts", sa.BigInteger(), nullable=True),
        sa.Column("last_bar_ts", sa.BigInteger(), nullable=True),
        sa.Column("speed", sa.Double(), server_default=sa.text("1"), nullable=False),
        sa.Column("feed", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("lag_ms", sa.Double(), nullable=True),
        sa.Column("rss_mb", sa.Double(), nullable=True),
        sa.Column("counters", sa.JSON(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("message", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.CheckConstraint("mode IN ('paper', 'live')", name=op.f("ck_engine_status_mode")),
        sa.CheckConstraint(
            "state IN ('starting', 'recovering', 'running', 'paused', 'reduce_only', 'halted', 'killed', 'stopped')",
            name=op.f("ck_engine_status_state"),
        ),
        sa.CheckConstraint("speed >= 0 AND speed < 1e300", name=op.f("ck_engine_status_speed_not_negative")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_engine_status_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_engine_status"),
        sa.UniqueConstraint("run_id", name="uq_engine_status_run_id"),
    )
    op.create_table(
        "snapshot",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("created_ts", sa.BigInteger(), nullable=False),
        sa.Column("exchange_ts", sa.BigInteger(), nullable=False),
        sa.Column("tape_day", sa.String(), nullable=False),
        sa.Column("tape_offset", sa.BigInteger(), nullable=False),
        sa.Column("tape_seq", sa.BigInteger(), nullable=False),
        sa.Column("layout", sa.JSON(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("kernel_hash", sa.String(), nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.Column("extra", sa.JSON(), server_default=sa.text("'{}'"), nullable=False),
        sa.CheckConstraint(
            "tape_offset >= 0 AND tape_offset < 1e300", name=op.f("ck_snapshot_tape_offset_not_negative")
        ),
        sa.CheckConstraint("tape_seq >= 0 AND tape_seq < 1e300", name=op.f("ck_snapshot_tape_seq_not_negative")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_snapshot_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_snapshot"),
    )
    op.create_index("ix_snapshot_run_id_id", "snapshot", ["run_id", "id"], unique=False)
