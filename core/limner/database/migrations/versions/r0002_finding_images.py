"""What leads from an image found somewhere to its record: the mark it carries, and what it looks like."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the mark to the outcomes, and the table of fingerprints."""
    op.add_column(
        "outcomes", sa.Column("mark_id", sa.BigInteger(), comment="that its watermark carries; null where none was read back")
    )
    op.create_index("ix_outcomes_mark_id", "outcomes", ["mark_id"])
    op.create_table(
        "fingerprints",
        sa.Column("image_id", sa.String(32), nullable=False),
        sa.Column(
            "fingerprint", sa.BigInteger(), nullable=False, comment="perceptual hash, as a signed number; deleted on erasure"
        ),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], name="fk_fingerprints_image_id"),
        sa.PrimaryKeyConstraint("image_id", name="pk_fingerprints"),
    )
