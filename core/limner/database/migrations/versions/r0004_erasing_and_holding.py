"""Legal holds, which erasure must heed; why an image is gone; and texts that cannot be exchanged under their hash."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

POSITION = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

FIXED = {
    "sqlite": (
        "CREATE TRIGGER texts_no_update BEFORE UPDATE ON texts BEGIN SELECT RAISE(ABORT, 'texts stay as they are'); END",
        "CREATE TRIGGER texts_no_delete BEFORE DELETE ON texts BEGIN SELECT RAISE(ABORT, 'texts stay as they are'); END",
    ),
    "postgresql": (
        """CREATE FUNCTION texts_stay_as_they_are() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'texts stay as they are' USING ERRCODE = 'integrity_constraint_violation'; END $$""",
        """CREATE TRIGGER texts_no_update_or_delete BEFORE UPDATE OR DELETE ON texts
        FOR EACH ROW EXECUTE FUNCTION texts_stay_as_they_are()""",
        """CREATE TRIGGER texts_no_truncate BEFORE TRUNCATE ON texts
        FOR EACH STATEMENT EXECUTE FUNCTION texts_stay_as_they_are()""",
    ),
}


def upgrade() -> None:
    """Add the table of legal holds and the event that erased an image, and forbid changes to texts."""
    op.create_table(
        "legal_holds",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("scope", sa.String(16), nullable=False, comment="subject, request or image"),
        sa.Column("target", sa.String(255), nullable=False, comment="the subject's pseudonym, or the id of the other two"),
        sa.Column("time", sa.String(27), nullable=False),
        sa.Column("state", sa.String(16), nullable=False, comment="placed or lifted"),
        sa.PrimaryKeyConstraint("id", name="pk_legal_holds"),
    )
    op.create_index("ix_legal_holds_state", "legal_holds", ["state"])
    op.add_column("images", sa.Column("erased", POSITION, comment="the event that erased it"))
    for statement in FIXED[op.get_context().dialect.name]:
        op.execute(statement)
