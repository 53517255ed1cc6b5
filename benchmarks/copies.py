"""A snapshot of several times the sections of an index, where indexing so many would take too long.

    .venv/bin/python benchmarks/copies.py VAR TARGET [--times 4]

Every further copy of an article has a third of its words replaced by words of other articles, each as likely
as it is frequent. Term vectors are compiled as the indexer does it, but for n-grams, which are left out, and
there is no Whoosh index: TARGET/snapshot is for `engines.py`, which measures the rest.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec.structs import replace

from kb.index import durable
from kb.index.compile import compile_snapshot
from kb.index.generation import live_folder, open_live
from kb.index.layout import locale_folder
from kb.index.vectors import Vectors
from kb.model import Audience

REPLACED = 1 / 3


def copied(vectors: Sequence[Vectors], times: int) -> Iterator[Vectors]:
    chance = random.Random(11)
    pool = [term for each in vectors for term in each.terms]
    for number in range(times):
        for each in vectors:
            terms = each.terms if number == 0 else tuple(
                chance.choice(pool) if chance.random() < REPLACED else term for term in each.terms
            )  # fmt: skip
            card = replace(each.card, id=f"{each.card.id}-{number}")
            yield replace(each, key=f"{each.key}-{number}", card=card, terms=terms, grams=b"")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("var", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--times", type=int, default=4)
    args = parser.parse_args()
    generation = open_live(args.var)
    locale = generation.locales[0]
    snapshot = generation.snapshot(locale, Audience.PUBLIC)
    folder = locale_folder(args.var, live_folder(args.var), Audience.PUBLIC, locale)
    keys = {snapshot.article(number).key for number in range(snapshot.meta.articles)}
    vectors = durable.find(folder / "whoosh", keys).vectors
    meta = compile_snapshot(args.target, locale, None, (), list(copied(vectors, args.times)))
    print(f"{meta.sections:,} sections, {meta.terms:,} terms in {args.target / 'snapshot'}")


if __name__ == "__main__":
    main()
