from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from conftest import Indexed, MakeIndex

from kb.errors import EvaluationError
from kb.evaluate import Judged, Rank, golden, rank_table, ranks, read_set, read_truth, scores
from kb.model import Audience


def ranked(*gains: float, ideal: tuple[float, ...] = (1.0,), rank: int | None = None) -> Rank:
    """A query whose first hits have these gains; `ideal`: the relevances that it was judged to have."""
    judged = Judged(query="q", locale="en", articles={f"a{n}": each for n, each in enumerate(ideal)})
    first = next((place for place, gain in enumerate(gains, 1) if gain), 0)
    return Rank(judged=judged, rank=first if rank is None else rank, gains=gains[:10])


# Worked by hand: a gain of 2^r - 1 at place p counts 1 / log2(p + 1)


@pytest.mark.parametrize(
    ("rank", "ndcg"),
    [
        (ranked(1.0), 1.0),
        (ranked(0.0, 1.0), 1 / math.log2(3)),  # .6309
        (ranked(0.0, 0.0, 1.0), 0.5),
        (ranked(*[0.0] * 9, 1.0), 1 / math.log2(11)),  # .2891
        (ranked(0.0, 0.0), 0.0),
        (ranked(), 0.0),
        (ranked(1.0, 1.0, ideal=(1.0, 1.0)), 1.0),
        (ranked(1.0, 0.0, 1.0, ideal=(1.0, 1.0)), 1.5 / (1 + 1 / math.log2(3))),  # .9197
        (ranked(1.0, 2.0, ideal=(1.0, 2.0)), (1 + 3 / math.log2(3)) / (3 + 1 / math.log2(3))),  # .7967
        (ranked(2.0, 1.0, ideal=(1.0, 2.0)), 1.0),
        (ranked(1.0, ideal=(1.0,) * 20), 1 / sum(1 / math.log2(p + 1) for p in range(1, 11))),
    ],
)
def test_ndcg_by_hand(rank: Rank, ndcg: float) -> None:
    assert scores([rank]).ndcg10 == pytest.approx(ndcg)


def test_means_by_hand() -> None:
    found = [
        ranked(1.0),
        ranked(0.0, 1.0),
        ranked(0.0, 0.0, 0.0, 1.0),
        ranked(*[0.0] * 10, rank=11),  # found, but not among the first ten
        ranked(*[0.0] * 10, rank=0),
    ]
    result = scores(found)
    assert result.queries == 5
    assert result.mrr10 == pytest.approx((1 + 1 / 2 + 1 / 4) / 5)
    assert result.p1 == pytest.approx(1 / 5)
    assert result.s3 == pytest.approx(2 / 5)
    assert result.s10 == pytest.approx(3 / 5)
    assert result.ndcg10 == pytest.approx((1 + 1 / math.log2(3) + 1 / math.log2(5)) / 5)


def test_no_queries_score_nothing() -> None:
    assert scores([]).queries == 0
    assert scores([]).ndcg10 == 0.0


# Asking


def test_every_query_is_asked_as_its_reader_would_pins_and_audience_included(miniature: Indexed) -> None:
    judged = [
        Judged(query="返金の期限", locale="ja", articles={"orders/refund": 1.0}),
        Judged(
            query="払い戻し", locale="ja", articles={"orders/refund": 1.0}
        ),  # orders/cancel is pinned above it
        Judged(query="ザルツブルク", locale="ja", articles={"agents/kakapo-refund": 1.0}),
        Judged(
            query="ザルツブルク", locale="ja", articles={"agents/kakapo-refund": 1.0}, audience=Audience.AGENT
        ),
        Judged(query="refnud", locale="en", articles={"orders/refund": 2.0}),
    ]
    asked = []
    found = ranks(miniature.generation, judged, lambda: asked.append(1))
    assert [each.rank for each in found] == [1, 2, 0, 1, 1]
    assert [each.gains[:2] for each in found][1] == (0.0, 1.0)
    assert len(asked) == 5


