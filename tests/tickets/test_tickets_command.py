"""`kb tickets`, and what `kb forget` and `kb prune` leave of one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from kb.cli import cli
from kb.content.tree import read_tree
from kb.deflection.store import EventStore, database_url
from kb.desk.authors import Author
from kb.desk.drafts import Draft
from kb.desk.tables import OUTBOX
from kb.indexer import build
from kb.tickets import file_ticket

from .desks import HttpDesk

DRAFT = Draft(subject="返金がまだ", body="本文の言葉", email="hana@example.jp", locale="ja")


@pytest.fixture
def kb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("KB_DATABASE_URL", "KB_DESK"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: str, **settings: str):
        return CliRunner().invoke(cli, [*arguments, "--var", str(tmp_path)], env=settings)

    return run


@pytest.fixture
def ticket(tmp_path: Path) -> str:
    with EventStore(database_url(tmp_path)) as store:
        store.migrate()
        return file_ticket(store, DRAFT, Author(session="session-one"), sent=False)


def change(tmp_path: Path, **values: object) -> None:
    with EventStore(database_url(tmp_path)) as store, store.writing() as connection:
        connection.execute(sa.update(OUTBOX).values(values))


def test_tickets_are_listed_with_their_subject_and_where_they_stand(kb, ticket: str) -> None:
    listed = kb("tickets")
    assert (listed.exit_code, ticket in listed.output, "kept" in listed.output) == (0, True, True)
    assert "本文の言葉" not in listed.output
    assert json.loads(kb("tickets", "--json").output)["body"] == "本文の言葉"


@pytest.mark.parametrize(
    ("spoken", "word"),
    [({"LANG": "ja_JP.UTF-8"}, "保管中"), ({"LC_ALL": "en_GB.UTF-8", "LANG": "ja_JP.UTF-8"}, "kept"),
     ({"LANG": "C.UTF-8"}, "kept")],
)  # fmt: skip
def test_they_are_listed_in_the_language_of_the_terminal(kb, ticket: str, spoken: dict, word: str) -> None:
    silent = {"LC_ALL": "", "LC_MESSAGES": "", "LANG": ""}
    assert f"  {word}  " in kb("tickets", **silent | spoken).output
    assert "  保管中  " in kb("tickets", "--lang", "ja", **silent | spoken).output


def test_a_terminal_that_names_no_language_hears_that_of_the_site(kb, ticket, tmp_path: Path) -> None:
    articles = tmp_path / "articles"
    (articles / "ja").mkdir(parents=True)
    (articles / "ja/refund.md").write_text("# 返金\n", "utf-8")
    (articles / "kb.yml").write_text("default_locale: ja\nlocales: [ja]\n")
    build(read_tree(articles), tmp_path)
    assert "  保管中  " in kb("tickets", LC_ALL="", LC_MESSAGES="", LANG="C.UTF-8").output


def test_dead_ones_are_told_with_the_reason_and_exit_status_1(kb, ticket: str, tmp_path: Path) -> None:
    assert kb("tickets", "--dead").exit_code == 0
    change(tmp_path, status="dead", error="refused with 422")
    dead = kb("tickets", "--dead")
    assert (dead.exit_code, "refused with 422" in dead.output) == (1, True)


def test_kept_tickets_are_handed_over_once_there_is_a_desk(kb, ticket: str, desk: HttpDesk) -> None:
    settings = {"KB_DESK": "webhook", "KB_DESK_URL": desk.url, "KB_DESK_SECRET": "key"}
    assert "1 to be handed over" in kb("tickets", "--retry", "kept").output
    assert "delivered as 1001" in kb("tickets", "--deliver", **settings).output
    assert list(desk.taken) == [ticket]


def test_retrying_what_is_not_there_is_a_clear_error(kb, ticket: str) -> None:
    answer = kb("tickets", "--retry", "NOPE")
    assert "NOPE: there is no ticket" in str(answer.exception)


def test_forgetting_by_the_desks_number_forgets_ours(kb, ticket: str, tmp_path: Path) -> None:
    change(tmp_path, status="delivered", ref="1001")
    assert kb("forget", "--ticket", "1001").exit_code == 0
    files = b"".join(file.read_bytes() for file in tmp_path.glob("kb.sqlite3*"))
    assert "本文の言葉".encode() not in files
    assert b"hana@example.jp" not in files
    assert "no tickets" in kb("tickets").output


def test_pruning_empties_tickets_whose_days_are_over(kb, ticket: str, tmp_path: Path) -> None:
    change(tmp_path, settled_at=1)
    assert "1 tickets emptied" in kb("prune").output
    assert "(erased)" in kb("tickets").output
    assert "本文の言葉".encode() not in b"".join(file.read_bytes() for file in tmp_path.glob("kb.sqlite3*"))


def test_two_wishes_at_once_are_a_usage_error(kb, ticket: str) -> None:
    assert kb("tickets", "--dead", "--wrong").exit_code == 2
