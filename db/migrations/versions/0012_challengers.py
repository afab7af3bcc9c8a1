"""A run may be another's challenger."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("run", sa.Column("challenger_of", sa.Integer(), nullable=True))
    op.create_index("ix_run_challenger_of", "run", ["challenger_of"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_run_challenger_of", table_name="run")
    op.drop_column("run", "challenger_of")