def test_golden_queries_are_those_of_published_articles_each_for_its_audience(miniature: Indexed) -> None:
    assert [
        (each.locale, each.query, dict(each.articles), each.audience) for each in golden(miniature.tree)
    ] == [
        ("en", "refund", {"orders/refund": 1.0}, Audience.PUBLIC),
        ("ja", "返金", {"orders/refund": 1.0}, Audience.PUBLIC),
    ]


def test_the_table_of_ranks_is_sorted_so_that_a_change_is_a_line_of_a_diff(miniature: Indexed) -> None:
    found = ranks(miniature.generation, golden(miniature.tree))
    assert (
        rank_table(reversed(found))
        == rank_table(found)
        == ("locale\tarticle\tquery\trank\nen\torders/refund\trefund\t1\nja\torders/refund\t返金\t1\n")
    )


def test_a_locale_without_an_index_is_told_with_its_query(miniature: Indexed) -> None:
    with pytest.raises(EvaluationError, match=r"'bonjour': there is no index of locale 'fr'"):
        ranks(miniature.generation, [Judged(query="bonjour", locale="fr", articles={"a": 1.0})])


# Truth files

GOOD = '{"query": "返金", "locale": "ja", "articles": {"orders/refund": 2, "orders/cancel": 0}}'


def test_a_truth_file_is_read_line_by_line(tmp_path: Path) -> None:
    file = tmp_path / "truth.jsonl"
    file.write_bytes(
        f"\ufeff{GOOD}\r\n\n  \n".encode()
        + '{"query":"a\u2028b","locale":"en","articles":{"x":1},"audience":"agent"}'.encode()
    )
    assert read_truth(file) == [
        Judged(query="返金", locale="ja", articles={"orders/refund": 2.0, "orders/cancel": 0.0}),
        Judged(query="a\u2028b", locale="en", articles={"x": 1.0}, audience=Audience.AGENT),
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "Input data was truncated"),
        ("nonsense", "JSON is malformed"),
        ("[]", "Expected `object`, got `array`"),
        ('{"query": "a", "articles": {"x": 1}}', "missing required field `locale`"),
        ('{"query": 5, "locale": "ja", "articles": {"x": 1}}', r"Expected `str`, got `int` - at `\$.query`"),
        ('{"query": "a", "locale": "ja", "articles": {"x": "high"}}', r"Expected `float`, got `str`"),
        (
            '{"query": "a", "locale": "ja", "articles": {"x": 1}, "audience": "nobody"}',
            "Invalid enum value 'nobody'",
        ),
        ('{"query": " ", "locale": "ja", "articles": {"x": 1}}', "query: is empty"),
        (
            '{"query": "\\u0000", "locale": "ja", "articles": {"x": 1}}',
            r"query: holds the control character U\+0000",
        ),
        ('{"query": "a", "locale": "ja", "articles": {}}', "names no relevant article"),
        ('{"query": "a", "locale": "ja", "articles": {"x": 0}}', "names no relevant article"),
        (
            '{"query": "a", "locale": "ja", "articles": {"x": -1, "y": 1}}',
            "a relevance is a number from 0 to 10",
        ),
        ('{"query": "a", "locale": "ja", "articles": {"x": 1e300}}', "a relevance is a number from 0 to 10"),
    ],
)
def test_a_bad_line_of_a_truth_file_is_named_with_its_number_and_reason(
    tmp_path: Path, line: str, reason: str
) -> None:
    file = tmp_path / "truth.jsonl"
    file.write_text(f"{GOOD}\n\n{line}\n{GOOD}\n", "utf-8")
    with pytest.raises(EvaluationError, match=rf"truth\.jsonl:3: .*{reason}"):
        read_truth(file)


def test_bytes_that_are_no_utf_8_are_named_with_their_line(tmp_path: Path) -> None:
    file = tmp_path / "truth.jsonl"
    file.write_bytes(f"{GOOD}\n".encode() + b'{"query": "\xff"}\n')
    with pytest.raises(EvaluationError, match=r"truth\.jsonl:2: is not UTF-8"):
        read_truth(file)


def test_a_truth_file_that_is_missing_or_empty_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=r"none\.jsonl: cannot be read: No such file"):
        read_truth(tmp_path / "none.jsonl")
    (tmp_path / "empty.jsonl").write_text("\n\n")
    with pytest.raises(EvaluationError, match=r"empty\.jsonl: holds no judged queries"):
        read_truth(tmp_path / "empty.jsonl")


