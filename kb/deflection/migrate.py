"""Brings a database to the version of this program; called by `EventStore.migrate` with a connection.

Several processes may start at once: the caller's transaction holds the write lock (SQLite) or an advisory
lock (PostgreSQL), so the second finds everything done.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from kb.errors import StoreTooNew

SCRIPTS = Path(__file__).parent / "migrations"


def upgrade(connection: Connection, to: str = "heads") -> None:
    """Run the steps that are missing up to `to`, all or none; raises StoreTooNew."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    scripts = ScriptDirectory.from_config(config)
    present = set(MigrationContext.configure(connection).get_current_heads())
    known = {script.revision for script in scripts.walk_revisions()}
    if present - known:
        raise StoreTooNew(
            f"the database is of version {', '.join(sorted(present))}, which this kb does not know: "
            "start the newer kb, or restore a backup that was made before it"
        )
    if to != "heads" or present != set(scripts.get_heads()):
        command.upgrade(config, to)
