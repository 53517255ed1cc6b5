"""Facts, what is kept of them, and tokens."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_TEXTS = ("type", "reader", "entry", "session", "intent", "search_id", "suggestion_id", "ticket", "article",
          "locale", "body")  # fmt: skip


def upgrade() -> None:
    op.create_table(
        "facts",
        sa.Column("seq", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        *[sa.Column(name, sa.Text, nullable=False) for name in _TEXTS],
    )
    op.create_index("facts_at", "facts", ["at", "id"])
    op.create_index("facts_type_at", "facts", ["type", "at"])
    op.create_index("facts_session", "facts", ["session", "at"])
    for name in ("search_id", "suggestion_id", "ticket"):
        some = sa.text(f"{name} <> ''")
        op.create_index(f"facts_{name}", "facts", [name], sqlite_where=some, postgresql_where=some)
    op.create_table(
        "daily",
        *[
            sa.Column(name, sa.Text, primary_key=True)
            for name in ("day", "type", "locale", "entry", "reader")
        ],
        *[sa.Column(name, sa.BigInteger, nullable=False) for name in ("facts", "sessions", "zero", "joined")],
    )
    op.create_table(
        "forgotten",
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "marks",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "losses",
        sa.Column("day", sa.Text, primary_key=True),
        sa.Column("reason", sa.Text, primary_key=True),
        sa.Column("facts", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "tokens",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("digest", sa.Text, nullable=False, unique=True),
        *[sa.Column(name, sa.Text, nullable=False) for name in ("name", "role")],
        *[sa.Column(name, sa.BigInteger, nullable=False) for name in ("created_at", "expires_at")],
        sa.Column("revoked_at", sa.BigInteger),
    )


def downgrade() -> None:
    for name in ("tokens", "losses", "marks", "forgotten", "daily", "facts"):
        op.drop_table(name)
