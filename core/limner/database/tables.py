"""Every table of Limner.

`events` is the record: only ever added to, its canonical bytes never touched again. `requests` and `outcomes` follow from the
events, in the same transaction, and say where each request stands. What can be erased stands apart: `payloads` and `images`
hold data keys wrapped by a subject's key in `subjects`, itself wrapped by the master key outside the database.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Position = BigInteger().with_variant(Integer(), "sqlite")  # an index in the log; in SQLite, the row's own number
Id = String(32)  # a UUID in hex
Hash = String(64)  # SHA-256 in hex
Time = String(27)  # UTC as 2026-11-22T16:41:43.123456Z, which sorts as text
Name = String(255)

events = Table(
    "events",
    metadata,
    Column("index", Position, primary_key=True, autoincrement=False),
    Column("id", Id, nullable=False, unique=True),
    Column("request_id", Name, nullable=False, index=True, comment="empty where no request is concerned"),
    Column("kind", Name, nullable=False),
    Column("version", Integer, nullable=False, comment="of the kind's schema"),
    Column("time", Time, nullable=False),
    Column("canonical", LargeBinary, nullable=False, comment="RFC 8785; the columns above repeat what it says"),
    Column("leaf_hash", LargeBinary, nullable=False, comment="RFC 6962, over canonical"),
)

subjects = Table(
    "subjects",
    metadata,
    Column("pseudonym", Hash, primary_key=True, comment="by the subject's own key, so erasure cuts it loose"),
    Column("lookup", Hash, unique=True, comment="HMAC of the name; null once erased"),
    Column("name", LargeBinary, comment="under the subject's key; null once erased"),
    Column("wrapped_key", LargeBinary, comment="under the master key; null once erased"),
    Column("master_id", String(16), nullable=False),
    Column("created", Time, nullable=False),
)

payloads = Table(
    "payloads",
    metadata,
    Column("event", Position, ForeignKey("events.index"), primary_key=True, autoincrement=False),
    Column("name", Name, primary_key=True),
    Column("subject", Hash, ForeignKey("subjects.pseudonym"), nullable=False, index=True),
    Column("wrapped_key", LargeBinary, comment="under the subject's key; null once erased"),
    Column("sealed", LargeBinary, comment="salt and payload under the data key; null once erased"),
)

requests = Table(
    "requests",
    metadata,
    Column("id", Name, primary_key=True),
    Column("event", Position, ForeignKey("events.index"), nullable=False, unique=True, comment="that accepted it"),
    Column("time", Time, nullable=False),
    Column("lease", Name, nullable=False, comment="of the process that runs it"),
    Column("subject", Hash, ForeignKey("subjects.pseudonym"), nullable=False, index=True),
    Column("cohort", Name, nullable=False),
    Column("task", String(16), nullable=False),
    Column("pipeline", Name, nullable=False),
    Column("policy", Name, nullable=False),
    Column("n", Integer, nullable=False),
    Column("closed", Position, ForeignKey("events.index"), index=True, comment="null while it is open"),
)

outcomes = Table(
    "outcomes",
    metadata,
    Column("request_id", Name, ForeignKey("requests.id"), primary_key=True),
    Column("image", Integer, primary_key=True, autoincrement=False, comment="its index in the request"),
    Column("outcome", String(16), nullable=False),
    Column("event", Position, ForeignKey("events.index"), nullable=False),
    Column("mark_id", BigInteger, index=True, comment="that its watermark carries; null where none was read back"),
)

images = Table(
    "images",
    metadata,
    Column("id", Id, primary_key=True),
    Column("request_id", Name, ForeignKey("requests.id"), nullable=False),
    Column("image", Integer, nullable=False, comment="its index in the request"),
    Column("subject", Hash, ForeignKey("subjects.pseudonym"), nullable=False, index=True),
    Column("sha256", Hash, nullable=False, index=True, comment="of the file as delivered"),
    Column("pixels_sha256", Hash, nullable=False, index=True, comment="of the pixels before marking"),
    Column("format", String(8), nullable=False),
    Column("bytes", Integer, nullable=False),
    Column("state", String(16), nullable=False, comment="released, held or erased"),
    Column("wrapped_key", LargeBinary, comment="under the subject's key; null once erased"),
    Column("erased", Position, comment="the event that erased it"),
    Index("ix_images_request_id_image", "request_id", "image"),
)

fingerprints = Table(
    "fingerprints",
    metadata,
    Column("image_id", Id, ForeignKey("images.id"), primary_key=True),
    Column("fingerprint", BigInteger, nullable=False, comment="perceptual hash, as a signed number; deleted on erasure"),
)

holds = Table(
    "holds",
    metadata,
    Column("id", Id, primary_key=True),
    Column("request_id", Name, ForeignKey("requests.id"), nullable=False),
    Column("image", Integer, nullable=False, comment="its index in the request"),
    Column("gate", String(16), nullable=False),
    Column("state", String(16), nullable=False, index=True, comment="waiting until a reviewer has spoken"),
    Column("time", Time),
    Column("category", Name),
    Column("rules", Text, comment="JSON: those that asked for it"),
    Column("four_eyes", Boolean, comment="two people release it"),
    Index("ix_holds_request_id_image", "request_id", "image"),
)

approvals = Table(
    "approvals",
    metadata,
    Column("hold_id", Id, ForeignKey("holds.id"), primary_key=True),
    Column("reviewer", Hash, primary_key=True, comment="lookup value of the name"),
    Column("time", Time, nullable=False),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("image_id", Id, ForeignKey("images.id"), primary_key=True),
    Column("category", Name, nullable=False),
    Column("until", Time, nullable=False, index=True, comment="when the image is destroyed"),
)

denials = Table(
    "denials",
    metadata,
    Column("id", Id, primary_key=True),
    Column("kind", String(8), nullable=False, comment="image, term or subject"),
    Column("value", Text, nullable=False, comment="fingerprint in hex, the term, or the subject's lookup value"),
    Column("reason", Text, nullable=False),
    Column("created", Time, nullable=False),
    Column("expires", Time, comment="null for never"),
    Column("removed", Time, comment="null while it stands"),
    Column("changed", Position, nullable=False, index=True, comment="counts the changes of the list"),
)

legal_holds = Table(
    "legal_holds",
    metadata,
    Column("id", Id, primary_key=True),
    Column("scope", String(16), nullable=False, comment="subject, request or image"),
    Column("target", Name, nullable=False, comment="the subject's pseudonym, or the id of the other two"),
    Column("time", Time, nullable=False),
    Column("state", String(16), nullable=False, index=True, comment="placed or lifted"),
)

texts = Table(
    "texts",
    metadata,
    Column("hash", Hash, primary_key=True, comment="SHA-256 of text"),
    Column("kind", Name, nullable=False, comment="pipeline, policy, plugins"),
    Column("text", LargeBinary, nullable=False),
)
