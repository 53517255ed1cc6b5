"""What alembic calls: the steps run inside the transaction that `kb.deflection.migrate` has opened."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], target_metadata=None)
context.run_migrations()
