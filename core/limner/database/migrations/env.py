"""Run by Alembic inside `limner.database.migration`: on the connection and in the transaction it is given, or for a script."""

from alembic import context

from limner.database.tables import metadata

if context.is_offline_mode():
    context.configure(dialect_name=context.config.attributes["dialect"], target_metadata=metadata, literal_binds=True)
else:
    context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