# Relevance sets


def write_set(folder: Path, **changed: str) -> Path:
    folder.mkdir()
    corpus = [
        {"_id": "d1", "title": "Re: 返金", "text": "# not a heading\n- 返金は五日"},
        {"_id": "d2", "title": None, "text": "交換"},
    ]
    files = {
        "ABOUT.md": "# A set\n\n- language: ja\n",
        "corpus.jsonl": "\n".join(json.dumps(each, ensure_ascii=False) for each in corpus),
        "queries.jsonl": '{"_id": "q1", "text": "返金はいつ"}\n{"_id": "q2", "text": "未判定"}\n',
        "qrels.tsv": "query-id\tcorpus-id\tscore\nq1\td1\t1\nq1\td2\t0\n",
    }
    for name, text in (files | {name.replace("_", "."): text for name, text in changed.items()}).items():
        (folder / name).write_text(text, "utf-8")
    return folder


def test_a_relevance_set_becomes_markdown_and_judged_queries(tmp_path: Path) -> None:
    judged = read_set(write_set(tmp_path / "set"), tmp_path / "articles")
    assert judged == [Judged(query="返金はいつ", locale="ja", articles={"set/d00000": 1.0})]
    assert (tmp_path / "articles/ja/set/d00000.md").read_text("utf-8").splitlines() == [
        "---", 'title: "Re: 返金"', "---", "", "\\# not a heading", "\\- 返金は五日",
    ]  # fmt: skip
    assert 'title: "d00001"' in (tmp_path / "articles/ja/set/d00001.md").read_text("utf-8")


def test_in_a_set_of_derived_shape_the_lines_are_questions(tmp_path: Path) -> None:
    read_set(write_set(tmp_path / "set", ABOUT_md="- language: en\n\nDERIVED SHAPE\n"), tmp_path / "articles")
    assert 'questions: ["# not a heading", "- 返金は五日"]' in (
        tmp_path / "articles/en/set/d00000.md"
    ).read_text("utf-8")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"ABOUT_md": "# A set\n"}, r"ABOUT\.md: has no line"),
        ({"corpus_jsonl": '{"_id": "d1", "text": "x"}\n{"_id": \n'}, r"corpus\.jsonl:2: "),
        (
            {"corpus_jsonl": '{"_id": "d1", "text": "x"}\n{"text": "x"}\n'},
            r"corpus\.jsonl:2: .*missing required field `_id`",
        ),
        (
            {"queries_jsonl": '{"_id": "q1", "text": "\\u0007"}\n'},
            r"queries\.jsonl:1: query: holds the control character",
        ),
        ({"queries_jsonl": '{"_id": "q1"}\n'}, r"queries\.jsonl:1: query: is empty"),
        ({"queries_jsonl": "[]\n"}, r"queries\.jsonl:1: Expected `object`"),
        ({"qrels_tsv": "head\nq1\td1\n"}, r"qrels\.tsv:2: not a judgement of this set"),
        ({"qrels_tsv": "head\nq1\td1\t1\n\nq1\tnone\t1\n"}, r"qrels\.tsv:4: not a judgement of this set"),
        ({"qrels_tsv": "head\nq1\td1\tnan\n"}, r"qrels\.tsv:2: not a judgement of this set"),
    ],
)
def test_a_broken_relevance_set_is_told_with_file_and_line(
    tmp_path: Path, changed: dict[str, str], message: str
) -> None:
    with pytest.raises(EvaluationError, match=message):
        read_set(write_set(tmp_path / "set", **changed), tmp_path / "articles")


def test_golden_queries_of_an_article_whose_time_has_not_come_are_not_asked_yet(
    make_index: MakeIndex,
) -> None:
    files = {
        "en/later.md": "---\ngolden: [tomorrow]\npublish_at: 2999-01-01T00:00:00Z\n---\n# Later\n\nSoon.\n",
        "en/now.md": "---\ngolden: [today]\n---\n# Now\n\nHere.\n",
    }
    assert [each.query for each in golden(make_index(files).tree)] == ["today"]
