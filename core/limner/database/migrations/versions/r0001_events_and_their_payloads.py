"""Events, their payloads and subjects, and the tables that follow from them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

POSITION = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

# A record that was written stays as it is. INSERT OR REPLACE would delete without asking the second trigger, hence the third.
APPEND_ONLY = {
    "sqlite": (
        "CREATE TRIGGER events_no_update BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events are append-only'); END",
        "CREATE TRIGGER events_no_delete BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events are append-only'); END",
        """CREATE TRIGGER events_no_replace BEFORE INSERT ON events
        WHEN EXISTS (SELECT 1 FROM events WHERE "index" = NEW."index" OR id = NEW.id)
        BEGIN SELECT RAISE(ABORT, 'this event is there already'); END""",
    ),
    "postgresql": (
        """CREATE FUNCTION events_are_append_only() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'events are append-only' USING ERRCODE = 'integrity_constraint_violation'; END $$""",
        """CREATE TRIGGER events_no_update_or_delete BEFORE UPDATE OR DELETE ON events
        FOR EACH ROW EXECUTE FUNCTION events_are_append_only()""",
        """CREATE TRIGGER events_no_truncate BEFORE TRUNCATE ON events
        FOR EACH STATEMENT EXECUTE FUNCTION events_are_append_only()""",
    ),
}


def upgrade() -> None:
    """Create every table, the referenced ones first, and forbid changes to events."""
    _record()
    _standing()
    _kept()
    for statement in APPEND_ONLY[op.get_context().dialect.name]:
        op.execute(statement)


def _record() -> None:
    op.create_table(
        "events",
        sa.Column("index", POSITION, autoincrement=False, nullable=False),
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("request_id", sa.String(255), nullable=False, comment="empty where no request is concerned"),
        sa.Column("kind", sa.String(255), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False, comment="of the kind's schema"),
        sa.Column("time", sa.String(27), nullable=False),
        sa.Column("canonical", sa.LargeBinary(), nullable=False, comment="RFC 8785; the columns above repeat what it says"),
        sa.Column("leaf_hash", sa.LargeBinary(), nullable=False, comment="RFC 6962, over canonical"),
        sa.PrimaryKeyConstraint("index", name="pk_events"),
        sa.UniqueConstraint("id", name="uq_events_id"),
    )
    op.create_index("ix_events_request_id", "events", ["request_id"])
    op.create_table(
        "subjects",
        sa.Column("pseudonym", sa.String(64), nullable=False, comment="by the subject's own key, so erasure cuts it loose"),
        sa.Column("lookup", sa.String(64), comment="HMAC of the name; null once erased"),
        sa.Column("name", sa.LargeBinary(), comment="under the subject's key; null once erased"),
        sa.Column("wrapped_key", sa.LargeBinary(), comment="under the master key; null once erased"),
        sa.Column("master_id", sa.String(16), nullable=False),
        sa.Column("created", sa.String(27), nullable=False),
        sa.PrimaryKeyConstraint("pseudonym", name="pk_subjects"),
        sa.UniqueConstraint("lookup", name="uq_subjects_lookup"),
    )
    op.create_table(
        "payloads",
        sa.Column("event", POSITION, autoincrement=False, nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), comment="under the subject's key; null once erased"),
        sa.Column("sealed", sa.LargeBinary(), comment="salt and payload under the data key; null once erased"),
        sa.ForeignKeyConstraint(["event"], ["events.index"], name="fk_payloads_event"),
        sa.ForeignKeyConstraint(["subject"], ["subjects.pseudonym"], name="fk_payloads_subject"),
        sa.PrimaryKeyConstraint("event", "name", name="pk_payloads"),
    )
    op.create_index("ix_payloads_subject", "payloads", ["subject"])
    op.create_table(
        "texts",
        sa.Column("hash", sa.String(64), nullable=False, comment="SHA-256 of text"),
        sa.Column("kind", sa.String(255), nullable=False, comment="pipeline, policy, plugins"),
        sa.Column("text", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name="pk_texts"),
    )


def _standing() -> None:
    op.create_table(
        "requests",
        sa.Column("id", sa.String(255), nullable=False),
        sa.Column("event", POSITION, nullable=False, comment="that accepted it"),
        sa.Column("time", sa.String(27), nullable=False),
        sa.Column("lease", sa.String(255), nullable=False, comment="of the process that runs it"),
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("cohort", sa.String(255), nullable=False),
        sa.Column("task", sa.String(16), nullable=False),
        sa.Column("pipeline", sa.String(255), nullable=False),
        sa.Column("policy", sa.String(255), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("closed", POSITION, comment="null while it is open"),
        sa.ForeignKeyConstraint(["closed"], ["events.index"], name="fk_requests_closed"),
        sa.ForeignKeyConstraint(["event"], ["events.index"], name="fk_requests_event"),
        sa.ForeignKeyConstraint(["subject"], ["subjects.pseudonym"], name="fk_requests_subject"),
        sa.PrimaryKeyConstraint("id", name="pk_requests"),
        sa.UniqueConstraint("event", name="uq_requests_event"),
    )
    op.create_index("ix_requests_closed", "requests", ["closed"])
    op.create_index("ix_requests_subject", "requests", ["subject"])
    op.create_table(
        "outcomes",
        sa.Column("request_id", sa.String(255), nullable=False),
        sa.Column("image", sa.Integer(), autoincrement=False, nullable=False, comment="its index in the request"),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("event", POSITION, nullable=False),
        sa.ForeignKeyConstraint(["event"], ["events.index"], name="fk_outcomes_event"),
        sa.ForeignKeyConstraint(["request_id"], ["requests.id"], name="fk_outcomes_request_id"),
        sa.PrimaryKeyConstraint("request_id", "image", name="pk_outcomes"),
    )


def _kept() -> None:
    op.create_table(
        "images",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("request_id", sa.String(255), nullable=False),
        sa.Column("image", sa.Integer(), nullable=False, comment="its index in the request"),
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False, comment="of the file as delivered"),
        sa.Column("pixels_sha256", sa.String(64), nullable=False, comment="of the pixels before marking"),
        sa.Column("format", sa.String(8), nullable=False),
        sa.Column("bytes", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False, comment="released, held or erased"),
        sa.Column("wrapped_key", sa.LargeBinary(), comment="under the subject's key; null once erased"),
        sa.ForeignKeyConstraint(["request_id"], ["requests.id"], name="fk_images_request_id"),
        sa.ForeignKeyConstraint(["subject"], ["subjects.pseudonym"], name="fk_images_subject"),
        sa.PrimaryKeyConstraint("id", name="pk_images"),
    )
    op.create_index("ix_images_pixels_sha256", "images", ["pixels_sha256"])
    op.create_index("ix_images_request_id_image", "images", ["request_id", "image"])
    op.create_index("ix_images_sha256", "images", ["sha256"])
    op.create_index("ix_images_subject", "images", ["subject"])
    op.create_table(
        "holds",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("request_id", sa.String(255), nullable=False),
        sa.Column("image", sa.Integer(), nullable=False, comment="its index in the request"),
        sa.Column("gate", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False, comment="waiting until a reviewer has spoken"),
        sa.ForeignKeyConstraint(["request_id"], ["requests.id"], name="fk_holds_request_id"),
        sa.PrimaryKeyConstraint("id", name="pk_holds"),
    )
    op.create_index("ix_holds_request_id_image", "holds", ["request_id", "image"])
    op.create_index("ix_holds_state", "holds", ["state"])
