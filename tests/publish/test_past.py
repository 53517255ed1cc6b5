"""Who changed an article, when and why, as the writers' page tells it."""

from __future__ import annotations

from kb.publish.git import Mirror
from kb.publish.past import edits

PATH = "ja/returns/refund.md"


def test_the_commits_to_a_file_are_told_the_latest_first_and_renames_are_followed(repository) -> None:
    repository.commit({PATH: "# 返金について\n\n返金は三日以内に済みます。\n"}, "三日になった: 返金")
    repository.commit({"en/orders/cancel.md": "# other\n"}, "another file")
    repository.move(PATH, "ja/returns/money.md")
    told = edits(repository.folder, "ja/returns/money.md")
    assert [edit.subject for edit in told] == ["x", "三日になった: 返金", "x"]
    assert told[0].author == "A"
    assert told[0].at > told[1].at > told[2].at


def test_a_mirror_tells_of_the_commit_that_is_live(repository, tmp_path) -> None:
    live = repository.git("rev-parse", "HEAD")
    repository.commit({PATH: "# later\n"}, "later")
    mirror = Mirror(tmp_path / "mirror")
    mirror.fetch(str(repository.folder), head=True, seconds=20)
    assert [edit.subject for edit in edits(mirror.folder, PATH, live)] == ["x"]
    assert len(edits(repository.folder, PATH)) == 2


def test_articles_in_a_folder_of_the_repository_are_found(repository) -> None:
    (repository.folder / "articles").mkdir()
    for name in ("kb.yml", "ja", "en"):
        repository.git("mv", name, f"articles/{name}")
    repository.commit(message="moved")
    for folder in (repository.folder, repository.folder / "articles"):
        assert [edit.subject for edit in edits(folder, PATH)] == ["moved", "x"]


def test_where_git_knows_nothing_nothing_is_told(repository, tmp_path) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    assert edits(plain, PATH) == []
    assert edits(repository.folder, "ja/no/such.md") == []
