"""From a push to a live index: each step timed, each failure told, the live index untouched until the last.

    fetch      the mirror follows the remote; the ref becomes a commit
    export     the commit's files → a folder, of which only what changed is written
    read       files → articles; what cannot be read or is invalid blocks
    history    which addresses lead elsewhere now, and which are gone
    build      the next generation, beside the live one
    gate       golden queries before and after; a loss blocks
    smoke      a search in each locale
    switch     one atomic replace of the pointer: searchable
    check      links, duplicates and the like: reported, nobody waits for it

A commit that is still kept needs none of them but the last three. One publish at a time; who waited while a
newer one succeeded gives way to it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec.structs import replace

from kb import indexer
from kb.content.check import check
from kb.content.findings import blocks
from kb.content.tree import read_tree
from kb.errors import IndexDamaged, IndexLocked, IndexMismatch, IndexMissing, KbError
from kb.index import kept
from kb.index.generation import Generation, open_live
from kb.index.state import SiteState
from kb.model import Finding, Past, Severity, Tree
from kb.publish import gate, reading, translations
from kb.publish import status as statuses
from kb.publish.orders import Order
from kb.publish.status import Golden, Status

WAIT_SECONDS = 60.0
"""For a `kb index` that is just running."""
MOST_FINDINGS = 100
RANKS = "golden.msgpack"
"""Ranks of the golden queries in the live generation, beside the status."""
_MADE = kept.MADE
_SHORTEST = 7
"""Characters from which a ref may name a kept generation or commit without asking the remote."""


class Blocked(KbError):
    """What was found must be mended first."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
        super().__init__(f"{findings[0]}{more}")
        self.findings = findings


class _Run:
    """The publish under way; its status is on disk before each step, so a killed one tells its step."""

    def __init__(self, var: Path, order: Order, number: int, progress: indexer.Progress | None) -> None:
        self.var, self.order, self.progress = var, order, progress
        now = time.time()
        self.status = Status(number=number, state="running", cause=order.cause, source=order.source.name,
                             ref=order.ref, asked=order.asked or now, started=now)  # fmt: skip

    def update(self, **changes: object) -> None:
        self.status = replace(self.status, **changes)
        statuses.write(self.var, self.status)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        self.update(step=name)
        began = time.monotonic()
        yield
        took = round(self.status.steps.get(name, 0.0) + time.monotonic() - began, 4)
        self.update(steps=self.status.steps | {name: took})


def publish(
    order: Order, var: Path, progress: indexer.Progress | None = None, began: Callable[[], None] | None = None
) -> Status:
    """Publish, and tell what came of it; every failure is in the status, and the live index is what it was.

    `began` is called when no other publish is under way any more, before anything is fetched.
    Raises IndexNotWritable when not even the state folder can be made.
    """
    number = statuses.next_number(var)
    with statuses.locked(var, "publish", wait=True):
        if began:
            began()
        if order.cause == "hook" and (pushed := statuses.wanted(var)):
            # whatever was pushed while this one waited is fetched with it
            number, order = max(number, pushed.number), replace(order, asked=pushed.asked)
        newer = statuses.last(var)
        if newer and newer.number > number and newer.state in ("live", "unchanged"):
            return replace(newer, number=number, state="superseded")
        run = _Run(var, order, number, progress)
        try:
            _publish(run)
        except Blocked as error:
            run.update(state="blocked", error=str(error), findings=error.findings[:MOST_FINDINGS])
        except KbError as error:
            run.update(state="failed", error=str(error))
        except OSError as error:
            reason = f"{error.filename or var}: {error.strerror or error}"
            run.update(state="failed", error=reason)
        except BaseException as error:
            run.update(state="failed", error=f"ended by {type(error).__name__}", finished=time.time())
            raise
        if run.status.state in ("blocked", "failed"):
            run.update(finished=time.time())
        statuses.answered(var, number)
        if order.status_url:
            run.update(posted=statuses.post(run.status, order.status_url, order.status_secret))
        statuses.note(var, run.status)
        return run.status


def _publish(run: _Run) -> None:
    order, var = run.order, run.var
    commit, folder = _named(order, var)
    if not folder and order.source.url:
        with run.step("fetch"):
            commit = reading.commit_of(order.source, order.ref, var, order.fetch_seconds)
        run.update(commit=commit)
        folder = _kept(order, var, commit)
    if folder and _went_back(run, commit, folder):
        return
    live = _live(var)
    tree, past, told, below = _read(run, commit, live)
    blocking = tuple(finding for finding in tree.findings if blocks(finding))
    if blocking and order.gates:
        run.update(step="check")
        raise Blocked(blocking)
    with ExitStack() as stack:
        with run.step("build"):
            processes, progress = order.processes, run.progress
            prepared = _entered(
                stack, lambda: indexer.prepare(tree, var, past=past, processes=processes, progress=progress)
            )
        _go_live(run, prepared, tree)
    with suppress(KbError, OSError), run.step("check"):
        _report(run, tree, told, below)
    with suppress(KbError, OSError):
        if order.source.url:
            mirror = reading.mirror_of(var)
            mirror.hold(commit)
            mirror.tidy()


def _live(var: Path) -> Generation | None:
    with suppress(IndexMissing, IndexDamaged, IndexMismatch):
        return open_live(var)
    return None


