"""Purchases that another scene's run carries on; failures that are worth another purchase

Revision ID: 0005
Revises: 0004
Create Date: 2026-11-22 17:30:00
"""

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    # Added in place: a batch would make provider_job anew on SQLite, without its triggers.
    op.add_column("provider_job", sa.Column("carried_by", sa.String(), nullable=True))
    op.add_column("provider_job", sa.Column("resubmit", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    for column in ("resubmit", "carried_by"):
        op.drop_column("provider_job", column)
