"""Projects, assets, settings, API keys; edits are counted

Revision ID: 0002
Revises: 0001
Create Date: 2026-11-22 11:50:00
"""

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | None = None
depends_on: str | None = None

SHARES = ("lora_scale", "voice_stability", "voice_similarity", "voice_style")
# PostgreSQL's own names for foreign keys; SQLite keeps none, so that they are named when it is read.
NAMES = {"fk": "%(table_name)s_%(column_0_name)s_fkey"}


def upgrade() -> None:
    _create_tables()
    _keep_projects()
    _make_identities_lawful()
    with op.batch_alter_table("identity_profile") as batch_op:
        batch_op.add_column(_version())
        batch_op.create_check_constraint("default_identity_is_active", "is_active OR NOT is_default")
        for share in SHARES:
            batch_op.create_check_constraint(f"{share}_is_share", f"{share} >= 0 AND {share} <= 1")
    with op.batch_alter_table("scene") as batch_op:
        batch_op.add_column(sa.Column("position", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("headshot_asset_id", sa.String(), nullable=True))
        batch_op.add_column(_version())
        batch_op.create_foreign_key("scene_project_id_fkey", "project", ["project_id"], ["id"])
        batch_op.create_foreign_key("scene_headshot_asset_id_fkey", "asset", ["headshot_asset_id"], ["id"])
        batch_op.create_index("ix_scene_headshot_asset_id", ["headshot_asset_id"])
    for table in ("generation_log", "provider_job"):
        with op.batch_alter_table(table, naming_convention=NAMES) as batch_op:
            batch_op.drop_constraint(f"{table}_scene_id_fkey", type_="foreignkey")


def downgrade() -> None:
    # Rows of deleted scenes have no place under a foreign key.
    for table in ("generation_log", "provider_job"):
        rows = sa.table(table, sa.column("scene_id"))
        op.execute(rows.delete().where(rows.c.scene_id.not_in(sa.select(sa.table("scene", sa.column("id")).c.id))))
        with op.batch_alter_table(table) as batch_op:
            batch_op.create_foreign_key(f"{table}_scene_id_fkey", "scene", ["scene_id"], ["id"])
    with op.batch_alter_table("scene", naming_convention=NAMES) as batch_op:
        batch_op.drop_index("ix_scene_headshot_asset_id")
        batch_op.drop_constraint("scene_headshot_asset_id_fkey", type_="foreignkey")
        batch_op.drop_constraint("scene_project_id_fkey", type_="foreignkey")
        for column in ("version", "headshot_asset_id", "position"):
            batch_op.drop_column(column)
    with op.batch_alter_table("identity_profile") as batch_op:
        for share in SHARES:
            batch_op.drop_constraint(f"{share}_is_share", type_="check")
        batch_op.drop_constraint("default_identity_is_active", type_="check")
        batch_op.drop_column("version")
    for table in ("idempotency_record", "api_key", "system_setting", "asset", "project"):
        op.drop_table(table)


def _create_tables() -> None:
    op.create_table(
        "project",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("display_name", sa.String(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        _version(),
        _time("created_at"),
        _time("updated_at"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "asset",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("artifact", sa.JSON(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("duration_s", sa.Float(), nullable=True),
        sa.Column("project_id", sa.String(), nullable=True),
        _time("created_at"),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_asset_kind", "asset", ["kind"])
    op.create_index("ix_asset_project_id", "asset", ["project_id"])
    op.create_table(
        "system_setting",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        _time("updated_at"),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "api_key",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("prefix", sa.String(), nullable=False),
        sa.Column("token_sha256", sa.String(), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        _time("created_at"),
        _time("last_used_at", nullable=True),
        _time("revoked_at", nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("token_sha256"),
    )
    op.create_index("ix_api_key_prefix", "api_key", ["prefix"])
    op.create_table(
        "idempotency_record",
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("request", sa.String(), nullable=False),
        sa.Column("body_sha256", sa.String(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("response", sa.JSON(), nullable=True),
        _time("created_at"),
        sa.PrimaryKeyConstraint("owner", "key"),
    )
    op.create_index("ix_idempotency_record_created_at", "idempotency_record", ["created_at"])


def _keep_projects() -> None:
    """Scenes may carry ids of projects that had no table: each becomes a project of that name."""
    op.execute(
        "INSERT INTO project (id, name, display_name, created_at, updated_at) "
        "SELECT project_id, project_id, project_id, min(created_at), min(created_at) FROM scene "
        "WHERE project_id IS NOT NULL GROUP BY project_id"
    )


def _make_identities_lawful() -> None:
    """Rows that other programs wrote outside of the rules: an inactive default serves nobody, shares end at 0 and 1."""
    op.execute("UPDATE identity_profile SET is_default = false WHERE is_default AND NOT is_active")
    for share in SHARES:
        column = sa.column(share, sa.Float())
        identities = sa.table("identity_profile", column)
        op.execute(identities.update().where(column > 1).values({share: 1.0}))
        op.execute(identities.update().where(column < 0).values({share: 0.0}))


def _version() -> sa.Column[int]:
    return sa.Column("version", sa.Integer(), nullable=False, server_default="1")


def _time(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)
