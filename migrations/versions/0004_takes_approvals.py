"""Takes, approvals, and one open purchase of the same thing

Revision ID: 0004
Revises: 0003
Create Date: 2026-11-22 14:45:00
"""

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | None = None
depends_on: str | None = None

# PostgreSQL's own names for foreign keys; SQLite keeps none, so that they are named when it is read.
NAMES = {"fk": "%(table_name)s_%(column_0_name)s_fkey"}
OPEN = sa.text("state NOT IN ('stored', 'failed', 'canceled') AND written_off_at IS NULL")


def upgrade() -> None:
    # Columns are added in place: a batch would make provider_job anew on SQLite, without its triggers.
    op.add_column("provider_job", sa.Column("claim", sa.String(), nullable=True))
    op.create_index("one_open_claim", "provider_job", ["claim"], unique=True, sqlite_where=OPEN, postgresql_where=OPEN)
    op.add_column("project", sa.Column("approval", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("scene", sa.Column("approval", sa.Boolean(), nullable=True))
    op.add_column("scene", sa.Column("current_take", sa.Integer(), nullable=True))
    with op.batch_alter_table("asset") as batch_op:
        batch_op.add_column(sa.Column("identity_id", sa.String(), nullable=True))
        batch_op.create_foreign_key("asset_identity_id_fkey", "identity_profile", ["identity_id"], ["id"])
        batch_op.create_index("ix_asset_identity_id", ["identity_id"])
    op.create_table(
        "take",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("scene_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("started_by", sa.String(), nullable=True),
        sa.Column("fresh", sa.JSON(), nullable=False),
        sa.Column("inputs", sa.JSON(), nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("models", sa.JSON(), nullable=False),
        sa.Column("artifacts", sa.JSON(), nullable=False),
        sa.Column("image_seed", sa.BigInteger(), nullable=True),
        sa.Column("lora_fingerprint", sa.String(), nullable=True),
        sa.Column("clip_seconds", sa.JSON(), nullable=False),
        sa.Column("sync_mode", sa.String(), nullable=False),
        sa.Column("speech_duration_s", sa.Float(), nullable=False),
        sa.Column("film_duration_s", sa.Float(), nullable=False),
        sa.Column("cost_micros", sa.BigInteger(), nullable=False),
        sa.Column("face_score", sa.Float(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["scene_id"], ["scene.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("run_id"),
    )
    op.create_index("take_of_scene", "take", ["scene_id", "number"], unique=True)
    op.create_table(
        "approval",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("scene_id", sa.String(), nullable=False),
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("picture", sa.JSON(), nullable=False),
        sa.Column("price_micros", sa.BigInteger(), nullable=False),
        sa.Column("face_score", sa.Float(), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decision", sa.String(), nullable=True),
        sa.Column("decided_by", sa.String(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("seed", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["scene_id"], ["scene.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_approval_scene_id", "approval", ["scene_id"])
    op.create_index("approval_of_run", "approval", ["run_id", "round"], unique=True)


def downgrade() -> None:
    op.drop_table("approval")
    op.drop_table("take")
    with op.batch_alter_table("asset", naming_convention=NAMES) as batch_op:
        batch_op.drop_index("ix_asset_identity_id")
        batch_op.drop_constraint("asset_identity_id_fkey", type_="foreignkey")
        batch_op.drop_column("identity_id")
    op.drop_index("one_open_claim", "provider_job")
    op.drop_column("provider_job", "claim")
    for table, column in (("scene", "current_take"), ("scene", "approval"), ("project", "approval")):
        op.drop_column(table, column)
