"""Texts and what is to become of them stand in scrub_cases.tsv; benchmarks/scrub.py prints the figures."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.deflection.scrub import (
    _FOLD,
    _LONE_NUMBER,
    _MAY_HOLD,
    _SUSPECT,
    ORDER_SHAPES,
    _folded,
    _matches,
    _shapes,
    find,
    scrub,
)
from kb.deflection.scrub_rules import RULES
from kb.settings import Settings

CASES = [
    (number, *line.split("\t"))
    for number, line in enumerate(
        (Path(__file__).parent / "scrub_cases.tsv").read_text("utf-8").splitlines(), 1
    )
    if line and not line.startswith("# ")
]


def test_the_list_is_long_enough_and_half_of_it_hides_nothing():
    assert len(CASES) >= 300
    assert sum(text == expected for _, text, expected, *_ in CASES) >= 120


def test_each_text_becomes_what_the_list_says():
    wrong = []
    for number, text, expected, *more in CASES:
        options = " ".join(more)
        got = scrub(text, names="names" in options)
        if (got == expected) is ("known" in options):
            wrong.append(f"line {number}: {text!r} became {got!r}")
    assert not wrong


PIECES = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        [
            "090-1234-5678",
            "taro@example.com",
            "4111111111111111",
            "注文番号",
            "K-12345678",
            "〒160-0023",
            "普通",
            "東京都新宿区西新宿2-8-1",
            "パスワード",
            "192.168.0.1",
            "::",
            "@",
            "-",
            "+",
            "(",
            ")",
            "会員番号",
            "1234567",
            "<order>",
            "<",
            ">",
            "さん",
            "様",
            "Mr.",
            "市",
            "丁目",
            "\ue000",
            "\ud800",
            "０９０",
            "ー",
            "Bearer",
            "eyJ",
            "token=",
            "----",
        ]
    ),
)


WIDE = {narrow: wide for wide, narrow in ((0xFF01 + n, 0x21 + n) for n in range(94))} | {0x20: 0x3000}
SUSPECTS = st.from_regex(_SUSPECT) | st.text(
    st.sampled_from([*map(chr, _FOLD), *"〇零一二三四五六七八九十番のーat"])
)


@given(SUSPECTS.flatmap(lambda text: st.sampled_from([text, text.translate(WIDE), text.upper()])))
@settings(max_examples=500, deadline=None)
def test_what_is_passed_over_at_once_holds_nothing(text):
    assert _MAY_HOLD.search(text) or not _SUSPECT.search(_folded(text))


AROUND = st.lists(
    st.sampled_from([
        "東京都新宿区西新宿", "横浜市", "町", "番地", "番", "号", "号室", "階", "の", "条", "丁目", "一", "〇", "二の三の", "〒",
        "電話", "パスワード", "暗証番号", "注文番号", "会員番号", "普通", "記号", "マイナンバー", "免許証番号", "カード番号",
        "セキュリティコード", "は", "が", "、", "ー", "　", " ", "\n", "☆", "アット", "マーク", "ドット", "円", "店", "です", "\ue000",
    ]) | st.text(max_size=3),
    max_size=6,
).map("".join)  # fmt: skip


@given(AROUND, st.from_regex(r"[0-9０-９]{1,2}", fullmatch=True), AROUND)
@settings(max_examples=1000, deadline=None)
def test_a_short_number_alone_is_nobodys_unless_it_may_be_a_streets(before, number, behind):
    copy = _folded(f"{before}{number}{behind}")
    if _LONE_NUMBER.fullmatch(copy):
        assert not any(list(_matches(rule, copy)) for rule in (*_shapes(("####", "@@@@")), *RULES))


@given(st.lists(PIECES, max_size=12).map(" ".join), st.booleans())
@settings(max_examples=300, deadline=None)
def test_it_never_fails_and_what_is_clean_stays_as_it_is(text, names):
    once = scrub(text, names=names)
    assert scrub(once, names=names) == once


@given(st.lists(PIECES, max_size=12).map("".join))
@settings(max_examples=200, deadline=None)
def test_what_is_left_stands_in_the_text_in_the_same_order(text):
    rest = text
    for part in re.split(r"<(?:[a-z]+)>", scrub(text)):
        assert part in rest
        rest = rest[rest.index(part) + len(part) :]


@given(
    st.from_regex(r"[a-z]{1,8}\.?[a-z0-9]{1,8}@[a-z]{1,10}\.(?:com|co\.jp|org)", fullmatch=True),
    st.text(max_size=5),
)
@settings(max_examples=100, deadline=None)
def test_no_address_of_a_mail_survives_between_japanese(address, text):
    assert address not in scrub(f"メールは{address}です{text}")


LENGTH = 50_000
HOSTILE = [
    "1", "1-", "a", "a@", "a.", "市", "東京都", "1 ", "(", ":", "0:", "注文番号 ", "-----BEGIN PRIVATE KEY-----", "A1",
    "1 a street ", "さん", "Mr ", "普通", "丁目", "1丁目", "?token=", "eyJ", "+1", "パスワード", "10 A A A ",
    "記号1234番号", "注文番号" + " " * LENGTH,
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text.strip())
def test_no_text_takes_more_than_a_time_that_grows_with_its_length(text):
    """A pattern that tried each place from each other, at this length would take minutes."""
    scrub((text * (LENGTH // len(text) + 1))[:LENGTH], names=True)


def test_the_shapes_of_order_numbers_can_be_set():
    assert scrub("AB1234-99 と K-12345678", shapes=("@@####-##",)) == "<order> と K-12345678"
    assert scrub("K-12345678", shapes=()) == "K-12345678"
    assert scrub("a.b? 12", shapes=("a.b? ##",)) == "<order>"
    assert Settings().order_shapes == ORDER_SHAPES


def test_what_was_found_is_told_with_its_place_and_kind():
    found = find("ＴＥＬ　０９０−１２３４−５６７８です")
    assert [(each.start, each.end, each.kind) for each in found] == [(4, 17, "phone")]
