"""The ledger: whose money, what was charged for nothing, what was saved, budgets; the database checks the moves

Revision ID: 0003
Revises: 0002
Create Date: 2026-11-22 13:50:00
"""

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | None = None
depends_on: str | None = None

# `domain.jobs.MOVES` as it was at this revision. A later batch operation on provider_job makes the table anew on
# SQLite, which drops its triggers: it has to make them again.
MOVES = {
    "intent": ("sent", "failed", "canceled"),
    "sent": ("intent", "accepted", "succeeded", "failed", "unknown"),
    "accepted": ("succeeded", "failed", "canceled"),
    "succeeded": ("stored", "failed"),
    "unknown": ("intent", "accepted", "succeeded", "failed"),
}
CHECKS = {
    "job_state_is_known": (
        "state IN ('intent', 'sent', 'accepted', 'succeeded', 'stored', 'failed', 'canceled', 'unknown')"
    ),
    "accepted_job_has_id": "state NOT IN ('accepted', 'succeeded') OR request_id IS NOT NULL",
    "stored_job_has_artifact": "state <> 'stored' OR artifact IS NOT NULL",
    "job_cost_is_no_refund": "estimated_cost_micros >= 0 AND actual_cost_micros >= 0",
}


def upgrade() -> None:
    for table in ("scene", "project"):
        op.add_column(table, sa.Column("budget_micros", sa.BigInteger(), nullable=True))
    op.add_column("scene", sa.Column("identity_used", sa.String(), nullable=True))
    _settle_old_rows()
    with op.batch_alter_table("provider_job") as batch_op:
        for column in ("project_id", "identity_id"):
            batch_op.add_column(sa.Column(column, sa.String(), nullable=True))
            batch_op.create_index(f"ix_provider_job_{column}", [column])
        for column in ("parked_at", "written_off_at"):
            batch_op.add_column(sa.Column(column, sa.DateTime(timezone=True), nullable=True))
        batch_op.create_index("ix_provider_job_intent_at", ["intent_at"])
        for name, rule in CHECKS.items():
            batch_op.create_check_constraint(name, rule)
    op.execute(
        "UPDATE provider_job SET project_id = (SELECT project_id FROM scene WHERE scene.id = provider_job.scene_id), "
        "identity_id = (SELECT identity_id FROM scene WHERE scene.id = provider_job.scene_id)"
    )
    _create_reuse()
    _guard_moves()


def downgrade() -> None:
    _unguard_moves()
    op.drop_table("reuse")
    with op.batch_alter_table("provider_job") as batch_op:
        for name in CHECKS:
            batch_op.drop_constraint(name, type_="check")
        for column in ("intent_at", "identity_id", "project_id"):
            batch_op.drop_index(f"ix_provider_job_{column}")
        for column in ("written_off_at", "parked_at", "identity_id", "project_id"):
            batch_op.drop_column(column)
    for table, column in (("scene", "identity_used"), ("scene", "budget_micros"), ("project", "budget_micros")):
        op.drop_column(table, column)


def _settle_old_rows() -> None:
    """Say of every purchase that ended without a result what it cost; unset means from now on: perhaps."""
    op.execute("UPDATE provider_job SET actual_cost_micros = 0 WHERE state = 'canceled' AND actual_cost_micros IS NULL")
    op.execute(
        "UPDATE provider_job SET actual_cost_micros = CASE WHEN succeeded_at IS NULL THEN 0 ELSE estimated_cost_micros "
        "END WHERE state = 'failed' AND actual_cost_micros IS NULL AND coalesce(error_code, '') <> 'outcome_unknown'"
    )
    # Rows that no longer fit a rule cannot be carried on: an accepted job without its id is a lost answer.
    op.execute(
        "UPDATE provider_job SET state = 'unknown' WHERE state IN ('accepted', 'succeeded') AND request_id IS NULL"
    )
    op.execute("UPDATE provider_job SET state = 'failed' WHERE state = 'stored' AND artifact IS NULL")


def _create_reuse() -> None:
    op.create_table(
        "reuse",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("scene_id", sa.String(), nullable=False),
        sa.Column("project_id", sa.String(), nullable=True),
        sa.Column("identity_id", sa.String(), nullable=True),
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("clip", sa.Integer(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("saved_micros", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["provider_job.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    for column in ("job_id", "scene_id", "project_id", "identity_id", "created_at"):
        op.create_index(f"ix_reuse_{column}", "reuse", [column])
    op.create_index("reuse_of_run", "reuse", ["run_id", "step", "clip"], unique=True)


def _guard_moves() -> None:
    legal = " OR ".join(
        f"(OLD.state = '{state}' AND NEW.state IN ({', '.join(repr(to) for to in following)}))"
        for state, following in MOVES.items()
    )
    illegal = f"NEW.state <> OLD.state AND NOT ({legal})"
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "CREATE TRIGGER provider_job_moves BEFORE UPDATE OF state ON provider_job "
            f"WHEN {illegal} BEGIN SELECT RAISE(ABORT, 'provider_job: illegal move of state'); END"
        )
        op.execute(
            "CREATE TRIGGER provider_job_is_kept BEFORE DELETE ON provider_job "
            "BEGIN SELECT RAISE(ABORT, 'provider_job: purchases are never deleted'); END"
        )
        return
    op.execute(
        "CREATE FUNCTION provider_job_moves() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF {illegal} THEN RAISE EXCEPTION 'provider_job: illegal move from % to %', OLD.state, NEW.state "
        "USING ERRCODE = 'check_violation'; END IF; RETURN NEW; END $$"
    )
    op.execute(
        "CREATE FUNCTION provider_job_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "RAISE EXCEPTION 'provider_job: purchases are never deleted' USING ERRCODE = 'check_violation'; END $$"
    )
    op.execute(
        "CREATE TRIGGER provider_job_moves BEFORE UPDATE OF state ON provider_job "
        "FOR EACH ROW EXECUTE FUNCTION provider_job_moves()"
    )
    op.execute(
        "CREATE TRIGGER provider_job_is_kept BEFORE DELETE ON provider_job "
        "FOR EACH ROW EXECUTE FUNCTION provider_job_is_kept()"
    )


def _unguard_moves() -> None:
    on_table = "" if op.get_bind().dialect.name == "sqlite" else " ON provider_job"
    for name in ("provider_job_moves", "provider_job_is_kept"):
        op.execute(f"DROP TRIGGER {name}{on_table}")
        if on_table:
            op.execute(f"DROP FUNCTION {name}()")
