"""A year of simulated customers: is the report quick, and does it tell the truth?

    .venv/bin/python benchmarks/year.py [--facts 5000000] [--database URL] [--seed 1] [--keep FOLDER]

Stores the facts through `EventStore.append`, takes them into the derived tables, makes the report over the
last quarter, and compares it with what the simulation knows: deflection, causes (confusion matrix),
meanings of failed searches, and the effect of the form's suggestions. Without --database: SQLite.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import sqlalchemy as sa

sys.path.insert(0, str(Path(__file__).parent))

from customers import DAY, Need, Topic, World, live
from truth import judge_deflection, judge_experiment, judge_groups, judge_triage, say, variants

from kb import indexer
from kb.content.tree import read_tree
from kb.deflection import report
from kb.deflection.periods import Period
from kb.deflection.store import EventStore, database_url
from kb.index.generation import Generation, live_folder
from kb.model import Audience, Status, Tree

START = round(datetime(2025, 10, 1, tzinfo=ZoneInfo("Asia/Tokyo")).timestamp() * 1000)
DAYS = 365
QUARTER = (START + 273 * DAY, START + 365 * DAY)
FACTS_A_NEED = 5.2
"""Measured; makes --facts come out about right."""
BATCH = 2000

MISSING = {
    "ja": {
        "領収書 インボイス": [
            "インボイス 登録番号",
            "適格請求書 発行",
            "インボイス対応してますか",
            "適格請求書がほしい",
        ],
        "法人 見積書": ["見積書 法人", "法人の見積書を作って", "見積書ください"],
        "学割": ["学割 ありますか", "学割 使い方", "学生割引"],
        "店舗 駐車場": ["駐車場 どこ", "駐車場ありますか", "ちゅうしゃじょう"],
        "ペット 返品": ["ペット用品 開封 返品できる", "ペット用品 開封した"],
        "海外 転送": ["転送サービス 使える", "転送コム", "転送サービス"],
    },
    "en": {
        "vat invoice": ["vat invoice", "invoice with vat number", "need vat invoice"],
        "student discount": ["student discount", "discount for students", "studnet discount"],
        "wheelchair access": ["wheelchair access", "is there wheelchair access", "wheelchair ramp"],
        "allergy labels": ["allergy labels", "allergen labels", "allergy information labels"],
        "price match": ["price match", "do you price match", "price matching"],
        "recycling batteries": ["battery recycling", "recycle old batteries", "battery recyling"],
    },
}
"""What customers ask that no article answers: title → wordings."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--facts", type=int, default=5_000_000)
    parser.add_argument("--database", default="")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="Leave database and index here, and use what stands here.")
    options = parser.parse_args()
    folder = options.keep or Path(tempfile.mkdtemp(prefix="kb-year-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        run(folder, options.facts, options.database, options.seed)
    finally:
        if not options.keep:
            shutil.rmtree(folder)


def run(folder: Path, facts: int, url: str, seed: int) -> None:
    world, generation = make_world(folder)
    with EventStore(url or database_url(folder)) as store:
        store.migrate()
        sources = report.Sources(
            store=store, generation=generation, repository=folder / "repository" / "articles"
        )
        truths = fill(store, world, facts, seed, folder / "truths.msgpack")
        started = time.perf_counter()
        taken = sources.catch_up(progress=tell)
        seconds = time.perf_counter() - started
        if taken:
            say(
                "taken into the tables",
                f"{taken:,} facts in {seconds:.0f} s: {taken / seconds:,.0f} a second",
            )
        quarter = Period(
            start=QUARTER[0], end=QUARTER[1], now=QUARTER[1] + 30 * DAY, zone=ZoneInfo("Asia/Tokyo")
        )
        found = measure(sources, quarter)
        judge_deflection(store, quarter, found, truths)
        judge_triage(store, truths)
        judge_groups(store, quarter, generation, truths)
        judge_experiment(store, START)


def tell(done: int, of: int) -> None:
    if done % 500_000 < 5000:
        print(f"  {done:,} of {of:,}", file=sys.stderr, flush=True)


# ---------------------------------------------------------------- the world


def make_world(folder: Path) -> tuple[World, Generation]:
    """The bundled articles in a repository; half of those missing are written in the middle of the year."""
    root = folder / "repository"
    commits = []
    if not root.is_dir():
        shutil.copytree(Path(__file__).parents[1] / "articles", root / "articles")
        git(root, "init", "-q", "-b", "main", ".")
        git(root, "add", ".")
        git(root, "commit", "-qm", "as bundled", at=START - DAY)
        for topic in missing(written_only=True):
            path = root / "articles" / topic.locale / f"{topic.article}.md"
            path.parent.mkdir(exist_ok=True)
            path.write_text(f"# {topic.wordings[0]}\n\n" + "\n".join(topic.wordings) + "\n", "utf-8")
        git(root, "add", ".")
        git(root, "commit", "-qm", "what customers asked for", at=START + DAYS // 2 * DAY)
    # nothing to do where it stands; made anew where another version of the program made it
    indexer.build(read_tree(root / "articles"), folder / "var")
    commits = git(root, "log", "--reverse", "--format=%H").split()
    tree = read_tree(root / "articles")
    topics = [*known(tree), *missing()]
    shares = [1 / (1 + place % 60) for place in range(len(topics))]
    generations = [(0, f"{commits[0]}-x"), (START + DAYS // 2 * DAY, f"{commits[1]}-x")]
    generation = Generation(folder / "var", live_folder(folder / "var"))
    return World(topics, list(accumulate(shares)), generations), generation


def known(tree: Tree) -> list[Topic]:
    """Public articles with questions; a wording belongs to one topic only."""
    found, taken = [], set[tuple[str, str]]()
    for article in tree.articles:
        if article.audience is not Audience.PUBLIC or article.status is not Status.PUBLISHED:
            continue
        wordings = [w for w in spelled(article.questions) if (article.locale, w) not in taken]
        if wordings:
            taken.update((article.locale, wording) for wording in wordings)
            found.append(Topic(article.locale, article.id, tuple(wordings), 0))
    return found


def spelled(questions: Sequence[str]) -> list[str]:
    """Three questions, each also with words alone, and in kana or with two letters swapped."""
    return list(dict.fromkeys(each for question in questions[:3] for each in variants(question)))


def missing(written_only: bool = False) -> list[Topic]:
    found = []
    for locale, topics in MISSING.items():
        for place, (title, wordings) in enumerate(topics.items()):
            written = START + DAYS // 2 * DAY if place % 2 == 0 else sys.maxsize
            if place % 2 == 0 or not written_only:
                name = f"new/{locale}-{title.replace(' ', '-')}"
                found.append(Topic(locale, name, (title, *wordings), written))
    return found


def git(root: Path, *arguments: str, at: int = 0) -> str:
    date = datetime.fromtimestamp(at / 1000, UTC).isoformat()
    who = {
        f"GIT_{one}_{two}": "kb@example.com" for one in ("AUTHOR", "COMMITTER") for two in ("NAME", "EMAIL")
    }
    env = {**who, "GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date, "PATH": "/usr/local/bin:/usr/bin:/bin"}
    done = subprocess.run(["git", *arguments], cwd=root, env=env, check=True, capture_output=True)
    return done.stdout.decode()


def fill(store: EventStore, world: World, facts: int, seed: int, kept: Path) -> list[Need]:
    """Live the year; returns the truth about the last quarter, which `kept` keeps for another look."""
    if kept.exists():
        return msgspec.msgpack.decode(kept.read_bytes(), type=list[Need])
    with store.reading() as connection:
        stands = bool(connection.scalar(sa.text("SELECT 1 FROM facts LIMIT 1")))
    truths, stored, seconds = [], 0, 0.0
    for arrived, needs in live(world, START, DAYS, max(1, round(facts / DAYS / FACTS_A_NEED)), seed):
        truths += [need for need in needs if need.started >= QUARTER[0]]
        if stands:
            continue
        started = time.perf_counter()
        for place in range(0, len(arrived), BATCH):
            stored += store.append(arrived[place : place + BATCH])
        seconds += time.perf_counter() - started
    if not stands:
        say("stored", f"{stored:,} facts in {seconds:.0f} s: {stored / seconds:,.0f} a second")
    kept.write_bytes(msgspec.msgpack.encode(truths))
    return truths


# ---------------------------------------------------------------- figures


def measure(sources: report.Sources, quarter: Period) -> report.Report:
    times = []
    for _ in range(5):
        started = time.perf_counter()
        sources.catch_up()
        found = report.build(sources, quarter)
        times.append(time.perf_counter() - started)
    say("report over a quarter", f"first {times[0]:.2f} s, then median {statistics.median(times[1:]):.2f} s")
    say("", f"{found.intents:,} intents, {found.tickets.all:,} tickets, {len(found.failures)} groups shown")
    return found


if __name__ == "__main__":
    main()
