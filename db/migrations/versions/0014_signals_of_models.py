"""An index of what models said."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    models = sa.text("source = 'ai'")
    op.create_index(
        "ix_signal_model", "signal", ["run_id", "seq"], unique=False, sqlite_where=models, postgresql_where=models
    )


def downgrade() -> None:
    op.drop_index("ix_signal_model", table_name="signal")
