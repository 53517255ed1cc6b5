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

A commit that is still kept needs only gate, smoke and switch. One publish at a time, until the switch; who
waited while a newer one succeeded gives way to it. What comes after the switch, and telling others of it,
keeps no push waiting: a newer publish may be under way by then, whose status is not touched any more.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from kb import indexer
from kb.content.check import check
from kb.content.findings import blocks, counts_of
from kb.content.tree import Known, read_tree
from kb.errors import IndexDamaged, IndexLocked, IndexMismatch, IndexMissing, KbError
from kb.index import kept
from kb.index.generation import Generation, live_folder, open_live, read_manifest
from kb.index.prepared import Prepared, going_back
from kb.index.previous import articles_of, warm_up
from kb.model import Finding, Past, Severity, Tree
from kb.publish import earlier, gate, reading, translations
from kb.publish import status as statuses
from kb.publish.orders import Order
from kb.publish.status import Golden, Status

WAIT_SECONDS = 60.0
"""For a `kb index` that is just running."""
MOST_FINDINGS = 100
RANKS = "golden.msgpack"
"""Ranks of the golden queries in the live generation, beside the status."""


class Blocked(KbError):
    """What was found must be mended first."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
        super().__init__(f"{findings[0]}{more}")
        self.findings = findings


class Ready(Struct, frozen=True):
    """The live generation and its articles by path and digest: what a publish begins with."""

    live: Generation | None = None
    known: Known = articles_of(None)


def get_ready(var: Path) -> Ready:
    """Do beforehand what a publish in a process forked from this one would begin with."""
    gate.get_ready(statuses.folder(var) / RANKS)
    ready = _ready(var, Ready())
    if ready.live:
        warm_up(var, ready.live)
    return ready


class _Run:
    """The publish under way; its status is on disk before each step, so a killed one tells its step.

    `after`: what may be done when the next one has its turn.
    """

    def __init__(
        self, var: Path, order: Order, number: int, progress: indexer.Progress | None, ready: Ready
    ) -> None:
        self.var, self.order, self.progress, self.ready = var, order, progress, ready
        self.after: list[Callable[[], None]] = []
        self.its_turn = True
        now = time.time()
        self.status = Status(number=number, state="running", cause=order.cause, source=order.source.name,
                             ref=order.ref, asked=order.asked or now, started=now)  # fmt: skip

    def update(self, **changes: object) -> None:
        self.status = replace(self.status, **changes)
        (statuses.write if self.its_turn else statuses.amend)(self.var, self.status)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        self.update(step=name)
        began = time.monotonic()
        yield
        took = round(self.status.steps.get(name, 0.0) + time.monotonic() - began, 4)
        self.update(steps=self.status.steps | {name: took})


def publish(
    order: Order,
    var: Path,
    progress: indexer.Progress | None = None,
    began: Callable[[], None] | None = None,
    ended: Callable[[], None] | None = None,
    ready: Ready = Ready(),  # noqa: B008 - nothing can be changed in it
) -> Status:
    """Publish, and tell what came of it; every failure is in the status, and the live index is what it was.

    `began` is called when no other publish is under way any more, before anything is fetched, `ended` when
    the next may begin. `ready` spares some work if it still is the live generation. Raises IndexNotWritable
    when not even the state folder can be made.
    """
    number = statuses.next_number(var)
    with ExitStack() as standing:
        with statuses.locked(var, "publish", wait=True):
            if began:
                began()
            run = _in_turn(order, var, number, progress, ready, standing)
        if ended:
            ended()
        if isinstance(run, Status):
            return run
        run.its_turn = False
        for act in run.after:
            with suppress(KbError, OSError):
                act()
    order = run.order
    if order.status_url:
        run.update(posted=statuses.post(run.status, order.status_url, order.status_secret))
    return run.status


def _in_turn(
    order: Order, var: Path, number: int, progress: indexer.Progress | None, ready: Ready, standing: ExitStack
) -> _Run | Status:
    """What one does at a time; a Status when a newer one has done it."""
    if order.cause == "hook" and (pushed := statuses.wanted(var)):
        # whatever was pushed while this one waited is fetched with it
        number, order = max(number, pushed.number), replace(order, asked=pushed.asked)
    newer = statuses.last(var)
    if newer and newer.number > number and newer.state in ("live", "unchanged"):
        return replace(newer, number=number, state="superseded")
    run = _Run(var, order, number, progress, ready)
    try:
        _publish(run, standing)
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
    statuses.note(var, run.status)
    return run


def _publish(run: _Run, standing: ExitStack) -> None:
    order, var = run.order, run.var
    commit, folder = earlier.named(order, var)
    if not folder and order.source.url:
        with run.step("fetch"):
            commit = reading.commit_of(order.source, order.ref, var, order.fetch_seconds)
        run.update(commit=commit)
        folder = earlier.of_commit(order, var, commit)
    if folder and _went_back(run, commit, folder):
        return
    ready = _ready(var, run.ready)
    tree, past, told, below = _read(run, commit, ready)
    blocking = tuple(finding for finding in tree.findings if blocks(finding))
    if blocking and order.gates:
        run.update(step="check")
        raise Blocked(blocking)
    with ExitStack() as stack:
        with run.step("build"):
            prepare = partial(indexer.prepare, tree, var, past=past, processes=order.processes,
                              progress=run.progress, live=ready.live)  # fmt: skip
            prepared = _entered(stack, prepare)
        _go_live(run, prepared, tree)
    with suppress(KbError, OSError):
        if order.source.url:
            reading.mirror_of(var).hold(commit)
            # the next publish exports its files over these
            tree = standing.enter_context(reading.standing(tree, var))
        run.after = [partial(_report, run, tree, told, below), partial(_tidy, run)]


def _ready(var: Path, before: Ready) -> Ready:
    """What it is now: the same as `before` unless somebody switched; its files are compared."""
    with suppress(IndexMissing, IndexDamaged, IndexMismatch):
        if before.live and read_manifest(var, live_folder(var)) == before.live.manifest:
            return before
        live = open_live(var, durable=True)
        return Ready(live, articles_of(live))
    return Ready()


def _read(run: _Run, commit: str, ready: Ready) -> tuple[Tree, Past, tuple[Finding, ...], str]:
    """The articles, what became of old addresses, findings about these, the folder in the source."""
    order, var = run.order, run.var
    live, known, below, history = ready.live, ready.known, "", None

    def progress(done: int, total: int) -> None:
        if run.progress:
            run.progress("reading", done, total)

    if order.source.url:
        with run.step("export"):
            made = reading.exported(order.source, commit, var)
            history = reading.history_of(made, commit, var)
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
        past, told = reading.past_of(tree, order.source, var, below, live, order.locale, history)
    return tree, past, told, below


def _entered(stack: ExitStack, make: Callable[[], AbstractContextManager[Prepared]]) -> Prepared:
    """Enter what `make` gives, waiting for another build to end. Raises IndexLocked when it does not."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            return stack.enter_context(make())
        except IndexLocked:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def _go_live(run: _Run, prepared: Prepared, tree: Tree | None) -> None:
    """Gate, smoke, switch. `tree` is None on the way back: the gate then tells, but does not hold."""
    summary, previous = prepared.summary, prepared.previous
    run.update(generation=summary.generation, previous=previous.name if previous else "",
               articles=summary.articles, sections=summary.sections, changed=summary.changed,
               removed=summary.removed)  # fmt: skip
    new = prepared.generation
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
        file = kept.root(run.var) / prepared.folder / kept.MADE
        file.write_bytes(msgspec.json.encode(earlier.made_of(run.order, run.status.commit)))


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
    with run.step("check"):
        behind = None
        if run.order.source.url:
            behind = translations.behind(tree, reading.mirror_of(run.var), tree.commit, below)
        found = (*check(tree, behind=behind), *told)
    counts, hardest = counts_of(found), list(Severity)
    first = sorted(found, key=lambda finding: hardest.index(finding.severity))[:MOST_FINDINGS]
    run.update(findings=tuple(first), errors=counts[Severity.ERROR], warnings=counts[Severity.WARNING])


def _tidy(run: _Run) -> None:
    """Nobody fetches while objects are packed, and nobody waits for that to begin."""
    with statuses.locked(run.var, "publish", wait=False) as had:
        if had and run.order.source.url:
            reading.mirror_of(run.var).tidy()


# ---------------------------------------------------------------- going back


def _went_back(run: _Run, commit: str, folder: str) -> bool:
    """Whether it could: False when the kept generation is damaged, so that it must be built."""
    run.update(commit=commit)
    with ExitStack() as stack:
        try:
            with run.step("build"):
                prepared = _entered(stack, lambda: going_back(run.var, folder))
        except (IndexDamaged, IndexMissing, IndexMismatch):
            return False
        _go_live(run, prepared, None)
    return True
