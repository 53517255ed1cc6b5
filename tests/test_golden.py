"""The bundled articles answer their own golden queries, with the ranks that were committed.

A change of the ranking, of the analyzer or of an article shows as a difference of tests/golden-ranks.tsv,
to be judged in review; `make ranks` renews it.
"""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest
from conftest import Indexed

from kb.evaluate import GOLDEN_RANK, Rank, golden, rank_table, ranks

TABLE = Path(__file__).with_name("golden-ranks.tsv")


@pytest.fixture(scope="module")
def found(bundled: Indexed) -> list[Rank]:
    """Where every golden query of the bundled articles finds its article."""
    return ranks(bundled.generation, golden(bundled.tree))


def test_every_golden_query_of_the_bundled_articles_holds(found: list[Rank]) -> None:
    lost = [
        f"{each.judged.locale} {each.judged.query!r}: {', '.join(each.judged.articles)} at {each.rank or '> 50'}"
        for each in found
        if not 1 <= each.rank <= GOLDEN_RANK
    ]
    assert not lost, "lost golden queries:\n" + "\n".join(lost)
    assert len(found) > 100


def test_the_ranks_are_those_that_were_committed(found: list[Rank]) -> None:
    committed = TABLE.read_text("utf-8").splitlines() if TABLE.exists() else []
    today = rank_table(found).splitlines()
    changed = "\n".join(difflib.unified_diff(committed, today, "committed", "today", lineterm="", n=0))
    assert not changed, f"ranks changed; if that is right, renew them with `make ranks`\n{changed}"
