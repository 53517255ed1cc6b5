from __future__ import annotations

import pytest

from kb.content.site import read_site, read_synonyms
from kb.errors import ContentError
from kb.model import Category, Channel, Pin, Severity, Site

from .conftest import MakeTree

FULL = """\
site_name: {ja: ヘルプ, en: Help}
default_locale: ja
locales: [ja, en]
time_zone: Asia/Tokyo
agents_only: [/internal/]
categories:
  - {id: orders, title: {ja: ご注文, en: Orders}}
contact:
  hours: Every day
  channels:
    - {kind: phone, value: +81-3-0000-0555, note: {en: calls cost}}
incident: null
pinned:
  - {query: 返金, articles: [orders/refund]}
"""


def test_a_tree_without_kb_yml_has_the_defaults(tree: MakeTree) -> None:
    assert read_site(tree({})) == (Site(), ())


def test_every_key_of_kb_yml_is_read(tree: MakeTree) -> None:
    site, findings = read_site(tree({"kb.yml": FULL}))
    assert findings == ()
    assert site == Site(
        site_name={"ja": "ヘルプ", "en": "Help"},
        default_locale="ja",
        locales=("ja", "en"),
        time_zone="Asia/Tokyo",
        agents_only=("internal",),
        categories=(Category(id="orders", title={"ja": "ご注文", "en": "Orders"}),),
        hours={"ja": "Every day", "en": "Every day"},
        channels=(Channel(kind="phone", value="+81-3-0000-0555", note={"en": "calls cost"}),),
        incident={},
        pinned=(Pin(query="返金", locale="ja", articles=("orders/refund",)),),
        configured=True,
    )


@pytest.mark.parametrize(
    ("text", "place", "reason"),
    [
        ("locales: [ja\n", (2, 1), "broken YAML"),
        ("- a\n", (1, 1), "must be a mapping"),
        ("locales: ja\n", (1, 10), "must be a list"),
        ("locales: [日本, Japanese]\n", (1, 11), "must be like ja"),
        ("locales: [ja]\ndefault_locale: en\n", (2, 17), "none of the locales"),
        ("time_zone: Tokio\n", (1, 12), "Asia/Tokyo"),
        ("categories:\n  - title: x\n", (2, 5), "needs a 'id'"),
        ("agents_only: {a: b}\n", (1, 14), "agents_only must be a list"),
        ("default_locale: ja\nagent_only: [a]\n", (2, 1), "did you mean 'agents_only'"),
        ("pinned:\n  - query: x\n", (2, 5), "articles"),
        ("contact: {hours: いつも, tel: 1}\n", (1, 23), "contact has an unknown key 'tel'"),
    ],
)
def test_a_broken_kb_yml_names_the_place_and_serves_nothing(
    tree: MakeTree, text: str, place: tuple[int, int], reason: str
) -> None:
    with pytest.raises(ContentError, match=reason) as caught:
        read_site(tree({"kb.yml": text}))
    assert caught.value.path == "kb.yml"
    assert (caught.value.line, caught.value.column) == place


def test_an_unknown_key_that_decides_nothing_is_a_warning(tree: MakeTree) -> None:
    _, findings = read_site(tree({"kb.yml": "theme: dark\n"}))
    assert [(each.code, each.line, each.severity) for each in findings] == [
        ("unknown-key", 1, Severity.WARNING)
    ]


def test_synonyms_are_groups_of_two_or_more(tree: MakeTree) -> None:
    groups, findings = read_synonyms(
        tree({"synonyms.yml": "- [返金, 払い戻し, refund]\n- [alone]\n- [no, yes]\n"})
    )
    assert groups == (("返金", "払い戻し", "refund"), ("no", "yes"))
    assert [(each.line, each.severity) for each in findings] == [(2, Severity.WARNING)]


@pytest.mark.parametrize("text", ["- [a, b\n", "a: b\n", "- {a: b}\n", b"\xff"])
def test_a_broken_synonyms_file_is_an_error_with_its_line_and_gives_none(
    tree: MakeTree, text: str | bytes
) -> None:
    groups, findings = read_synonyms(tree({"synonyms.yml": text}))
    assert groups == ()
    assert findings[0].severity is Severity.ERROR
    assert findings[0].line >= 1
