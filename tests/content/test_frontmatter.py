from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.content.frontmatter import MAX_BYTES, FrontMatter, Parsed, parse, split
from kb.errors import ContentError
from kb.model import Audience, CallCard, Kind, Severity, Status


def head(yaml_text: str, *, strict: bool = True) -> Parsed:
    return parse(yaml_text, "a.md", strict=strict)


def values(yaml_text: str) -> FrontMatter:
    parsed = head(yaml_text)
    assert parsed.findings == ()
    return parsed.values


def test_a_front_matter_is_split_from_its_body_with_the_line_where_the_body_begins() -> None:
    assert split("---\ntitle: A\n---\nBody\n") == ("title: A\n", "Body\n", 4)


def test_a_file_without_front_matter_is_all_body() -> None:
    assert split("# A\n\nBody") == ("", "# A\n\nBody", 1)


def test_a_byte_order_mark_and_windows_line_ends_do_not_hide_the_front_matter() -> None:
    assert split("\ufeff---\r\ntitle: A\r\n---\r\nBody\r\n") == ("title: A\n", "Body\n", 4)


def test_a_front_matter_that_is_never_closed_names_its_first_line() -> None:
    with pytest.raises(ContentError, match=r"^a\.md:1:1: .*never closed"):
        split("---\ntitle: A\n\nBody\n", "a.md")


def test_a_rule_in_the_first_line_is_no_front_matter() -> None:
    assert split("---\n\nA text.\n")[0] == ""


def test_an_empty_front_matter_and_a_missing_last_line_end_are_fine() -> None:
    assert split("---\n---") == ("", "", 3)


@given(st.text(alphabet="-\n\r .a:\ufeff", max_size=40))
def test_splitting_never_crashes_and_never_invents_text(source: str) -> None:
    try:
        yaml_text, body, line = split(source)
    except ContentError:
        return
    assert line >= 1
    assert len(yaml_text) + len(body) <= len(source)


def test_words_and_times_of_yaml_1_1_stay_the_text_that_was_written() -> None:
    found = values("title: no\ndescription: 1:30\ntags: [yes, 007, 1.10, 2026-05-01]\nowner: 0o17\n")
    assert (found.title, found.description, found.owner) == ("no", "1:30", "0o17")
    assert found.tags == ("yes", "007", "1.10", "2026-05-01")


def test_every_key_of_the_contract_is_read() -> None:
    found = values(
        """\
title: Refunds
description: When you get it back
category: orders
tags: [money, time]
questions: [When is my money back?]
golden: [refund]
audience: agent
status: archived
owner: store team
review_by: 2026-05-01
redirect_from: [old/refund]
related: [orders/return.md, /orders/late]
call_card:
  say: One moment, please.
  ask: [the order number]
  dont_say: [Impossible]
kind: faq
products: KT-10, KT-20
updated: 2026-05-01
publish_at: 2026-05-01T09:00:00+09:00
unpublish_at: 2026-06-01T00:00:00Z
"""
    )
    assert found.audience is Audience.AGENT
    assert found.status is Status.ARCHIVED
    assert found.kind is Kind.FAQ
    assert found.related == ("orders/return", "orders/late")
    assert found.call_card == CallCard(
        say=("One moment, please.",), ask=("the order number",), dont_say=("Impossible",)
    )
    assert found.products == ("KT-10", "KT-20")
    assert found.updated == datetime(2026, 5, 1, tzinfo=UTC)
    assert found.publish_at == datetime(2026, 5, 1, tzinfo=UTC)
    assert found.review_by == "2026-05-01"


def test_a_key_without_a_value_counts_as_not_written() -> None:
    assert values("title:\ntags: ~\naudience: null\n") == FrontMatter()


def test_draft_true_is_the_status_draft_but_never_brings_an_archived_page_back() -> None:
    assert values("draft: true").status is Status.DRAFT
    assert values("draft: yes\nstatus: archived").status is Status.ARCHIVED
    assert values("draft: false").status is None
    assert values("draft: true\nstatus: published").status is Status.DRAFT


@pytest.mark.parametrize(
    ("yaml_text", "line", "reason"),
    [
        ("title: a\ntags: &x [a]\nowner: *x", 3, "anchors and aliases"),
        ("title: a\n<<: {b: c}", 3, "merging"),
        ("title: a\ntitle: b", 3, "stands twice, first in line 2"),
        ("title: !!python/object:os.system a", 2, "tags"),
        ("title: [a\ntags: b", 3, "broken YAML"),
        ("- title", 2, "must be keys"),
        ("title: a\n---\nb: c", 3, "more than one"),
        ("a: " + "[" * 12 + "]" * 12, 2, "nested deeper"),
        ("? [a]\n: b", 2, "a key must be plain text"),
        ("title: a\x01b", 2, "control character"),
    ],
)
def test_yaml_that_is_not_taken_is_refused_with_its_line_in_the_file(
    yaml_text: str, line: int, reason: str
) -> None:
    with pytest.raises(ContentError, match=reason) as caught:
        head(yaml_text)
    assert caught.value.line == line


