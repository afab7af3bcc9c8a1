"""Reports kept under a name, and how often they are written."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    nothing = sa.text("''")
    op.create_table(
        "report_plan",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("strategy", sa.Text(), server_default=nothing, nullable=False),
        sa.Column("days", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("sections", sa.Text(), server_default=nothing, nullable=False),
        sa.Column("every", sa.Text(), server_default=sa.text("'never'"), nullable=False),
        sa.Column("folder", sa.Text(), server_default=nothing, nullable=False),
        sa.Column("created_ts", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("days >= 0 AND days < 1e300", name=op.f("ck_report_plan_days_not_negative")),
        sa.CheckConstraint("every IN ('never', 'daily', 'weekly')", name=op.f("ck_report_plan_every")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_report_plan_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_report_plan"),
        sa.UniqueConstraint("name", name="uq_report_plan_name"),
    )
    op.create_index("ix_report_plan_run_id", "report_plan", ["run_id"], unique=False)


def downgrade() -> None:
    op.drop_table("report_plan")
