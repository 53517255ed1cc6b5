"""What history tells of old addresses, and how odd repositories are taken."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from falcon.testing import TestClient

from kb.api import create_app
from kb.content.tree import read_tree
from kb.index.live import LiveIndex
from kb.indexer import build
from kb.publish.bygone import bygone
from kb.publish.orders import Order
from kb.publish.publish import publish
from kb.publish.source import source_of
from kb.web.parts import Parts

from .conftest import KB, Repository, found, live

LONG = "Words that stay so that git sees that it is the same file.\n" * 8


@pytest.fixture
def client(var):
    return lambda: TestClient(create_app(Parts(live=LiveIndex(var))))


def codes(status) -> list[str]:
    return [each.code for each in status.findings]


def test_a_renamed_and_edited_article_answers_301_in_one_hop(repository, publishing, client):
    repository.commit({"en/a.md": f"# First\n\n{LONG}"})
    publishing()
    repository.move("en/a.md", "en/b.md", f"# Second\n\n{LONG}")
    repository.move("en/b.md", "en/deep/c d.md", f"# Third\n\n{LONG}")
    publishing()
    for old in ("a", "b"):
        page = client().simulate_get(f"/en/articles/{old}", query_string="x=1")
        assert (page.status_code, page.headers["location"]) == (301, "/en/articles/deep/c%20d?x=1")
    answer = client().simulate_get("/api/v1/articles/en/a/related")
    assert (answer.status_code, answer.headers["location"]) == (301, "/api/v1/articles/en/deep/c%20d/related")
    twin = client().simulate_get("/en/articles/a.md")
    assert twin.headers["location"] == "/en/articles/deep/c%20d.md"
    assert client().simulate_get("/en/articles/deep/c d").status_code == 200


@pytest.fixture
def served(repository, var):
    """The folder as it is, indexed and served, without a publish."""

    def serve() -> TestClient:
        build(read_tree(repository.folder), var, processes=1)
        return TestClient(create_app(Parts(live=LiveIndex(var), var=var, articles=repository.folder)))

    return serve


def test_a_checkout_served_as_it_is_knows_its_old_addresses_too(repository, served):
    repository.commit({"en/a.md": f"# First\n\n{LONG}", "en/agents/a.md": f"# Secret\n\n{LONG}x"})
    repository.commit({"en/old.md": "# Old refund rules\n\nRefunds took ten days.\n"})
    repository.move("en/a.md", "en/b.md")
    repository.commit({"en/old.md": None, "en/agents/a.md": None})
    client = served()
    page = client.simulate_get("/en/articles/a")
    assert (page.status_code, page.headers["location"]) == (301, "/en/articles/b")
    gone = client.simulate_get("/en/articles/old")
    assert gone.status_code == 410
    assert "returns/refund" in gone.text
    assert client.simulate_get("/en/articles/agents/a").status_code == 404
    assert client.simulate_get("/en/articles/never").status_code == 404
    # an edit later the same process follows the new index
    repository.move("en/b.md", "en/c.md")
    later = served()
    for old in ("a", "b"):
        assert later.simulate_get(f"/en/articles/{old}").headers["location"] == "/en/articles/c"


def test_a_folder_without_a_history_has_no_old_addresses(repository, served):
    shutil.rmtree(repository.folder / ".git")
    assert served().simulate_get("/en/articles/a").status_code == 404


def test_nobody_waits_for_the_history_before_it_is_asked_for(repository, var, served):
    client = served()
    assert client.simulate_get("/en/articles/returns/refund").status_code == 200
    assert not (var / "history").exists()
    assert bygone(repository.folder, var)._asked is None


def test_going_round_makes_no_loop(repository, var, publishing, client):
    repository.commit({"en/a.md": f"# A\n\n{LONG}"})
    repository.move("en/a.md", "en/b.md")
    repository.move("en/b.md", "en/a.md")
    publishing()
    assert live(var).moved == {"en/b": "en/a"}
    assert client().simulate_get("/en/articles/a").status_code == 200


def test_two_articles_that_change_places_are_told_apart(repository, var, publishing):
    repository.commit({"en/x.md": f"# X\n\n{LONG}", "en/y.md": "# Y\n\n" + LONG.replace("git", "dog")})
    repository.move("en/x.md", "en/x2.md")
    repository.git("mv", "en/x2.md", "en/tmp")
    repository.git("mv", "en/y.md", "en/x2.md")
    repository.git("mv", "en/tmp", "en/y.md")
    repository.commit()
    status = publishing()
    assert live(var).moved.get("en/x") in ("en/y", "en/x2")
    assert set(live(var).moved) == {"en/x"}
    assert status.state == "live"


def test_redirect_from_leads_here_and_wins_over_deletion(repository, var, publishing, client):
    repository.commit({"en/old.md": "# Old\n\nold\n"})
    publishing()
    old = "[old, /en/articles/older/, https://x.example/en/articles/oldest.html]"
    repository.commit({"en/old.md": None, "en/new.md": f"---\nredirect_from: {old}\n---\n# New\n"})
    publishing()
    assert live(var).moved == {"en/old": "en/new", "en/older": "en/new", "en/oldest": "en/new"}
    assert client().simulate_get("/en/articles/old").headers["location"] == "/en/articles/new"


def test_a_deleted_page_answers_410_with_the_nearest_articles(repository, publishing, client):
    repository.commit({"en/refund-time.md": "# How long a refund takes\n\nfive days\n"})
    publishing()
    repository.commit({"en/refund-time.md": None})
    publishing()
    gone = client().simulate_get("/api/v1/articles/en/refund-time")
    assert gone.status_code == 410
    assert gone.json["articles"][0] == {
        "id": "returns/refund", "title": "When you get your refund", "url": "/en/articles/returns/refund"
    }  # fmt: skip
    page = client().simulate_get("/en/articles/refund-time", headers={"Accept": "text/html"})
    assert page.status_code == 410
    assert 'href="/en/articles/returns/refund"' in page.text
    assert "One of these may help instead." in page.text


@pytest.mark.parametrize(
    ("locale", "title", "near"),
    [
        ("en", "Exchanging ordered things", ["orders/cancel", "orders/track"]),
        ("en", "Zebra quagga okapi", ["orders/cancel", "orders/track"]),
        ("ja", "返金ではなく交換", ["returns/refund", "orders/hold"]),
        ("ja", "縞馬", ["orders/hold"]),
    ],
)
def test_a_deleted_page_that_no_article_is_like_has_neighbours(
    repository, publishing, client, locale, title, near
):
    repository.commit({
        f"{locale}/orders/deleted.md": f"# {title}\n\nx\n", "en/orders/track.md": "# Track a parcel\n\ny\n",
        "ja/orders/hold.md": "# お取り置き\n\nできます。\n",
    })  # fmt: skip
    publishing()
    repository.commit({f"{locale}/orders/deleted.md": None})
    publishing()
    gone = client().simulate_get(f"/api/v1/articles/{locale}/orders/deleted")
    assert [each["id"] for each in gone.json["articles"]] == near
    page = client().simulate_get(f"/{locale}/articles/orders/deleted").text
    assert all(f'href="/{locale}/articles/{each}"' in page for each in near)


def test_what_the_public_never_saw_looks_as_if_it_had_never_been(repository, var, publishing, client):
    repository.commit({
        "en/agents/limit.md": f"# Limit\n\n{LONG}",
        "en/secret.md": "---\naudience: agent\n---\n# Secret\n",
        "en/draft.md": "---\nstatus: draft\n---\n# Draft\n",
        "en/inside.md": f"# Inside\n\n{LONG.replace('git', 'cat')}",
    })  # fmt: skip
    publishing()
    repository.commit({"en/agents/limit.md": None, "en/secret.md": None, "en/draft.md": None})
    repository.move("en/inside.md", "en/agents/inside.md")
    publishing()
    assert live(var).gone == {}
    for old in ("agents/limit", "secret", "draft", "inside"):
        assert client().simulate_get(f"/en/articles/{old}").status_code == 404


def test_an_id_that_gets_another_article_is_told(repository, publishing):
    repository.commit({"en/a.md": f"# A\n\n{LONG}"})
    repository.move("en/a.md", "en/b.md")
    assert "reused-id" not in codes(publishing())
    repository.commit({"en/a.md": "# Something else\n\nentirely\n"})
    status = publishing()
    assert [(each.path, each.code) for each in status.findings if each.code == "reused-id"] == [
        ("en/a.md", "reused-id")
    ]


def test_a_deleted_article_that_comes_back_as_it_was_is_no_other(repository, var, publishing):
    repository.commit({"en/a.md": f"# A\n\n{LONG}"})
    repository.commit({"en/a.md": None})
    repository.commit({"en/a.md": f"# A\n\n{LONG}"})
    status = publishing()
    assert "reused-id" not in codes(status)
    assert live(var).gone == {}


def test_history_told_step_by_step_is_that_of_a_new_mirror(repository, tmp_path, var, publishing):
    for number in range(2):
        repository.commit({f"en/s/{number}.md": f"# S{number}\n\n{LONG}{number}\n"})
        publishing()
        repository.move(f"en/s/{number}.md", f"en/t/{number}.md")
        publishing()
    repository.commit({"en/t/0.md": None})
    publishing()
    fresh = tmp_path / "fresh"
    publish(Order(source=source_of(str(repository.folder)), processes=1), fresh)
    assert (live(fresh).moved, live(fresh).gone) == (live(var).moved, live(var).gone)
    assert live(fresh).name == live(var).name
    assert live(var).gone == {"en/s/0": "S0", "en/t/0": "S0"}


# Odd repositories


def test_a_rename_by_case_only_moves_the_address(repository, var, publishing):
    repository.commit({"en/Guide.md": f"# Guide\n\n{LONG}"})
    publishing()
    repository.git("mv", "en/Guide.md", "en/guide.md")
    repository.commit()
    assert publishing().state == "live"
    assert live(var).moved == {"en/Guide": "en/guide"}
    assert found(var, "guide") == ["guide"]


def test_a_file_turned_folder_keeps_its_id(repository, var, publishing):
    repository.commit({"en/guide.md": f"# Guide\n\n{LONG}"})
    publishing()
    repository.git("mv", "en/guide.md", "en/tmp.md")
    (repository.folder / "en/guide").mkdir()
    repository.git("mv", "en/tmp.md", "en/guide/README.md")
    repository.commit({"en/guide/more.md": "# More\n\nmore\n"})
    assert publishing().state == "live"
    assert live(var).moved == {}
    assert found(var, "guide")[0] == "guide"


def test_a_merge_brings_what_the_branch_had(repository, var, publishing):
    publishing()
    repository.git("checkout", "-q", "-b", "side")
    repository.commit({"en/side.md": f"# Side\n\n{LONG}"})
    repository.move("en/side.md", "en/moved-side.md")
    repository.git("checkout", "-q", "main")
    repository.commit({"en/main.md": "# Main\n\nmain\n"})
    repository.git("merge", "-q", "--no-ff", "side", "-m", "merge")
    assert publishing().state == "live"
    # what was on the branch only, nobody ever read
    assert live(var).moved == {}
    assert found(var, "side") == ["moved-side"]


def test_a_force_push_publishes_what_the_branch_is_now(repository, var, publishing):
    first = publishing()
    repository.commit({"en/wrong.md": "# Wrong\n\nwrong\n"})
    lost = publishing()
    repository.git("reset", "-q", "--hard", "HEAD~1")
    commit = repository.commit({"en/right.md": "# Right\n\nright\n"})
    status = publishing()
    assert (status.state, status.commit) == ("live", commit)
    assert found(var, "wrong") == []
    assert publishing(ref=lost.commit).generation == lost.generation
    assert publishing(ref=first.commit).generation == first.generation


def test_a_submodule_and_links_out_of_the_tree_are_left_out_and_told(repository, var, tmp_path, publishing):
    other = Repository(tmp_path / "other")
    other.commit({"en/theirs.md": "# Theirs\n\nokapi\n"})
    repository.git("submodule", "add", "-q", str(other.folder), "en/sub")
    secret = tmp_path / "secret.md"
    secret.write_text("# Secret\n\nokapi\n")
    (repository.folder / "en" / "out.md").symlink_to(secret)
    (repository.folder / "en" / "up.md").symlink_to("../../../secret.md")
    (repository.folder / "en" / "in.md").symlink_to("returns/refund.md")
    repository.commit()
    status = publishing()
    assert status.state == "live"
    assert {(each.code, each.path) for each in status.findings if each.path.startswith("en/")} >= {
        ("submodule", "en/sub"), ("link-outside", "en/out.md"), ("link-outside", "en/up.md")
    }  # fmt: skip
    assert found(var, "okapi") == []
    assert "in" in found(var, "refund")


def test_a_git_lfs_pointer_blocks_as_an_article_and_is_left_out_as_an_image(repository, publishing):
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 12\n"
    repository.commit({"en/img/a.png": pointer, "en/pic.md": "# Pic\n\n![a](img/a.png)\n"})
    status = publishing()
    assert status.state == "live"
    assert {"lfs-pointer", "missing-file"} <= set(codes(status))
    repository.commit({"en/big.md": pointer})
    status = publishing()
    assert (status.state, status.findings[0].path) == ("blocked", "en/big.md")
    assert "LFS" in status.error


def test_a_path_that_is_not_utf_8_blocks_and_is_named(repository, publishing):
    blob = repository.git("hash-object", "-w", "--stdin", data=b"# X\n")
    listing = b"100644 blob " + blob.encode() + b"\tcaf\xe9.md\0"
    tree = repository.git("mktree", "-z", data=listing)
    top = repository.git("ls-tree", "-z", "HEAD").encode("utf-8", "surrogateescape")
    whole = repository.git("mktree", "-z", data=top + b"040000 tree " + tree.encode() + b"\tpages\0")
    commit = repository.git("commit-tree", whole, "-p", "HEAD", "-m", "x")
    repository.git("update-ref", "refs/heads/main", commit)
    status = publishing()
    assert status.state == "blocked"
    assert "not UTF-8" in status.error


def test_a_tree_made_by_hand_cannot_write_elsewhere(repository, tmp_path, publishing):
    blob = repository.git("hash-object", "-w", "--stdin", data=b"# Out\n")
    inner = repository.git("mktree", data=f"100644 blob {blob}\tevil.md\n".encode())
    done = subprocess.run(
        ["git", "hash-object", "-t", "tree", "-w", "--stdin", "--literally"], cwd=repository.folder,
        input=b"40000 ..\0" + bytes.fromhex(inner), capture_output=True, check=True,
    )  # fmt: skip
    commit = repository.git("commit-tree", done.stdout.decode().strip(), "-p", "HEAD", "-m", "x")
    repository.git("update-ref", "refs/heads/main", commit)
    status = publishing()
    assert status.articles == 0
    assert not list(tmp_path.rglob("evil.md"))


def test_a_shallow_clone_can_be_published(repository, tmp_path, var, publishing):
    for number in range(5):
        repository.commit({f"en/{number}.md": f"# N{number}\n\nn{number}\n"})
    shallow = tmp_path / "shallow"
    subprocess.run(
        ["git", "clone", "-q", "--depth", "2", f"file://{repository.folder}", str(shallow)], check=True
    )
    status = publishing(str(shallow))
    assert (status.state, status.articles) == ("live", 8)
    assert "cut-off-history" in [finding.code for finding in status.findings]
    older = publishing(str(shallow), ref=repository.git("rev-parse", "main~4"))
    assert older.state == "failed"
    assert "its history is cut off" in older.error


def test_many_files_in_one_commit_and_then_one(repository, var, publishing):
    repository.commit({f"en/many/{n}.md": f"# Topic {n}\n\nText {n}.\n" for n in range(1000)})
    assert publishing().articles == 1003
    repository.commit({"en/many/7.md": "# Topic 7\n\nokapi\n"})
    status = publishing()
    assert status.changed == 1
    assert found(var, "okapi") == ["many/7"]


def test_an_empty_commit_is_published_and_changes_no_article(repository, var, publishing):
    publishing()
    commit = repository.commit()
    status = publishing()
    assert (status.state, status.commit, status.changed) == ("live", commit, 0)
    assert found(var, "refund") == ["returns/refund"]


def test_dates_are_those_of_the_last_commit(repository, var, publishing):
    repository.commit({"en/a.md": "# A\n\na\n"})
    publishing()
    dates = {each.id: each.updated.isoformat() for each in live(var).articles()}
    assert dates["a"] == "2026-01-01T00:02:00+00:00"
    assert dates["orders/cancel"] == "2026-01-01T00:01:00+00:00"


def test_the_first_folder_rules_decide_the_key(repository, var, publishing):
    repository.commit({"kb.yml": KB.replace("[en, ja]", "[en]")})
    publishing()
    assert live(var).site.locales == ("en",)