def _read(run: _Run, commit: str, live: Generation | None) -> tuple[Tree, Past, tuple[Finding, ...], str]:
    """The articles, what became of old addresses, findings about these, the folder in the source."""
    order, var = run.order, run.var
    known, below = indexer.articles_of(live), ""

    def progress(done: int, total: int) -> None:
        if run.progress:
            run.progress("reading", done, total)

    if order.source.url:
        with run.step("export"):
            made = reading.exported(order.source, commit, var)
        with run.step("read"):
            tree = reading.tree_of(made, commit, locale=order.locale, known=known, progress=progress,
                                   processes=order.processes)  # fmt: skip
        below = made.below
    else:
        with run.step("read"):
            tree = read_tree(Path(order.source.folder), locale=order.locale, known=known, progress=progress,
                             processes=order.processes)  # fmt: skip
        run.update(commit=tree.commit)
    with run.step("history"):
        past, told = reading.past_of(tree, order.source, var, below, live, order.locale)
    return tree, past, told, below


def _entered(
    stack: ExitStack, make: Callable[[], AbstractContextManager[indexer.Prepared]]
) -> indexer.Prepared:
    """Enter what `make` gives, waiting for another build to end. Raises IndexLocked when it does not."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            return stack.enter_context(make())
        except IndexLocked:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def _go_live(run: _Run, prepared: indexer.Prepared, tree: Tree | None) -> None:
    """Gate, smoke, switch. `tree` is None on the way back: the gate then tells, but does not hold."""
    summary, previous = prepared.summary, prepared.previous
    run.update(generation=summary.generation, previous=previous.name if previous else "",
               articles=summary.articles, sections=summary.sections, changed=summary.changed,
               removed=summary.removed)  # fmt: skip
    new = prepared.open()
    with run.step("gate"):
        run.update(golden=_gate(run, tree, new, None if summary.unchanged else previous))
        if run.order.gates and run.status.golden.lost and not run.status.golden.accepted:
            raise Blocked(run.status.golden.lost)
    with run.step("smoke"):
        gate.smoke(new)
    with run.step("switch"):
        prepared.switch(keep=True)
    now = time.time()
    state: statuses.State = "unchanged" if summary.unchanged else "live"
    run.update(state=state, finished=now, searchable_seconds=round(max(0.0, now - run.status.asked), 3))
    statuses.answered(run.var, run.status.number)
    with suppress(OSError):
        file = kept.root(run.var) / prepared.folder / _MADE
        file.write_bytes(msgspec.json.encode(_made(run.order, run.status.commit)))


def _gate(run: _Run, tree: Tree | None, new: Generation, previous: Generation | None) -> Golden:
    ranks = statuses.folder(run.var) / RANKS
    if tree is None:
        shown = Tree(root="", site=new.site, articles=tuple(new.articles()))
        return replace(
            gate.compare(shown, new, previous, ranks), accepted="went back to what was live before"
        )
    compared = gate.compare(tree, new, previous, ranks)
    return replace(compared, accepted=run.order.accept_loss) if compared.lost else compared


def _report(run: _Run, tree: Tree, told: tuple[Finding, ...], below: str) -> None:
    behind = None
    if run.order.source.url:
        behind = translations.behind(tree, reading.mirror_of(run.var), tree.commit, below)
    found = (*check(tree, behind=behind), *told)
    errors = sum(finding.severity is Severity.ERROR for finding in found)
    first = sorted(found, key=lambda finding: finding.severity is not Severity.ERROR)[:MOST_FINDINGS]
    run.update(findings=tuple(first), errors=errors, warnings=len(found) - errors)


# ---------------------------------------------------------------- going back


def _named(order: Order, var: Path) -> tuple[str, str]:
    """(commit, folder) of the kept generation that the ref names, so that no remote is needed to go back."""
    if len(order.ref) < _SHORTEST or set(order.ref) - set("0123456789abcdef-~"):
        return "", ""
    for folder, state, made in kept.find(var, order.ref):
        if _still_right(state) and made.get("source") in ("", order.source.name):
            return made.get("commit", ""), folder
    return "", ""


def _kept(order: Order, var: Path, commit: str) -> str:
    """Folder of the kept generation of this very commit, read in this very way."""
    wanted = _made(order, commit)
    return next(
        (f for f, state, made in kept.find(var, commit) if made == wanted and _still_right(state)), ""
    )


def _still_right(state: SiteState) -> bool:
    """Whether no article has appeared or gone by its times since."""
    return state.next_change is None or state.next_change > datetime.now(UTC)


def _made(order: Order, commit: str) -> dict[str, str]:
    """What decides what is read."""
    path = "" if order.source.path is None else order.source.path or "."
    return {"commit": commit, "source": order.source.name, "path": path, "locale": order.locale or ""}


def _went_back(run: _Run, commit: str, folder: str) -> bool:
    """Whether it could: False when the kept generation is damaged, so that it must be built."""
    run.update(commit=commit)
    with ExitStack() as stack:
        try:
            with run.step("build"):
                prepared = _entered(stack, lambda: indexer.going_back(run.var, folder))
        except (IndexDamaged, IndexMissing, IndexMismatch):
            return False
        _go_live(run, prepared, None)
    return True
