"""Tickets, the outbox towards the help desk, and what its hooks tell (`kb.desk.tables`)."""

import sqlalchemy as sa
from alembic import op

revision = "0002_desk"
down_revision = "0001"
branch_labels = None
depends_on = None


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _numbers(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger, nullable=False) for name in names]


def _key(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, primary_key=True)


def upgrade() -> None:
    op.create_table(
        "desk_ticket",
        _key("ticket"), *_numbers("filed_at"), *_texts("locale", "subject", "body", "email"),
        *_numbers("erased_at"),
    )  # fmt: skip
    op.create_table("desk_once", _key("key"), *_texts("digest", "ticket"), *_numbers("at"))
    op.create_table(
        "desk_outbox",
        _key("id"), *_texts("kind", "ticket", "status"), *_numbers("created_at", "due_at"),
        sa.Column("tries", sa.Integer, nullable=False), *_texts("claim"),
        *_numbers("claimed_until", "settled_at"), *_texts("ref", "error"),
    )  # fmt: skip
    op.create_table("desk_fact", _key("id"), *_texts("ticket"), *_numbers("held_until"), *_texts("fact"))
    op.create_table(
        "desk_foreign", _key("ticket"), sa.Column("joined", sa.Integer, nullable=False), *_numbers("at")
    )
    op.create_table(
        "desk_wrong",
        _key("id"), *_texts("ticket"), *_numbers("at"),
        *_texts("locale", "article", "commit", "owner", "note"),
    )  # fmt: skip
    op.create_table("desk_signature", _key("digest"), *_numbers("at"))
    for table, *columns in (
        ("once", "at"), ("once", "ticket"), ("outbox", "ref"), ("outbox", "ticket"), ("wrong", "at"),
        ("wrong", "ticket"), ("signature", "at"),
    ):  # fmt: skip
        op.create_index(f"desk_{table}_{columns[0]}", f"desk_{table}", columns)
    op.create_index("desk_outbox_due", "desk_outbox", ["status", "due_at"])


def downgrade() -> None:
    for name in ("signature", "wrong", "foreign", "fact", "outbox", "once", "ticket"):
        op.drop_table(f"desk_{name}")
