"""What came after each entry signal."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

RETURNS = ("r1", "r4", "r12", "r24", "r72", "result")
SIZES = ("base_price", "cost", "mae", "mfe", "held_bars", "signal_seq")


def upgrade() -> None:
    zero, nothing = sa.text("0"), sa.text("''")
    checks = [(f"{name}_not_negative", f"{name} >= 0 AND {name} < 1e300") for name in SIZES]
    checks += [(f"{name}_finite", f"{name} > -1e300 AND {name} < 1e300") for name in RETURNS]
    op.create_table(
        "signal_outcome",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("signal_seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("base_ts", sa.BigInteger(), nullable=True),
        sa.Column("base_price", sa.Double(), nullable=True),
        sa.Column("cost", sa.Double(), server_default=zero, nullable=False),
        *(sa.Column(name, sa.Double(), nullable=True) for name in RETURNS[:5]),
        sa.Column("mae", sa.Double(), nullable=True),
        sa.Column("mfe", sa.Double(), nullable=True),
        sa.Column("result", sa.Double(), nullable=True),
        sa.Column("exit_ts", sa.BigInteger(), nullable=True),
        sa.Column("exit_reason", sa.Text(), server_default=nothing, nullable=False),
        sa.Column("held_bars", sa.Integer(), nullable=True),
        sa.Column("regime", sa.Text(), server_default=nothing, nullable=False),
        sa.Column("resolved", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("updated_ts", sa.BigInteger(), nullable=False),
        *(sa.CheckConstraint(rule, name=op.f(f"ck_signal_outcome_{name}")) for name, rule in checks),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_signal_outcome_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "signal_seq", name="pk_signal_outcome"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_signal_outcome_run_id_updated_ts", "signal_outcome", ["run_id", "updated_ts"], unique=False)


def downgrade() -> None:
    op.drop_table("signal_outcome")
