"""Facts → intents → outcomes: examples, then what holds for any facts at all."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.deflection.facts import (
    AnyFact,
    ArticleViewed,
    Entry,
    FeedbackGiven,
    FormOpened,
    HitClicked,
    MarkedSolved,
    Reader,
    SearchRan,
    SuggestionOpened,
    SuggestionsShown,
    TicketFiled,
    TicketSolved,
)
from kb.deflection.joining import intents_of
from kb.deflection.outcomes import WINDOWS, deflection, is_open, outcome, tally

from .making import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    START,
    Facts,
    clicked,
    filed,
    form,
    said,
    searched,
    solved,
    suggested,
    viewed,
)

WINDOW = WINDOWS["24h"]
NOW = START + 100 * DAY


def outcomes(*facts: AnyFact, window: str = "24h") -> list[str]:
    return [outcome(intent, WINDOWS[window]) for intent in intents_of(facts)]


# ---------------------------------------------------------------- the five outcomes


def test_a_word_of_the_reader_as_the_last_act_confirms():
    assert outcomes(searched(0), viewed(SECOND, 2), said(MINUTE, helpful=True)) == ["confirmed"]
    assert outcomes(searched(0), solved(MINUTE)) == ["confirmed"]


def test_a_search_after_the_good_word_takes_it_back_to_potential():
    assert outcomes(searched(0), said(MINUTE, True), searched(2 * MINUTE, "交換")) == ["potential"]


def test_an_unkind_word_after_the_good_one_counts():
    assert outcomes(searched(0), said(MINUTE, True), said(2 * MINUTE, False)) == ["unserved"]


def test_of_a_batch_with_one_time_the_verdict_is_the_last_act():
    assert outcomes(solved(MINUTE), viewed(MINUTE, 3), clicked(MINUTE)) == ["confirmed"]


def test_the_running_total_that_a_closing_page_sends_does_not_undo_a_good_word():
    facts = [viewed(0, 1, view_id="v"), said(MINUTE, True), viewed(2 * MINUTE, 90, view_id="v")]
    assert outcomes(*facts) == ["confirmed"]


def test_the_article_shown_again_after_a_form_without_script_takes_nothing_back():
    assert outcomes(viewed(0, measured=False), said(MINUTE, True), viewed(MINUTE + 1, measured=False)) == [
        "confirmed"
    ]


@pytest.mark.parametrize(
    ("read", "expected"),
    [
        ({"active_ms": 15_000}, "potential"),
        ({"active_ms": 14_999}, "unserved"),
        ({"scroll": 0.5}, "potential"),
        ({"scroll": 0.49}, "unserved"),
        ({"copied": True}, "potential"),
    ],
)
def test_reading_long_far_or_copying_is_potential_and_less_is_unserved(read: dict, expected: str):
    assert outcomes(searched(0), viewed(SECOND, **read)) == [expected]


def test_running_totals_are_not_summed():
    assert outcomes(viewed(0, 8, view_id="v"), viewed(8 * SECOND, 14, view_id="v")) == ["unserved"]


def test_an_article_called_useless_was_not_usefully_read():
    assert outcomes(viewed(0, 60), said(MINUTE, False)) == ["unserved"]


def test_nothing_found_nothing_opened_or_a_form_alone_is_unserved():
    assert outcomes(searched(0, strict_hits=0, listed=(), shown=0)) == ["unserved"]
    assert outcomes(searched(0)) == ["unserved"]
    assert outcomes(form(0)) == ["unserved"]


def test_a_form_that_nobody_asked_for_is_no_need():
    assert outcomes(form(0, explicit=False)) == []


def test_a_reader_without_script_is_unknown_until_a_word_or_a_ticket():
    page = viewed(SECOND, measured=False)
    assert outcomes(searched(0), page) == ["unknown"]
    assert outcomes(searched(0), page, said(MINUTE, True)) == ["confirmed"]
    assert outcomes(searched(0), page, said(MINUTE, False)) == ["unserved"]
    assert outcomes(searched(0), page, filed(MINUTE)) == ["failed"]


def test_a_click_whose_page_never_reported_is_unknown():
    assert outcomes(searched(0), clicked(SECOND)) == ["unknown"]


def test_without_a_session_an_intent_is_unknown_unless_a_ticket_names_its_search():
    alone = searched(0, session="", search_id="x")
    read = viewed(1, 60, session="", search_id="x")
    assert outcomes(alone, read, solved(2, session="", search_id="x")) == ["unknown"]
    assert outcomes(alone, read, filed(MINUTE, session="", search_id="x")) == ["failed"]


def test_agents_staff_and_bots_are_left_out():
    for reader in (Reader.AGENT, Reader.STAFF, Reader.BOT):
        assert outcomes(searched(0, reader=reader), solved(1, reader=reader)) == []
        assert outcomes(searched(0), solved(1), filed(2, reader=reader)) == ["confirmed"]


# ---------------------------------------------------------------- whose act, whose ticket


def test_thirty_minutes_of_silence_end_an_unnamed_intent():
    assert len(outcomes(searched(0), searched(30 * MINUTE - 1))) == 1
    assert len(outcomes(searched(0), searched(30 * MINUTE))) == 2


def test_a_page_that_stays_open_keeps_its_intent_together():
    facts = [viewed(0, 1, view_id="v"), viewed(40 * MINUTE, 2000, view_id="v"), said(50 * MINUTE, True)]
    assert outcomes(*facts) == ["confirmed"]


def test_the_clients_name_holds_an_intent_together_and_apart():
    facts = [searched(0, intent="a"), searched(MINUTE, intent="b"), solved(3 * HOUR, intent="a")]
    assert outcomes(*facts) == ["confirmed", "unserved"]


def test_an_act_without_a_name_belongs_to_the_intent_of_the_search_it_names():
    facts = [searched(0, intent="a", search_id="x"), clicked(1, search_id="x"), viewed(2, 20, search_id="x")]
    assert outcomes(*facts) == ["potential"]


def test_keystrokes_are_one_search():
    typed = [searched(n, text, intent="a") for n, text in enumerate(["k", "か", "かえ", "返金"])]
    (intent,) = intents_of(typed)
    assert [search.query for search in intent.searches] == ["返金"]


def test_a_second_page_is_the_same_search_but_other_words_are_not():
    facts = [searched(0), searched(1, shown=20), searched(2, "交換")]
    (intent,) = intents_of(facts)
    assert [(search.query, search.shown) for search in intent.searches] == [("返金", 20), ("交換", 10)]


def test_a_ticket_fails_the_intent_it_names_not_the_latest():
    facts = [searched(0, intent="a"), searched(MINUTE, intent="b"), filed(2 * MINUTE, intent="a")]
    assert outcomes(*facts) == ["failed", "unserved"]


def test_a_ticket_fails_the_search_it_names_in_another_session():
    facts = [
        searched(0, search_id="x"),
        searched(1, session="s2"),
        filed(MINUTE, session="s2", search_id="x"),
    ]
    assert outcomes(*facts) == ["failed", "unserved"]


def test_a_ticket_without_a_name_fails_the_latest_intent_before_it():
    facts = [searched(0), searched(2 * HOUR), filed(3 * HOUR), searched(5 * HOUR)]
    assert outcomes(*facts) == ["unserved", "failed", "unserved"]


def test_a_ticket_counts_in_the_windows_that_it_falls_into():
    facts = [searched(0), filed(2 * HOUR)]
    assert outcomes(*facts, window="1h") == ["unserved"]
    assert outcomes(*facts, window="24h") == ["failed"]
    assert outcomes(searched(0), filed(DAY), window="24h") == ["failed"]
    assert outcomes(searched(0), filed(DAY + 1), window="24h") == ["unserved"]
    assert outcomes(searched(0), filed(DAY + 1), window="7d") == ["failed"]


def test_a_ticket_that_cannot_be_joined_fails_nobody():
    assert outcomes(searched(0), solved(1), filed(2, joined=False)) == ["confirmed"]


def test_suggestions_for_a_draft_are_a_search_only_where_nothing_was_searched():
    (intent,) = intents_of([suggested(0, query="お金"), suggested(1, query="お金の返し方")])
    assert [(search.query, search.draft) for search in intent.searches] == [("お金の返し方", True)]
    (intent,) = intents_of([searched(0), suggested(1)])
    assert [search.draft for search in intent.searches] == [False]


def test_open_are_those_whose_window_has_not_ended_and_that_no_ticket_failed():
    quiet, failed = intents_of([searched(0), searched(0, session="s2"), filed(1, session="s2")])
    assert is_open(quiet, WINDOW, START + DAY - 1)
    assert not is_open(quiet, WINDOW, START + DAY)
    assert not is_open(failed, WINDOW, START + 2)


def test_deflection_is_an_interval_over_what_was_judged():
    facts: Facts = [solved(0, session="a"), viewed(0, 20, session="b"), searched(0, session="c")]
    facts += [filed(1, session="c"), searched(0, session="d"), viewed(0, measured=False, session="e")]
    counts = tally(intents_of(facts), WINDOW, NOW)
    assert (counts.confirmed, counts.potential, counts.failed, counts.unserved, counts.unknown) == (1,) * 5
    assert deflection(counts).low == pytest.approx(1 / 3)
    assert deflection(counts).high == pytest.approx(2 / 3)


# ---------------------------------------------------------------- what holds for any facts

SESSIONS = st.sampled_from(["", "s1", "s2"])
INTENTS = st.sampled_from(["", "", "i1", "i2"])
SEARCHES = st.sampled_from(["", "q1", "q2", "q3"])
TIMES = st.sampled_from([0, 1, SECOND, MINUTE, 29 * MINUTE, 31 * MINUTE, 2 * HOUR, DAY, 2 * DAY, 8 * DAY])
ARTICLES = st.sampled_from(["a/1", "a/2"])


@st.composite
def facts(draw: st.DrawFn, kinds: tuple[str, ...], most: int = 14) -> Facts:
    found: Facts = []
    for number in range(draw(st.integers(0, most))):
        common = {
            "id": f"f{number:03}", "at": START + draw(TIMES), "session": draw(SESSIONS),
            "intent": draw(INTENTS), "entry": draw(st.sampled_from([Entry.SEARCH, Entry.FORM])),
            "reader": draw(st.sampled_from([Reader.CUSTOMER] * 4 + [Reader.BOT])),
        }  # fmt: skip
        found.append(_fact(draw, draw(st.sampled_from(kinds)), common))
    return found


def _fact(draw: st.DrawFn, kind: str, common: dict) -> AnyFact:
    article, search = {"article": draw(ARTICLES)}, {"search_id": draw(SEARCHES)}
    if kind == "search":
        hits = draw(st.integers(0, 2))
        name = search["search_id"] or common["id"]
        return SearchRan(
            **common, search_id=name, query=draw(st.sampled_from("xyz")), strict_hits=hits, shown=hits
        )
    if kind == "view":
        counts = {
            "active_ms": draw(st.sampled_from([0, 14_999, 15_000])),
            "scroll": draw(st.sampled_from([0.0, 0.6])),
        }
        view = {"view_id": draw(st.sampled_from(["", "v1"])), "measured": draw(st.booleans())}
        return ArticleViewed(**common, **article, **search, **counts, **view)
    if kind == "suggestions":
        return SuggestionsShown(**common, suggestion_id=draw(SEARCHES) or "g", query="x", strict_hits=1)
    if kind == "feedback":
        return FeedbackGiven(**common, **article, helpful=draw(st.booleans()))
    if kind == "ticket":
        joined, name = draw(st.sampled_from([True, True, False])), draw(st.sampled_from(["T1", "T2", "T3"]))
        return TicketFiled(**common, **search, ticket=name, joined=joined, suggestion_id=draw(SEARCHES))
    simple = {
        "click": lambda: HitClicked(**common, **article, **search, position=1),
        "opened": lambda: SuggestionOpened(**common, **article, suggestion_id="g"),
        "form": lambda: FormOpened(**common, explicit=draw(st.booleans())),
        "solved": lambda: MarkedSolved(**common, **search),
        "closed": lambda: TicketSolved(**common, ticket="T1"),
    }
    return simple[kind]()


SILENT = ("search", "view", "click", "opened", "form", "suggestions", "ticket", "closed")
ANY = (*SILENT, "feedback", "solved")


@settings(max_examples=120, deadline=None)
@given(facts(SILENT))
def test_no_order_of_facts_makes_silence_a_success(silent: Facts):
    for window in WINDOWS.values():
        assert tally(intents_of(silent), window, NOW).confirmed == 0


@settings(max_examples=120, deadline=None)
@given(facts(SILENT), st.lists(st.tuples(ARTICLES, SESSIONS, TIMES), max_size=3))
def test_unkind_words_confirm_nothing_either(silent: Facts, words: list):
    unkind = [said(at, False, article, session) for article, session, at in words]
    assert tally(intents_of([*silent, *unkind]), WINDOW, NOW).confirmed == 0


@settings(max_examples=150, deadline=None)
@given(facts(ANY), facts(("ticket",), most=3))
def test_adding_tickets_never_raises_deflection(known: Facts, more: Facts):
    named = [fact for fact in more if isinstance(fact, TicketFiled)]
    added = [
        TicketFiled(
            **{f: getattr(t, f) for f in t.__struct_fields__} | {"id": "n" + t.id, "ticket": "n" + t.ticket}
        )
        for t in named
    ]
    for window in WINDOWS.values():
        before = deflection(tally(intents_of(known), window, NOW))
        after = deflection(tally(intents_of([*known, *added]), window, NOW))
        if before.low is not None:
            assert after.low <= before.low
            assert after.high <= before.high
        else:
            assert after.low in (None, 0)
            assert after.high in (None, 0)


@settings(max_examples=120, deadline=None)
@given(facts(ANY))
def test_the_five_outcomes_partition_the_intents_and_acts(known: Facts):
    intents = intents_of(known)
    for window in WINDOWS.values():
        counts = tally(intents, window, NOW)
        assert counts.intents == len(intents) == len({intent.key for intent in intents})
        assert counts.open <= counts.intents - counts.failed
    customers = {fact.session for fact in known if fact.reader is Reader.CUSTOMER}
    assert {intent.session for intent in intents} <= customers


@settings(max_examples=120, deadline=None)
@given(facts(ANY), st.randoms(use_true_random=False))
def test_order_of_arrival_and_duplicates_do_not_matter(known: Facts, chance: random.Random):
    again = known + [fact for fact in known if chance.random() < 0.5]
    chance.shuffle(again)
    assert intents_of(again) == intents_of(known)


@settings(max_examples=150, deadline=None)
@given(facts(ANY))
def test_a_longer_window_only_adds_failures(known: Facts):
    intents = intents_of(known)
    failed = [tally(intents, window, NOW).failed for window in WINDOWS.values()]
    assert failed == sorted(failed)
