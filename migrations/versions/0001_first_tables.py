"""First tables

Revision ID: 0001
Revises:
Create Date: 2026-11-22 10:50:18.989730
"""

import sqlalchemy as sa
from alembic import op

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.create_table(
        "identity_profile",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("display_name", sa.String(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("subject_description", sa.Text(), nullable=False),
        sa.Column("trigger_word", sa.String(), nullable=False),
        sa.Column("lora_key", sa.String(), nullable=True),
        sa.Column("lora_url", sa.Text(), nullable=True),
        sa.Column("lora_scale", sa.Float(), nullable=False),
        sa.Column("base_model", sa.String(), nullable=False),
        sa.Column("voice_id", sa.String(), nullable=True),
        sa.Column("voice_model", sa.String(), nullable=False),
        sa.Column("voice_stability", sa.Float(), nullable=False),
        sa.Column("voice_similarity", sa.Float(), nullable=False),
        sa.Column("voice_style", sa.Float(), nullable=False),
        sa.Column("voice_speaker_boost", sa.Boolean(), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
        sa.UniqueConstraint("trigger_word"),
    )
    with op.batch_alter_table("identity_profile", schema=None) as batch_op:
        batch_op.create_index(
            "one_default_identity",
            ["is_default"],
            unique=True,
            sqlite_where=sa.text("is_default"),
            postgresql_where=sa.text("is_default"),
        )

    op.create_table(
        "scene",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("project_id", sa.String(), nullable=True),
        sa.Column("identity_id", sa.String(), nullable=True),
        sa.Column("dialogue", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("wardrobe", sa.Text(), nullable=False),
        sa.Column("movement", sa.Text(), nullable=False),
        sa.Column("camera", sa.Text(), nullable=False),
        sa.Column("mood_lighting", sa.Text(), nullable=False),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column("aspect_ratio", sa.String(), nullable=False),
        sa.Column("clip_policy", sa.String(), nullable=False),
        sa.Column("headshot_url", sa.Text(), nullable=True),
        sa.Column("headshot", sa.JSON(), nullable=True),
        sa.Column("voice_id", sa.String(), nullable=True),
        sa.Column("seed", sa.BigInteger(), nullable=True),
        sa.Column("generation_mode", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("failure_code", sa.String(), nullable=True),
        sa.Column("failure_step", sa.String(), nullable=True),
        sa.Column("failure_message", sa.Text(), nullable=True),
        sa.Column("failure_detail", sa.Text(), nullable=True),
        sa.Column("run_id", sa.String(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("effective_mode", sa.String(), nullable=True),
        sa.Column("anchor_source", sa.String(), nullable=True),
        sa.Column("mode_reason", sa.Text(), nullable=True),
        sa.Column("mode_fallback", sa.Boolean(), nullable=False),
        sa.Column("voice_used", sa.String(), nullable=True),
        sa.Column("speech_model", sa.String(), nullable=True),
        sa.Column("image_model", sa.String(), nullable=True),
        sa.Column("video_provider", sa.String(), nullable=True),
        sa.Column("video_model", sa.String(), nullable=True),
        sa.Column("lipsync_model", sa.String(), nullable=True),
        sa.Column("sync_mode", sa.String(), nullable=True),
        sa.Column("image_prompt", sa.Text(), nullable=True),
        sa.Column("video_prompt", sa.Text(), nullable=True),
        sa.Column("negative_prompt", sa.Text(), nullable=True),
        sa.Column("image_seed", sa.BigInteger(), nullable=True),
        sa.Column("lora_fingerprint", sa.String(), nullable=True),
        sa.Column("clip_seconds", sa.JSON(), nullable=True),
        sa.Column("speech_duration_s", sa.Float(), nullable=True),
        sa.Column("film_duration_s", sa.Float(), nullable=True),
        sa.Column("artifacts", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["identity_id"],
            ["identity_profile.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    with op.batch_alter_table("scene", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_scene_identity_id"), ["identity_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_scene_project_id"), ["project_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_scene_status"), ["status"], unique=False)

    op.create_table(
        "generation_log",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("scene_id", sa.String(), nullable=False),
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("event_key", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("level", sa.String(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("duration_ms", sa.Integer(), nullable=True),
        sa.Column("cost_micros", sa.BigInteger(), nullable=True),
        sa.Column("error_code", sa.String(), nullable=True),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["scene_id"],
            ["scene.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("generation_log", schema=None) as batch_op:
        batch_op.create_index("generation_log_event", ["scene_id", "event_key"], unique=True)

    op.create_table(
        "provider_job",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("scene_id", sa.String(), nullable=False),
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("clip", sa.Integer(), nullable=True),
        sa.Column("take", sa.Integer(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("idempotency_key", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("request", sa.JSON(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=True),
        sa.Column("estimated_cost_micros", sa.BigInteger(), nullable=False),
        sa.Column("actual_cost_micros", sa.BigInteger(), nullable=True),
        sa.Column("seed", sa.BigInteger(), nullable=True),
        sa.Column("artifact", sa.JSON(), nullable=True),
        sa.Column("alignment", sa.JSON(), nullable=True),
        sa.Column("error_code", sa.String(), nullable=True),
        sa.Column("error_detail", sa.Text(), nullable=True),
        sa.Column("intent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("succeeded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stored_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["scene_id"],
            ["scene.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("idempotency_key"),
    )
    with op.batch_alter_table("provider_job", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_provider_job_fingerprint"), ["fingerprint"], unique=False)
        batch_op.create_index(batch_op.f("ix_provider_job_request_id"), ["request_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_provider_job_state"), ["state"], unique=False)
        batch_op.create_index("provider_job_step", ["scene_id", "step", "clip"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("provider_job", schema=None) as batch_op:
        batch_op.drop_index("provider_job_step")
        batch_op.drop_index(batch_op.f("ix_provider_job_state"))
        batch_op.drop_index(batch_op.f("ix_provider_job_request_id"))
        batch_op.drop_index(batch_op.f("ix_provider_job_fingerprint"))

    op.drop_table("provider_job")
    with op.batch_alter_table("generation_log", schema=None) as batch_op:
        batch_op.drop_index("generation_log_event")

    op.drop_table("generation_log")
    with op.batch_alter_table("scene", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_scene_status"))
        batch_op.drop_index(batch_op.f("ix_scene_project_id"))
        batch_op.drop_index(batch_op.f("ix_scene_identity_id"))

    op.drop_table("scene")
    with op.batch_alter_table("identity_profile", schema=None) as batch_op:
        batch_op.drop_index(
            "one_default_identity", sqlite_where=sa.text("is_default"), postgresql_where=sa.text("is_default")
        )

    op.drop_table("identity_profile")
