"""Research: jobs, trials, openings of sealed data, notes on runs.

Constraints are written out as they stood at this revision: nothing is imported from the tables of today.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _jobs()
    _trials()
    _notes()


def downgrade() -> None:
    for table in ("note", "seal_opening", "trial", "job"):
        op.drop_table(table)


def _words(name: str, default: str = "") -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default=sa.text(f"'{default}'"), nullable=False)


def _jobs() -> None:
    op.create_table(
        "job",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uuid", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        _words("title"),
        sa.Column("args", sa.JSON(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        _words("state", "new"),
        sa.Column("cancel", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_ts", sa.BigInteger(), nullable=False),
        sa.Column("started_ts", sa.BigInteger(), nullable=True),
        sa.Column("heartbeat_ts", sa.BigInteger(), nullable=True),
        sa.Column("done_ts", sa.BigInteger(), nullable=True),
        sa.Column("progress", sa.Double(), server_default=sa.text("0"), nullable=False),
        _words("message"),
        _words("worker"),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("result", sa.JSON(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.CheckConstraint("state IN ('new', 'running', 'done', 'failed', 'cancelled')", name=op.f("ck_job_state")),
        sa.CheckConstraint("source IN ('app', 'cli')", name=op.f("ck_job_source")),
        sa.CheckConstraint("progress >= 0 AND progress < 1e300", name=op.f("ck_job_progress_not_negative")),
        sa.CheckConstraint("attempts >= 0 AND attempts < 1e300", name=op.f("ck_job_attempts_not_negative")),
        sa.PrimaryKeyConstraint("id", name="pk_job"),
        sa.UniqueConstraint("uuid", name="uq_job_uuid"),
    )
    op.create_index("ix_job_state_id", "job", ["state", "id"], unique=False)


def _trials() -> None:
    op.create_table(
        "trial",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("strategy", sa.String(), nullable=False),
        sa.Column("data_hash", sa.String(), nullable=False),
        _words("source_hash"),
        _words("origin"),
        sa.Column("created_ts", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("keys", sa.LargeBinary(), nullable=False),
        sa.Column("sharpes", sa.LargeBinary(), nullable=False),
        sa.Column("job_id", sa.Integer(), nullable=True),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.CheckConstraint("count > 0 AND count < 1e300", name=op.f("ck_trial_count_positive")),
        sa.PrimaryKeyConstraint("id", name="pk_trial"),
    )
    op.create_index("ix_trial_strategy_data_hash", "trial", ["strategy", "data_hash"], unique=False)


def _notes() -> None:
    op.create_table(
        "seal_opening",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("exchange", sa.String(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("timeframe", sa.String(), nullable=False),
        sa.Column("strategy", sa.String(), nullable=False),
        sa.Column("from_ts", sa.BigInteger(), nullable=False),
        sa.Column("to_ts", sa.BigInteger(), nullable=False),
        sa.Column("opened_ts", sa.BigInteger(), nullable=False),
        _words("reason"),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_seal_opening"),
    )
    op.create_index(
        "ix_seal_opening_exchange_symbol_timeframe", "seal_opening", ["exchange", "symbol", "timeframe"], unique=False
    )
    op.create_table(
        "note",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("created_ts", sa.BigInteger(), nullable=False),
        _words("text"),
        _words("verdict"),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_note_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_note"),
    )
    op.create_index("ix_note_run_id_created_ts", "note", ["run_id", "created_ts"], unique=False)
