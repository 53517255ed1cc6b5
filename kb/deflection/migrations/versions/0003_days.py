"""Intents counted by day, so that a report over a quarter is quick; filled when the tables are next made."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003_days"
down_revision = "0001_intents"
branch_labels = None
depends_on = None


def upgrade() -> None:
    texts = [_key(name, sa.Text) for name in ("locale", "entry", "category", "evidence")]
    numbers = [_key(name, sa.BigInteger) for name in ("form", "failing")]
    names = ("latest", "intents", "asked", "clicked", "unopened", "searches", "zero")
    sums: list[Any] = [sa.Column(name, sa.BigInteger, nullable=False) for name in names]
    day = sa.Column("day", sa.BigInteger, primary_key=True, autoincrement=False)
    op.create_table("report_days", day, *texts, *numbers, *sums)
    op.create_table(
        "report_read_days",
        sa.Column("day", sa.BigInteger, primary_key=True, autoincrement=False),
        *(_key(name, sa.Text) for name in ("locale", "article")),
        _key("failing", sa.BigInteger),
        *(
            sa.Column(name, sa.BigInteger, nullable=False)
            for name in ("reads", "useful", "helpful", "unhelpful")
        ),
    )


def _key(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, primary_key=True)


def downgrade() -> None:
    op.drop_table("report_read_days")
    op.drop_table("report_days")
