"""What only agents may read leaves no trace in what readers are served; agents get one ranking of both."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from conftest import AGENTS_ONLY, AGENTS_WORDS, MINIATURE, Indexed, index, write

from kb.index.blob import SMALL_FILES, Mapped
from kb.index.generation import live_folder
from kb.index.layout import index_root, locale_folder
from kb.index.snapshot import Snapshot
from kb.model import Audience
from kb.related import related
from kb.search import Query, search
from kb.spelling import candidates
from kb.suggest import suggest

LOCALES = ("ja", "en")
AGENTS_ARTICLES = {"agents/kakapo-refund", "orders/hidden"}


@pytest.fixture(scope="module")
def without_agents(tmp_path_factory: pytest.TempPathFactory) -> Indexed:
    """The miniature as if nobody had written anything for agents."""
    folder = tmp_path_factory.mktemp("without")
    files = {name: text for name, text in MINIATURE.items() if name not in AGENTS_ONLY}
    return index(write(folder / "articles", files), folder / "var")


@pytest.fixture(scope="module")
def all_public(tmp_path_factory: pytest.TempPathFactory) -> Indexed:
    """The miniature as if everything were for everybody."""
    folder = tmp_path_factory.mktemp("all")
    files = {
        name: text.replace("agents_only: [agents]\n", "").replace("audience: agent\n", "")
        for name, text in MINIATURE.items()
    }
    return index(write(folder / "articles", files), folder / "var")


def bytes_below(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def snapshot_files(indexed: Indexed, audience: Audience, locale: str) -> dict[str, str]:
    """Checksums by name, of each of the small ones, too."""
    folder = locale_folder(indexed.var, live_folder(indexed.var), audience, locale) / "snapshot"
    files, small = bytes_below(folder), Mapped(folder)
    files |= {name: bytes(small[name]) for name in small.small}
    del files[SMALL_FILES]
    return {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}


# On disk


def test_no_file_of_the_public_index_holds_a_word_of_agents_only_articles(miniature: Indexed) -> None:
    public = bytes_below(index_root(miniature.var) / "public")
    agents = b"".join(bytes_below(index_root(miniature.var) / "agent").values()).lower()
    everything = b"".join(public.values()).lower()
    # the search can find what is there: words of public articles, and these words among the agents' files
    assert "返金".encode() in everything
    assert b"where is my refund" in everything
    assert all(word.encode() in agents for word in ("ヤンバルクイナ", "ざるつぶるく", "quokka", "zymurgi"))
    found = {
        (word, name)
        for name, data in public.items()
        for word in AGENTS_WORDS
        if word.encode() in data.lower()
        or word.encode("utf-16-le") in data
        or word.encode("unicode-escape") in data
    }
    assert found == set()


@pytest.mark.parametrize("word", ["オオミズナギドリ", "おおみずなぎどり", "great auk"])
def test_drafts_and_archived_articles_are_in_no_file_at_all(miniature: Indexed, word: str) -> None:
    assert not any(word.encode() in data for data in bytes_below(index_root(miniature.var)).values())


@pytest.mark.parametrize("locale", LOCALES)
def test_the_public_snapshot_is_to_the_byte_what_it_would_be_without_agents_only_articles(
    miniature: Indexed, without_agents: Indexed, locale: str
) -> None:
    """So statistics, suggestions, spellings, facets and n-grams cannot tell of them either."""
    ours = snapshot_files(miniature, Audience.PUBLIC, locale)
    assert len(ours) > 30
    assert ours == snapshot_files(without_agents, Audience.PUBLIC, locale)
    assert ours != snapshot_files(miniature, Audience.AGENT, locale)


@pytest.mark.parametrize("locale", LOCALES)
def test_the_agents_snapshot_has_the_statistics_of_both_indexes_together(
    miniature: Indexed, all_public: Indexed, locale: str
) -> None:
    ours = snapshot_files(miniature, Audience.AGENT, locale)
    expected = snapshot_files(all_public, Audience.PUBLIC, locale)
    # the articles themselves say for whom they are; everything that ranks is the same
    differing = {name for name in ours.keys() | expected.keys() if ours.get(name) != expected.get(name)}
    assert differing <= {"texts-0.blob", "texts_ptr.npy", "cards.blob", "cards_ptr.npy"}
    agents, public = miniature.snapshot(locale, Audience.AGENT), miniature.snapshot(locale)
    number = agents.term("返金" if locale == "ja" else "refund")
    assert agents.df[number] > public.df[public.term(agents.term_text(number))]


def test_a_locale_without_agents_only_articles_serves_agents_the_public_snapshot(
    without_agents: Indexed,
) -> None:
    for locale in LOCALES:
        assert snapshot_files(without_agents, Audience.AGENT, locale) == snapshot_files(
            without_agents, Audience.PUBLIC, locale
        )


# What a reader gets


TYPED = [
    *AGENTS_WORDS,
    "kakapotag",
    "カカポタグ",
    "quoka",
    "zymurgi procedure",
    "やんばるくいn",
    "kakapo-product",
]


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("word", TYPED)
def test_a_reader_who_asks_for_it_finds_no_trace(miniature: Indexed, locale: str, word: str) -> None:
    snapshot = miniature.snapshot(locale)
    results = search(snapshot, Query(text=word, limit=50))
    answer = (results.hits, results.facets, suggest(snapshot, word, 20), list(candidates(snapshot, word)))
    assert not [found for found in AGENTS_WORDS if found in repr(answer).lower()]
    assert results.total == 0 or results.corrected
    assert not AGENTS_ARTICLES & {hit.card.id for hit in results.hits}


@pytest.mark.parametrize(
    ("locale", "word"), [("ja", "返金"), ("en", "refund"), ("ja", "返金の記録"), ("en", "log refund")]
)
def test_common_words_count_and_facet_public_articles_only(
    miniature: Indexed, locale: str, word: str
) -> None:
    public = search(miniature.snapshot(locale), Query(text=word, limit=50))
    agents = search(miniature.snapshot(locale, Audience.AGENT), Query(text=word, limit=50))
    assert {hit.card.audience for hit in public.hits} == {Audience.PUBLIC}
    assert "agents" not in dict(public.facets["category"])
    assert agents.total > public.total
    assert dict(agents.facets["category"])["agents"] == 1
    assert "agents/kakapo-refund" in {hit.card.id for hit in agents.hits}


def test_a_pin_of_an_agents_only_article_works_for_agents_only(miniature: Indexed) -> None:
    ids = miniature.generation.pinned("ja", "合図")

    def first(audience: Audience) -> list[str]:
        snapshot = miniature.snapshot("ja", audience)
        return [hit.card.id for hit in search(snapshot, Query(text="合図"), ids).hits]

    assert first(Audience.PUBLIC)[:1] == ["home/network"]
    assert not AGENTS_ARTICLES & set(first(Audience.PUBLIC))


@pytest.mark.parametrize("locale", LOCALES)
def test_no_article_is_related_to_one_that_its_reader_may_not_know(miniature: Indexed, locale: str) -> None:
    snapshot = miniature.snapshot(locale)
    for article in range(snapshot.meta.articles):
        assert {each.card.audience for each in related(snapshot, article, 20)} <= {Audience.PUBLIC}


@pytest.mark.parametrize("locale", LOCALES)
def test_the_public_snapshot_knows_no_agents_only_article_by_number_or_name(
    miniature: Indexed, locale: str
) -> None:
    snapshot: Snapshot = miniature.snapshot(locale)
    assert all(snapshot.find_article(name) == -1 for name in AGENTS_ARTICLES)
    assert {snapshot.card(n).audience for n in range(snapshot.meta.articles)} == {Audience.PUBLIC}
    assert np.diff(snapshot.article_sections).sum() == snapshot.meta.sections


def test_agents_find_what_is_theirs_beside_the_rest(ja_agent: Snapshot) -> None:
    found = [hit.card.id for hit in search(ja_agent, Query(text="返金 ザルツブルク")).hits]
    assert found[0] == "agents/kakapo-refund"
    assert "orders/refund" in found
    assert [each.text for each in suggest(ja_agent, "かかぽ")] == [
        "カカポ手順の上限は",
        "返金の権限とカカポ手順",
    ]
