"""A sample of a real repository's history; benchmarks/publish_history.py goes through the whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.publish_history import queries, ranking
from kb.index.generation import open_live
from kb.publish.git import run
from kb.publish.orders import Order
from kb.publish.publish import publish
from kb.publish.source import source_of

BUNDLE = Path(__file__).parents[3] / "shared" / "corpora" / "growi-docs-history.bundle"
SAMPLE = (0, 1, 2, 40)


@pytest.mark.skipif(not BUNDLE.exists(), reason="needs ../shared/corpora, which is not part of the project")
def test_a_real_history_is_published_step_by_step_and_ranks_as_if_built_anew(tmp_path):
    run(tmp_path, "clone", "--quiet", "--bare", str(BUNDLE), "clone.git")
    source = source_of(str(tmp_path / "clone.git"))
    commits = run(tmp_path / "clone.git", "rev-list", "--first-parent", "--reverse", "HEAD").decode().split()
    states = [publish(Order(source=source, ref=commits[n]), tmp_path / "var").state for n in SAMPLE]
    assert states == ["live"] * len(SAMPLE)
    assert publish(Order(source=source, ref=commits[SAMPLE[-1]]), tmp_path / "fresh").state == "live"
    stepwise, anew = open_live(tmp_path / "var"), open_live(tmp_path / "fresh")
    asked = queries(anew)
    assert len(asked) == 200
    assert ranking(stepwise, asked) == ranking(anew, asked)
    assert (stepwise.moved, stepwise.gone) == (anew.moved, anew.gone)
