"""Each order names the configuration it was asked for under."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("orders", sa.Column("config_version_id", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("orders", "config_version_id")
