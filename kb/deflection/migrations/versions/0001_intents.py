"""What reports are made of: derived from facts, rebuilt by `kb report --rebuild`."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001_intents"
down_revision = "0001"
branch_labels = None
depends_on = None


def _texts(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _numbers(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.BigInteger, nullable=False) for name in names]


def upgrade() -> None:
    op.create_table(
        "report_intents",
        sa.Column("key", sa.Text, primary_key=True),
        *_texts("session", "locale", "entry", "category", "evidence"),
        *_numbers("started", "ended"),
        sa.Column("lag", sa.BigInteger),
        *_numbers("searches", "zero", "found", "clicked", "form"),
    )
    op.create_table(
        "report_needs",
        sa.Column("intent", sa.Text, primary_key=True),
        sa.Column("search", sa.Text, primary_key=True),
        sa.Column("ticket", sa.Text, primary_key=True),
        *_texts("session", "locale", "query", "cause", "article"),
        *_numbers("started", "at"),
        sa.Column("lag", sa.BigInteger),
        *_numbers("zero"),
    )
    op.create_table(
        "report_reads",
        sa.Column("intent", sa.Text, primary_key=True),
        sa.Column("article", sa.Text, primary_key=True),
        *_texts("session", "locale"),
        *_numbers("started"),
        sa.Column("lag", sa.BigInteger),
        *_numbers("useful", "verdict"),
    )
    op.create_table(
        "report_tickets",
        sa.Column("ticket", sa.Text, primary_key=True),
        *_texts("session", "locale", "entry"),
        *_numbers("at", "joined"),
    )
    op.create_table(
        "report_exposures",
        sa.Column("session", sa.Text, primary_key=True),
        *_numbers("at", "holdout", "tickets"),
    )
    for name in ("intents", "needs", "reads"):
        op.create_index(f"report_{name}_started", f"report_{name}", ["started"])
    for name in ("tickets", "exposures"):
        op.create_index(f"report_{name}_at", f"report_{name}", ["at"])
    for name in ("intents", "needs", "reads", "tickets"):
        op.create_index(f"report_{name}_session", f"report_{name}", ["session"])
    op.create_index("report_needs_ticket", "report_needs", ["ticket"])


def downgrade() -> None:
    for name in ("intents", "needs", "reads", "tickets", "exposures"):
        op.drop_table(f"report_{name}")
