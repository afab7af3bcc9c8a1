"""Alerts by run and by kind: pages look at them every few seconds, and a storm leaves ten thousand."""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_alert_run_id_ts", "alert", ["run_id", "ts"])
    op.create_index("ix_alert_kind_id", "alert", ["kind", "id"])


def downgrade() -> None:
    op.drop_index("ix_alert_kind_id", "alert")
    op.drop_index("ix_alert_run_id_ts", "alert")
