"""Calls of models with what they cost, and who said a signal."""

import sqlalchemy as sa
from alembic import op

from db.ai import CALL_OUTCOMES

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

OUTCOMES = ", ".join(f"'{one}'" for one in CALL_OUTCOMES)


def upgrade() -> None:
    nothing, none = sa.text("''"), sa.text("0")
    amounts = ("reserved", "cost", "tokens_prompt", "tokens_answer", "tokens_thought", "tokens_cached", "latency_ms")
    op.create_table(
        "ai_call",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.Column("slot_id", sa.Integer(), nullable=True),
        sa.Column("purpose", sa.Text(), server_default=sa.text("'live'"), nullable=False),
        sa.Column("strategy", sa.String(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("timeframe_ms", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("about_ts", "asked_ts", "created_ts")),
        sa.Column("day", sa.Text(), server_default=nothing, nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'asked'"), nullable=False),
        *_texts("outcome", "mode", "model", "prompt_name", "prompt_hash", "prompt_text"),
        sa.Column("context", sa.JSON(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("reserved", sa.Double(), server_default=none, nullable=False),
        sa.Column("cost", sa.Double(), server_default=none, nullable=False),
        *_texts("cost_source"),
        *(sa.Column(name, sa.Integer(), server_default=none, nullable=False) for name in amounts[2:6]),
        sa.Column("sent_ts", sa.BigInteger(), nullable=True),
        sa.Column("done_ts", sa.BigInteger(), nullable=True),
        sa.Column("latency_ms", sa.Double(), nullable=True),
        sa.Column("arrived_ts", sa.BigInteger(), nullable=True),
        sa.Column("direction", sa.Integer(), nullable=True),
        sa.Column("confidence", sa.Double(), nullable=True),
        sa.Column("horizon", sa.Integer(), nullable=True),
        *_texts("reasons", "error"),
        sa.CheckConstraint("state IN ('asked', 'reserved', 'done')", name=op.f("ck_ai_call_state")),
        sa.CheckConstraint("purpose IN ('live', 'backfill')", name=op.f("ck_ai_call_purpose")),
        sa.CheckConstraint(f"outcome IN ({OUTCOMES})", name=op.f("ck_ai_call_outcome")),
        *(
            sa.CheckConstraint(f"{name} >= 0 AND {name} < 1e300", name=op.f(f"ck_ai_call_{name}_not_negative"))
            for name in amounts
        ),
        sa.CheckConstraint("confidence > -1e300 AND confidence < 1e300", name=op.f("ck_ai_call_confidence_finite")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_ai_call_run_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["slot_id"], ["slot.id"], name="fk_ai_call_slot_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_ai_call"),
    )
    for columns in (["day"], ["run_id", "about_ts"], ["strategy", "symbol", "timeframe_ms", "about_ts"], ["state"]):
        op.create_index(f"ix_ai_call_{'_'.join(columns)}", "ai_call", columns, unique=False)
    with op.batch_alter_table("signal") as signal:
        signal.add_column(sa.Column("source", sa.Text(), server_default=sa.text("'rule'"), nullable=False))
        for column in _texts("model", "prompt"):
            signal.add_column(column)
        signal.create_check_constraint(op.f("ck_signal_source"), "source IN ('rule', 'ai')")


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), server_default=sa.text("''"), nullable=False) for name in names]


def downgrade() -> None:
    with op.batch_alter_table("signal") as signal:
        signal.drop_constraint(op.f("ck_signal_source"), type_="check")
        for name in ("source", "model", "prompt"):
            signal.drop_column(name)
    op.drop_table("ai_call")
