"""The deny list, what reviewers need to know of a hold and have said of it, and images in quarantine."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

POSITION = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the tables, and the columns of holds, null for those that wait already."""
    op.create_table(
        "denials",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False, comment="image, term or subject"),
        sa.Column("value", sa.Text(), nullable=False, comment="fingerprint in hex, the term, or the subject's lookup value"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created", sa.String(27), nullable=False),
        sa.Column("expires", sa.String(27), comment="null for never"),
        sa.Column("removed", sa.String(27), comment="null while it stands"),
        sa.Column("changed", POSITION, nullable=False, comment="counts the changes of the list"),
        sa.PrimaryKeyConstraint("id", name="pk_denials"),
    )
    op.create_index("ix_denials_changed", "denials", ["changed"])
    op.add_column("holds", sa.Column("time", sa.String(27)))
    op.add_column("holds", sa.Column("category", sa.String(255)))
    op.add_column("holds", sa.Column("rules", sa.Text(), comment="JSON: those that asked for it"))
    op.add_column("holds", sa.Column("four_eyes", sa.Boolean(), comment="two people release it"))
    op.create_table(
        "approvals",
        sa.Column("hold_id", sa.String(32), nullable=False),
        sa.Column("reviewer", sa.String(64), nullable=False, comment="lookup value of the name"),
        sa.Column("time", sa.String(27), nullable=False),
        sa.ForeignKeyConstraint(["hold_id"], ["holds.id"], name="fk_approvals_hold_id"),
        sa.PrimaryKeyConstraint("hold_id", "reviewer", name="pk_approvals"),
    )
    op.create_table(
        "quarantine",
        sa.Column("image_id", sa.String(32), nullable=False),
        sa.Column("category", sa.String(255), nullable=False),
        sa.Column("until", sa.String(27), nullable=False, comment="when the image is destroyed"),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], name="fk_quarantine_image_id"),
        sa.PrimaryKeyConstraint("image_id", name="pk_quarantine"),
    )
    op.create_index("ix_quarantine_until", "quarantine", ["until"])
