"""The ledger: signals, orders, fills, trades, positions.

Constraints are written out as they stood at this revision: nothing is imported from the tables of today.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


PURPOSES = (
    "('entry', 'exit', 'stop', 'target', 'trail', 'time', 'breakeven', 'flatten', 'manual', 'outage', 'wiped_out')"
)


def upgrade() -> None:
    _orders()
    _trades()


def downgrade() -> None:
    for table in ("stop_move", "position", "trade", "fill", "orders", "signal"):
        op.drop_table(table)


def _orders() -> None:
    op.create_table(
        "signal",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("slot_id", sa.Integer(), nullable=False),
        sa.Column("decided_ts", sa.BigInteger(), nullable=False),
        sa.Column("known_ts", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("direction", sa.Integer(), nullable=False),
        sa.Column("stop_distance", sa.Double(), nullable=True),
        sa.Column("target_distance", sa.Double(), nullable=True),
        sa.Column("trail_distance", sa.Double(), nullable=True),
        sa.Column("limit_offset", sa.Double(), nullable=True),
        sa.Column("strength", sa.Double(), nullable=True),
        sa.Column("volatility", sa.Double(), nullable=True),
        sa.Column("tag", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("price", sa.Double(), nullable=True),
        sa.Column("order_seq", sa.Integer(), nullable=True),
        sa.Column("config_version_id", sa.Integer(), nullable=True),
        sa.Column("source_hash", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("checks", sa.JSON(), server_default=sa.text("'{}'"), nullable=False),
        sa.CheckConstraint("kind IN ('entry', 'exit', 'flip')", name=op.f("ck_signal_kind")),
        sa.CheckConstraint("status IN ('taken', 'refused', 'missed', 'ignored')", name=op.f("ck_signal_status")),
        sa.CheckConstraint("direction IN (-1, 0, 1)", name=op.f("ck_signal_direction")),
        sa.CheckConstraint("known_ts >= decided_ts", name=op.f("ck_signal_known_ts_after_decided_ts")),
        sa.CheckConstraint(
            "limit_offset >= 0 AND limit_offset < 1e300", name=op.f("ck_signal_limit_offset_not_negative")
        ),
        sa.CheckConstraint("price >= 0 AND price < 1e300", name=op.f("ck_signal_price_not_negative")),
        sa.CheckConstraint(
            "stop_distance >= 0 AND stop_distance < 1e300", name=op.f("ck_signal_stop_distance_not_negative")
        ),
        sa.CheckConstraint(
            "target_distance >= 0 AND target_distance < 1e300", name=op.f("ck_signal_target_distance_not_negative")
        ),
        sa.CheckConstraint(
            "trail_distance >= 0 AND trail_distance < 1e300", name=op.f("ck_signal_trail_distance_not_negative")
        ),
        sa.ForeignKeyConstraint(
            ["config_version_id"], ["config_version.id"], name="fk_signal_config_version_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_signal_run_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["slot_id"], ["slot.id"], name="fk_signal_slot_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_signal"),
        sa.UniqueConstraint("run_id", "seq", name="uq_signal_run_id_seq"),
    )
    op.create_index("ix_signal_run_id_decided_ts", "signal", ["run_id", "decided_ts"], unique=False)
    op.create_table(
        "orders",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("slot_id", sa.Integer(), nullable=False),
        sa.Column("signal_seq", sa.Integer(), nullable=True),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("qty", sa.Float(), nullable=False),
        sa.Column("filled_qty", sa.Double(), server_default=sa.text("0"), nullable=False),
        sa.Column("price_ref", sa.Double(), nullable=True),
        sa.Column("limit_price", sa.Double(), nullable=True),
        sa.Column("reserved", sa.Double(), server_default=sa.text("0"), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("created_ts", sa.BigInteger(), nullable=False),
        sa.Column("known_ts", sa.BigInteger(), nullable=False),
        sa.Column("done_ts", sa.BigInteger(), nullable=True),
        sa.Column("client_order_id", sa.String(), nullable=True),
        sa.CheckConstraint(f"purpose IN {PURPOSES}", name=op.f("ck_orders_purpose")),
        sa.CheckConstraint("side IN ('buy', 'sell')", name=op.f("ck_orders_side")),
        sa.CheckConstraint(
            "state IN ('queued', 'sent', 'partial', 'filled', 'cancelled', 'refused', 'rejected')",
            name=op.f("ck_orders_state"),
        ),
        sa.CheckConstraint("type IN ('market', 'limit', 'stop')", name=op.f("ck_orders_type")),
        sa.CheckConstraint("filled_qty >= 0 AND filled_qty < 1e300", name=op.f("ck_orders_filled_qty_not_negative")),
        sa.CheckConstraint("known_ts >= created_ts", name=op.f("ck_orders_known_ts_after_created_ts")),
        sa.CheckConstraint("limit_price >= 0 AND limit_price < 1e300", name=op.f("ck_orders_limit_price_not_negative")),
        sa.CheckConstraint("price_ref >= 0 AND price_ref < 1e300", name=op.f("ck_orders_price_ref_not_negative")),
        sa.CheckConstraint("qty >= 0 AND qty < 1e300", name=op.f("ck_orders_qty_not_negative")),
        sa.CheckConstraint("reserved >= 0 AND reserved < 1e300", name=op.f("ck_orders_reserved_not_negative")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_orders_run_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["slot_id"], ["slot.id"], name="fk_orders_slot_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_orders"),
        sa.UniqueConstraint("run_id", "seq", name="uq_orders_run_id_seq"),
    )
    op.create_index("ix_orders_run_id_created_ts", "orders", ["run_id", "created_ts"], unique=False)
    op.create_table(
        "fill",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("order_seq", sa.Integer(), nullable=False),
        sa.Column("slot_id", sa.Integer(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("qty", sa.Float(), nullable=False),
        sa.Column("price", sa.Float(), nullable=False),
        sa.Column("base_price", sa.Float(), nullable=False),
        sa.Column("notional", sa.Float(), nullable=False),
        sa.Column("fee", sa.Float(), nullable=False),
        sa.Column("liquidity", sa.String(), nullable=False),
        sa.Column("ts", sa.BigInteger(), nullable=False),
        sa.Column("venue_trade_id", sa.String(), nullable=True),
        sa.Column("cash_after", sa.Float(), nullable=False),
        sa.CheckConstraint("liquidity IN ('maker', 'taker')", name=op.f("ck_fill_liquidity")),
        sa.CheckConstraint("side IN ('buy', 'sell')", name=op.f("ck_fill_side")),
        sa.CheckConstraint("base_price >= 0 AND base_price < 1e300", name=op.f("ck_fill_base_price_not_negative")),
        sa.CheckConstraint("cash_after > -1e300 AND cash_after < 1e300", name=op.f("ck_fill_cash_after_finite")),
        sa.CheckConstraint("fee > -1e300 AND fee < 1e300", name=op.f("ck_fill_fee_finite")),
        sa.CheckConstraint("notional >= 0 AND notional < 1e300", name=op.f("ck_fill_notional_not_negative")),
        sa.CheckConstraint("price > 0 AND price < 1e300", name=op.f("ck_fill_price_positive")),
        sa.CheckConstraint("qty > 0 AND qty < 1e300", name=op.f("ck_fill_qty_positive")),
        sa.ForeignKeyConstraint(
            ["run_id", "order_seq"],
            ["orders.run_id", "orders.seq"],
            name="fk_fill_run_id_order_seq",
            ondelete="CASCADE",
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_fill_run_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["slot_id"], ["slot.id"], name="fk_fill_slot_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_fill"),
        sa.UniqueConstraint("run_id", "seq", name="uq_fill_run_id_seq"),
    )
    op.create_index("ix_fill_run_id_order_seq", "fill", ["run_id", "order_seq"], unique=False)


def _trades() -> None:
    op.create_table(
        "trade",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("slot_id", sa.Integer(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("direction", sa.Integer(), nullable=False),
        sa.Column("qty", sa.Float(), nullable=False),
        sa.Column("entry_ts", sa.BigInteger(), nullable=False),
        sa.Column("exit_ts", sa.BigInteger(), nullable=False),
        sa.Column("entry_price", sa.Float(), nullable=False),
        sa.Column("exit_price", sa.Float(), nullable=False),
        sa.Column("entry_notional", sa.Float(), nullable=False),
        sa.Column("exit_notional", sa.Float(), nullable=False),
        sa.Column("fees", sa.Float(), nullable=False),
        sa.Column("funding", sa.Double(), server_default=sa.text("0"), nullable=False),
        sa.Column("pnl", sa.Float(), nullable=False),
        sa.Column("pnl_pct", sa.Float(), nullable=False),
        sa.Column("exit_reason", sa.String(), nullable=False),
        sa.Column("mae", sa.Double(), nullable=True),
        sa.Column("mfe", sa.Double(), nullable=True),
        sa.Column("bars_held", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("ambiguous", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("kind_pnl", sa.Double(), nullable=True),
        sa.Column("stop_initial", sa.Double(), nullable=True),
        sa.Column("risk", sa.Double(), nullable=True),
        sa.Column("r_multiple", sa.Double(), nullable=True),
        sa.Column("signal_seq", sa.Integer(), nullable=True),
        sa.Column("entry_order_seq", sa.Integer(), nullable=True),
        sa.Column("exit_order_seq", sa.Integer(), nullable=True),
        sa.Column("config_version_id", sa.Integer(), nullable=True),
        sa.Column("source_hash", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.CheckConstraint(f"exit_reason IN {PURPOSES}", name=op.f("ck_trade_exit_reason")),
        sa.CheckConstraint("bars_held >= 0 AND bars_held < 1e300", name=op.f("ck_trade_bars_held_not_negative")),
        sa.CheckConstraint("direction IN (-1, 1)", name=op.f("ck_trade_direction")),
        sa.CheckConstraint(
            "entry_notional >= 0 AND entry_notional < 1e300", name=op.f("ck_trade_entry_notional_not_negative")
        ),
        sa.CheckConstraint("entry_price > 0 AND entry_price < 1e300", name=op.f("ck_trade_entry_price_positive")),
        sa.CheckConstraint(
            "exit_notional >= 0 AND exit_notional < 1e300", name=op.f("ck_trade_exit_notional_not_negative")
        ),
        sa.CheckConstraint("exit_price > 0 AND exit_price < 1e300", name=op.f("ck_trade_exit_price_positive")),
        sa.CheckConstraint("exit_ts >= entry_ts", name=op.f("ck_trade_exit_ts_after_entry_ts")),
        sa.CheckConstraint("fees > -1e300 AND fees < 1e300", name=op.f("ck_trade_fees_finite")),
        sa.CheckConstraint("funding > -1e300 AND funding < 1e300", name=op.f("ck_trade_funding_finite")),
        sa.CheckConstraint("kind_pnl > -1e300 AND kind_pnl < 1e300", name=op.f("ck_trade_kind_pnl_finite")),
        sa.CheckConstraint("pnl > -1e300 AND pnl < 1e300", name=op.f("ck_trade_pnl_finite")),
        sa.CheckConstraint("pnl_pct > -1e300 AND pnl_pct < 1e300", name=op.f("ck_trade_pnl_pct_finite")),
        sa.CheckConstraint("qty > 0 AND qty < 1e300", name=op.f("ck_trade_qty_positive")),
        sa.CheckConstraint("risk >= 0 AND risk < 1e300", name=op.f("ck_trade_risk_not_negative")),
        sa.CheckConstraint(
            "stop_initial >= 0 AND stop_initial < 1e300", name=op.f("ck_trade_stop_initial_not_negative")
        ),
        sa.ForeignKeyConstraint(
            ["config_version_id"], ["config_version.id"], name="fk_trade_config_version_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_trade_run_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["slot_id"], ["slot.id"], name="fk_trade_slot_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_trade"),
        sa.UniqueConstraint("run_id", "seq", name="uq_trade_run_id_seq"),
    )
    op.create_index("ix_trade_run_id_exit_ts", "trade", ["run_id", "exit_ts"], unique=False)
    op.create_index("ix_trade_run_id_slot_id", "trade", ["run_id", "slot_id"], unique=False)
    op.create_table(
        "position",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("slot_id", sa.Integer(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("direction", sa.Integer(), nullable=False),
        sa.Column("qty", sa.Float(), nullable=False),
        sa.Column("entry_ts", sa.BigInteger(), nullable=False),
        sa.Column("entry_price", sa.Float(), nullable=False),
        sa.Column("entry_notional", sa.Float(), nullable=False),
        sa.Column("fees", sa.Double(), server_default=sa.text("0"), nullable=False),
        sa.Column("funding", sa.Double(), server_default=sa.text("0"), nullable=False),
        sa.Column("stop", sa.Double(), nullable=True),
        sa.Column("stop_initial", sa.Double(), nullable=True),
        sa.Column("target", sa.Double(), nullable=True),
        sa.Column("trail", sa.Double(), nullable=True),
        sa.Column("mark", sa.Double(), nullable=True),
        sa.Column("mark_ts", sa.BigInteger(), nullable=True),
        sa.Column("unrealized", sa.Double(), nullable=True),
        sa.Column("mae", sa.Double(), nullable=True),
        sa.Column("mfe", sa.Double(), nullable=True),
        sa.Column("risk", sa.Double(), nullable=True),
        sa.Column("bars_held", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("signal_seq", sa.Integer(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("trade_seq", sa.Integer(), nullable=True),
        sa.Column("stale", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("updated_ts", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("status IN ('open', 'entering', 'exiting')", name=op.f("ck_position_status")),
        sa.CheckConstraint("bars_held >= 0 AND bars_held < 1e300", name=op.f("ck_position_bars_held_not_negative")),
        sa.CheckConstraint("direction IN (-1, 1)", name=op.f("ck_position_direction")),
        sa.CheckConstraint(
            "entry_notional >= 0 AND entry_notional < 1e300", name=op.f("ck_position_entry_notional_not_negative")
        ),
        sa.CheckConstraint(
            "entry_price >= 0 AND entry_price < 1e300", name=op.f("ck_position_entry_price_not_negative")
        ),
        sa.CheckConstraint("qty >= 0 AND qty < 1e300", name=op.f("ck_position_qty_not_negative")),
        sa.CheckConstraint("risk >= 0 AND risk < 1e300", name=op.f("ck_position_risk_not_negative")),
        sa.CheckConstraint("stop >= 0 AND stop < 1e300", name=op.f("ck_position_stop_not_negative")),
        sa.CheckConstraint(
            "stop_initial >= 0 AND stop_initial < 1e300", name=op.f("ck_position_stop_initial_not_negative")
        ),
        sa.CheckConstraint("target >= 0 AND target < 1e300", name=op.f("ck_position_target_not_negative")),
        sa.CheckConstraint("trail >= 0 AND trail < 1e300", name=op.f("ck_position_trail_not_negative")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_position_run_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["slot_id"], ["slot.id"], name="fk_position_slot_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_position"),
        sa.UniqueConstraint("run_id", "slot_id", name="uq_position_run_id_slot_id"),
    )
    op.create_index("ix_position_slot_id", "position", ["slot_id"], unique=False)
    op.create_table(
        "stop_move",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("slot_id", sa.Integer(), nullable=False),
        sa.Column("trade_seq", sa.Integer(), nullable=True),
        sa.Column("ts", sa.BigInteger(), nullable=False),
        sa.Column("stop", sa.Float(), nullable=False),
        sa.Column("reason", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.CheckConstraint("stop >= 0 AND stop < 1e300", name=op.f("ck_stop_move_stop_not_negative")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_stop_move_run_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["slot_id"], ["slot.id"], name="fk_stop_move_slot_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_stop_move"),
    )
    op.create_index("ix_stop_move_run_id_slot_id_ts", "stop_move", ["run_id", "slot_id", "ts"], unique=False)
