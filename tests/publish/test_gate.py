from __future__ import annotations

import msgspec
import pytest

from kb.publish import status as statuses

from .conftest import KB, found, live

PIN = "pinned:\n  - {query: refund, locale: en, articles: [orders/cancel, a, b, c]}\n"


def golden(title: str, words: str, query: str = "refund") -> str:
    return f"---\ntitle: {title}\ngolden: [{query}]\n---\n{words}\n"


def others(words: str) -> dict[str, str]:
    names = ("one", "two", "three")
    return {f"en/more/{name}.md": f"# {words} {name}\n\n{words} {words}\n" for name in names}


def test_a_golden_loss_blocks_and_names_the_winner_and_why(repository, var, publishing):
    repository.commit({"en/returns/refund.md": golden("When you get your refund", "The refund comes.")})
    before = publishing()
    assert (before.golden.queries, before.golden.held) == (1, 1)
    repository.commit({"en/returns/refund.md": golden("Money", "It comes."), **others("refund")})
    status = publishing()
    assert (status.state, status.step) == ("blocked", "gate")
    (loss,) = status.findings
    assert (loss.code, loss.path, loss.line) == ("golden-loss", "en/returns/refund.md", 3)
    assert "'refund': returns/refund was at 1 and is not found" in loss.message
    assert "more/one (en/more/one.md) now outranks it" in loss.message
    assert "refund in title" in loss.message
    assert "lacks refund" in loss.message
    assert live(var).name == before.generation


def test_a_loss_is_accepted_with_a_reason_that_stays_on_record(repository, var, publishing):
    repository.commit({"en/returns/refund.md": golden("When you get your refund", "The refund comes.")})
    publishing()
    repository.commit({"en/returns/refund.md": golden("Money", "It comes."), **others("refund")})
    assert publishing().state == "blocked"
    status = publishing(accept_loss="the article is rewritten next week")
    assert (status.state, status.golden.accepted) == ("live", "the article is rewritten next week")
    assert found(var, "refund")[0] == "more/one"
    repository.commit({"en/x.md": "# X\n\nx\n"})
    # what is lost already cannot be lost again
    assert publishing().state == "live"
    kept = [each for each in statuses.published(var) if each.golden.accepted]
    assert [each.golden.accepted for each in kept] == ["the article is rewritten next week"]


def test_golden_queries_follow_a_renamed_article(repository, publishing):
    repository.commit({"en/returns/refund.md": golden("When you get your refund", "The refund comes.")})
    publishing()
    repository.move("en/returns/refund.md", "en/money/back.md")
    moved = publishing()
    assert (moved.state, moved.golden.held_before, moved.golden.held) == ("live", 1, 1)


def test_a_renamed_article_that_falls_is_a_loss(repository, publishing):
    body = "Words that stay the same so that git sees a rename.\n" * 5
    text = golden("When you get your refund", f"The refund comes.\n\n{body}")
    repository.commit({"en/returns/refund.md": text})
    publishing()
    repository.git("mv", "en/returns/refund.md", "en/money.md")
    repository.commit({"en/money.md": golden("When you get it", f"It comes.\n\n{body}"), **others("refund")})
    status = publishing()
    assert status.state == "blocked"
    assert [(each.path, each.code) for each in status.findings] == [("en/money.md", "golden-loss")]


def test_a_pin_that_takes_the_place_is_named(repository, publishing):
    repository.commit({
        "en/returns/refund.md": golden("When you get your refund", "The refund comes."),
        **{f"en/{name}.md": f"# {name}\n\n{name}\n" for name in "abc"},
    })  # fmt: skip
    publishing()
    repository.commit({"kb.yml": KB + PIN})
    status = publishing()
    assert status.state == "blocked"
    assert "kb.yml pins orders/cancel" in status.findings[0].message


def test_a_promise_taken_back_and_one_that_never_held_do_not_block(repository, publishing):
    repository.commit({
        "en/returns/refund.md": golden("When you get your refund", "The refund comes."),
        "en/orders/cancel.md": golden("Cancel an order", "Cancel it.", "a query that finds others"),
    })  # fmt: skip
    publishing()
    repository.commit({"en/returns/refund.md": "# Money\n\nIt comes.\n", **others("refund")})
    assert publishing().state == "live"
    repository.commit({"en/orders/cancel.md": None})
    assert publishing().state == "live"


def test_the_golden_query_of_agents_is_asked_as_an_agent(repository, publishing):
    query, path = "refund limit", "en/agents/limit.md"
    repository.commit({path: golden("Refund limits", "The refund limit is five.", query)})
    publishing()
    repository.commit({path: golden("Limits", "Five.", query), **others(query)})
    status = publishing()
    assert [each.path for each in status.findings] == [path]


def test_going_back_tells_of_losses_and_is_not_held_up(repository, publishing):
    old = publishing()
    repository.commit({"en/returns/refund.md": golden("Refund refund", "The refund comes.")})
    publishing()
    back = publishing(ref=old.commit)
    assert (back.state, back.generation) == ("live", old.generation)


def test_status_can_be_read_by_programs(publishing):
    status = publishing()
    assert msgspec.json.decode(msgspec.json.encode(status), type=statuses.Status) == status


@pytest.mark.parametrize("kept", ["forgotten", "damaged", "as it was left"])
def test_a_loss_is_found_by_the_ranks_kept_from_the_last_publish_and_without_them(
    repository, var, publishing, kept: str
):
    repository.commit({"en/parrot.md": "---\ngolden: [parrot]\n---\n# Parrot\n\nThe parrot talks.\n"})
    publishing()
    ranks = var / "publish" / "golden.msgpack"
    if kept == "forgotten":
        ranks.unlink()
    elif kept == "damaged":
        ranks.write_bytes(b"\x93nothing")
    others = {f"en/p/{n}.md": f"# Parrot {n}\n\nparrot parrot\n" for n in range(4)}
    repository.commit(
        {
            **others,
            "en/parrot.md": "---\ngolden: [parrot]\n---\n# Bird\n\nA bird, a parrot, that talks to all the others.\n",
        }
    )
    status = publishing()
    assert (status.state, [each.code for each in status.findings]) == ("blocked", ["golden-loss"])
    assert status.golden.held_before == 1


def remember(var, rank: int) -> None:
    """As if the last gate had found this rank for every golden query."""
    file = var / "publish" / "golden.msgpack"
    kept = msgspec.msgpack.decode(file.read_bytes())
    kept["ranks"] = dict.fromkeys(kept["ranks"], rank)
    file.write_bytes(msgspec.msgpack.encode(kept))


@pytest.mark.parametrize(
    ("change", "asked"),
    [
        ({"ja/returns/refund.md": "# 返金\n\n五日です。\n"}, False),
        ({"en/orders/cancel.md": "# Cancel\n\nUntil it is sent.\n"}, True),
        ({"en/agents/x.md": "# X\n\nOnly for agents.\n"}, False),
        ({"synonyms.yml": "- [refund, money back]\n"}, True),
        ({"kb.yml": KB + "pinned:\n  - {query: cancel, locale: en, articles: [orders/cancel]}\n"}, True),
    ],
    ids=["another locale", "this locale", "agents only", "synonyms", "pins"],
)
def test_only_indexes_that_changed_are_asked_again(repository, var, publishing, change, asked: bool):
    repository.commit({"en/returns/refund.md": golden("When you get your refund", "The refund comes.")})
    publishing()
    remember(var, 7)
    repository.commit(change)
    status = publishing()
    # what is asked holds; what is not is taken to be where it was
    assert (status.state, status.golden.held) == ("live", int(asked))