def test_a_front_matter_over_16_kb_is_refused() -> None:
    with pytest.raises(ContentError, match="larger than 16 KB"):
        head("title: " + "あ" * (MAX_BYTES // 3 + 1))


def test_an_alias_bomb_is_refused_before_it_grows() -> None:
    levels = [f"k{n}: &k{n} [*k{n - 1}, *k{n - 1}]" for n in range(1, 30)]
    with pytest.raises(ContentError, match="anchors"):
        head("\n".join(["k0: &k0 [a]", *levels]))


def test_a_known_key_of_the_wrong_type_leaves_the_file_out_with_its_line() -> None:
    parsed = head("title: A\ntags: {a: b}\n")
    assert parsed.left_out
    assert [(each.line, each.severity) for each in parsed.findings] == [(3, Severity.ERROR)]
    assert "tags must be a list" in parsed.findings[0].message


def test_in_a_foreign_tree_the_same_is_a_warning_and_the_key_is_ignored() -> None:
    parsed = head("title: A\ntags: {a: b}\n", strict=False)
    assert not parsed.left_out
    assert parsed.values == FrontMatter(title="A")
    assert [each.severity for each in parsed.findings] == [Severity.WARNING]


@pytest.mark.parametrize("key", ["audience: Admin", "audience: [public]", "status: live"])
def test_a_value_that_nobody_knows_counts_as_agents_only_whatever_else_is_written(key: str) -> None:
    before = head(f"{key}\n" + ("audience: public\n" if key.startswith("status") else ""))
    assert before.values.audience is Audience.AGENT
    assert not before.left_out
    assert before.findings[0].severity is Severity.ERROR


def test_in_a_foreign_tree_an_unknown_audience_is_a_warning_and_ignored() -> None:
    parsed = head("audience: Admin\n", strict=False)
    assert parsed.values.audience is None
    assert [each.severity for each in parsed.findings] == [Severity.WARNING]


def test_an_unknown_key_is_a_warning_that_guesses_what_was_meant() -> None:
    parsed = head("tittle: A\n")
    assert not parsed.left_out
    assert parsed.findings[0].severity is Severity.WARNING
    assert parsed.findings[0].line == 2
    assert "'title'" in parsed.findings[0].mend


def test_a_foreign_files_unknown_keys_are_one_warning_together() -> None:
    parsed = head("id: 4\nms.author: x\n", strict=False)
    assert [each.message for each in parsed.findings] == ["unknown keys ignored: id, ms.author"]


def test_a_time_of_publication_without_a_zone_is_an_error_that_shows_one() -> None:
    parsed = head("publish_at: 2026-05-01T09:00\n")
    assert parsed.left_out
    assert "time zone" in parsed.findings[0].message


@pytest.mark.parametrize("written", ["soon", "2026-13-01", "0001-01-01T00:00+23:00"])
def test_a_time_that_is_none_is_an_error_and_never_a_crash(written: str) -> None:
    assert head(f"updated: {written}\n").left_out


def test_a_question_with_too_many_forms_is_kept_as_written_and_told() -> None:
    line = "(a|b)" * 7
    parsed = head(f"questions:\n  - fine\n  - {line}\n")
    assert parsed.values.questions == ("fine", line)
    assert (parsed.findings[0].code, parsed.findings[0].line) == ("questions", 4)


@given(st.text(max_size=120), st.booleans())
def test_any_text_is_parsed_or_refused_with_a_content_error(text: str, strict: bool) -> None:
    with suppress(ContentError):
        parse(text, "a.md", strict=strict)


@pytest.mark.parametrize(
    ("yaml_text", "code", "place"),
    [
        ("title: A\ntags:\n  a: b\n", "front-matter", (4, 3)),
        ("title: A\naudience:  全員\n", "unknown-audience", (3, 12)),
        ("title: A\nreview_by: soon\n", "front-matter", (3, 12)),
        ("title: A\ndraft: perhaps\n", "front-matter", (3, 8)),
        ("title: 題\n'題名': B\n", "unknown-key", (3, 1)),
        ("call_card: {say: a, 言う: b}\n", "front-matter", (2, 21)),
        ("questions: ['', '日本', '" + "(a|b)" * 7 + "']\n", "questions", (2, 23)),
    ],
)
def test_what_is_wrong_is_told_with_the_column_in_characters(
    yaml_text: str, code: str, place: tuple[int, int]
) -> None:
    (finding,) = head(yaml_text).findings
    assert (finding.code, (finding.line, finding.column)) == (code, place)
    assert str(finding).startswith(f"a.md:{place[0]}:{place[1]}: ")


@pytest.mark.parametrize(
    ("yaml_text", "place"),
    [
        ("題: [a\ntags: b", (3, 5)),
        ("題: &x a", (2, 4)),
        ("題名: 返金\n題: a\x01b", (3, 5)),
        ("題: a\n題: b", (3, 1)),
    ],
)
def test_yaml_that_is_not_taken_is_refused_with_its_column(yaml_text: str, place: tuple[int, int]) -> None:
    with pytest.raises(ContentError) as caught:
        head(yaml_text)
    assert (caught.value.line, caught.value.column) == place
    assert str(caught.value).startswith(f"a.md:{place[0]}:{place[1]}: ")
