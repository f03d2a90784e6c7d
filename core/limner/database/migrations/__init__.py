"""Alembic's environment: one history for all tables."""
