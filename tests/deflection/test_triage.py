"""Why a search ended in a ticket: from the logged list, links, git, and today's index."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.content.paths import Layout
from kb.deflection.facts import Relation
from kb.deflection.outcomes import Search
from kb.deflection.triage import Cause, Library, articles_at, cause_of, commit_before, today

from .making import HOUR, START, linked

LAYOUT = Layout(("ja", "en"), "ja")


def failed(listed: tuple[str, ...] = (), shown: int = 10, **more: object) -> Search:
    given = {"generation": "g", "locale": "ja", "at": START, **more}
    return Search(id="f1", query="返金", strict_hits=len(listed), shown=shown, listed=listed, **given)


def yes(article: str, search: Search) -> bool:
    return True


def no(article: str, search: Search) -> bool:
    return False


def unknown(article: str, search: Search) -> None:
    return None


LIST = tuple(f"a/{n}@c" for n in range(1, 31))


@pytest.mark.parametrize(
    ("search", "opened", "existed", "cause", "place"),
    [
        (failed(LIST), [], no, Cause.MISSING, 0),
        (failed(LIST), [], yes, Cause.NOT_RETRIEVED, 0),
        (failed(LIST), [], unknown, Cause.UNTRIAGED, 0),
        (failed((*LIST, "orders/refund@c")), [], no, Cause.RANKED_LOW, 31),
        (failed((*LIST[:9], "orders/refund@c")), [], no, Cause.SHOWN_NOT_CLICKED, 10),
        (failed((*LIST[:10], "orders/refund@c")), [], no, Cause.RANKED_LOW, 11),
        (failed((*LIST[:10], "orders/refund@c"), shown=20), [], no, Cause.SHOWN_NOT_CLICKED, 11),
        (failed(("orders/refund@c",)), ["orders/refund"], no, Cause.READ_NOT_SOLVED, 1),
        (failed(LIST), ["orders/refund"], no, Cause.READ_NOT_SOLVED, 0),
    ],
)
def test_each_cause_has_its_evidence(search, opened, existed, cause, place):
    verdict = cause_of(search, opened, [linked(HOUR)], existed)
    assert (verdict.cause, verdict.article, verdict.place) == (cause, "orders/refund", place)


def test_an_id_with_an_at_sign_is_found_in_the_list():
    listed = ("mail/a@b@c1",)
    assert cause_of(failed(listed), [], [linked(1, "mail/a@b")], no).cause is Cause.SHOWN_NOT_CLICKED


def test_without_a_link_it_is_untriaged():
    assert cause_of(failed(LIST), [], [], yes).cause is Cause.UNTRIAGED
    assert cause_of(failed(LIST), [], [linked(1, relation=Relation.SENT)], yes).cause is Cause.UNTRIAGED


def test_an_agent_who_says_missing_is_believed_until_an_article_solves_it():
    missing = linked(1, article="", relation=Relation.MISSING)
    assert cause_of(failed(LIST), [], [missing], yes).cause is Cause.MISSING
    assert cause_of(failed(LIST), [], [missing, linked(2)], yes).cause is Cause.NOT_RETRIEVED


def test_an_article_called_wrong_that_was_read_is_what_did_not_solve_it():
    wrong = linked(1, article="a/1", relation=Relation.WRONG)
    assert cause_of(failed(LIST), ["a/1"], [wrong], yes).cause is Cause.READ_NOT_SOLVED
    assert cause_of(failed(LIST), ["a/2"], [wrong], yes).cause is Cause.UNTRIAGED


@given(st.permutations([linked(n, f"a/{n}") for n in range(1, 5)]))
def test_the_order_in_which_links_arrive_does_not_matter(links: list):
    assert cause_of(failed(LIST), [], links, yes).article == "a/4"


# ---------------------------------------------------------------- git


def git(folder: Path, *arguments: str, at: int = 0) -> str:
    date = datetime.fromtimestamp(at / 1000, UTC).isoformat()
    names = {
        f"GIT_{who}_{what}": "kb@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    env = {
        **names,
        "GIT_AUTHOR_DATE": date,
        "GIT_COMMITTER_DATE": date,
        "PATH": "/usr/bin:/bin:/usr/local/bin",
    }
    env |= {"HOME": str(folder)}
    done = subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True, env=env)
    return done.stdout.decode().strip()


@pytest.fixture
def history(tmp_path: Path) -> tuple[Path, str, str]:
    """`orders/refund` at first, `orders/exchange` an hour later: (folder, first, second commit)."""
    root = tmp_path / "repository"
    articles = root / "articles"
    (articles / "ja" / "orders").mkdir(parents=True)
    git(tmp_path, "init", "-q", "-b", "main", str(root))
    (articles / "kb.yml").write_text("locales: [ja, en]\n")
    (articles / "ja" / "orders" / "refund.md").write_text("# 返金\n")
    (articles / "ja" / "orders" / "README.md").write_text("# ご注文\n")
    git(root, "add", ".")
    git(root, "commit", "-qm", "one", at=START)
    first = git(root, "rev-parse", "HEAD")
    (articles / "ja" / "orders" / "exchange.md").write_text("# 交換\n")
    git(root, "add", ".")
    git(root, "commit", "-qm", "two", at=START + HOUR)
    return root, first, git(root, "rev-parse", "HEAD")


def test_git_tells_which_articles_a_commit_had(history):
    root, first, second = history
    assert articles_at(root / "articles", first, LAYOUT) == {("ja", "orders/refund"), ("ja", "orders")}
    assert ("ja", "orders/exchange") in articles_at(root / "articles", second, LAYOUT)


def test_a_bare_mirror_finds_the_folder_of_the_articles(history, tmp_path: Path):
    root, first, _ = history
    git(tmp_path, "clone", "-q", "--mirror", str(root), str(tmp_path / "mirror"))
    assert ("ja", "orders/refund") in articles_at(tmp_path / "mirror", first, LAYOUT)
    assert commit_before(tmp_path / "mirror", START + HOUR // 2) == first


def test_languages_are_found_where_no_locales_are_configured(history):
    root, first, _ = history
    assert ("ja", "orders/refund") in articles_at(root / "articles", first, Layout((), "en"))


def test_an_article_existed_at_the_commit_that_the_generation_names(history):
    root, first, second = history
    library = Library(repository=root / "articles")
    before, after = failed(generation=f"{first}-abc"), failed(generation=f"{second}-abc")
    assert library.existed("orders/exchange", before) is False
    assert library.existed("orders/exchange", after) is True
    assert library.existed("orders/refund", before) is True


def test_without_a_commit_the_last_one_before_the_search_tells(history):
    root, *_ = history
    library = Library(repository=root / "articles")
    assert library.existed("orders/exchange", failed(at=START + HOUR // 2)) is False
    assert library.existed("orders/exchange", failed(at=START + 2 * HOUR)) is True
    assert library.existed("orders/exchange", failed(at=START - HOUR)) is None


def test_without_git_nobody_can_tell(tmp_path: Path):
    assert Library().existed("orders/refund", failed()) is None
    assert Library(repository=tmp_path).existed("orders/refund", failed()) is None
    assert Library(repository=tmp_path / "nowhere").existed("orders/refund", failed()) is None


# ---------------------------------------------------------------- today's index


def test_todays_index_stands_in_for_git(miniature):
    generation = miniature.generation
    late, early = START + 365 * 24 * HOUR, 1000
    assert Library(generation=generation).existed("orders/refund", failed(at=late)) is True
    assert Library(generation=generation).existed("orders/refund", failed(at=early)) is False
    same = failed(at=early, generation=generation.name)
    assert Library(generation=generation).existed("orders/refund", same) is True
    seen = Library(generation=generation, seen=lambda article, locale, at: True)
    assert seen.existed("orders/refund", failed(at=early)) is True
    assert Library(generation=generation).existed("no/such", failed(at=late)) is None


def test_an_article_for_agents_only_is_missing_for_customers(miniature):
    late = failed(at=START + 365 * 24 * HOUR)
    assert Library(generation=miniature.generation).existed("agents/kakapo-refund", late) is False


def test_would_today_answer_it(miniature):
    found = today(miniature.generation, "ja", "返金", "orders/refund")
    assert (found.best, found.answers) == ("orders/refund", True)
    assert today(miniature.generation, "ja", "返金", "agents/kakapo-refund").place == 0
    assert not today(miniature.generation, "ja", "ヴォイニッチ手稿").best
    assert not today(miniature.generation, "xx", "返金").best
    assert not today(miniature.generation, "ja", "").best
