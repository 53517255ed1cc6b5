"""What each ingredient of the ranking gives: nDCG@10 of relevance sets with the ingredients added one by one.

    .venv/bin/python benchmarks/ablation.py SET_DIR [SET_DIR ...] [--queries N]

The last line is the configuration that is served. `kana` asks the same questions with every kanji replaced by
its reading; `kept` is the share of the questions answered among the first three that still are.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

from kb import evaluate, indexer
from kb.content.tree import read_tree
from kb.evaluate import Judged, Rank
from kb.index.generation import Generation, live_folder
from kb.plan import WEIGHTS, Weights
from kb.search import Query, search
from kb.text import japanese
from kb.text.analyze import japanese_only
from kb.text.normalize import clean_query, fold

NOTHING = dict.fromkeys(Weights.__struct_fields__, 0.0) | {"kana_word": 1.0}
STEPS: Sequence[tuple[str, tuple[str, ...]]] = (
    ("words", ()),
    ("+ compounds", ("compound",)),
    ("+ best line of questions", ("question",)),
    ("+ bigrams", ("bigram",)),
    ("+ readings, kana as kanji", ("reading", "reading_kana", "kana_word", "lexicon")),
    ("+ 4-grams", ("fourgram",)),
    ("+ near spellings, half words", ("near", "begun")),
)


def spoken(text: str) -> str:
    """The query as somebody types it who does not convert: kanji words in hiragana, the rest as it is."""
    folded, out, end = fold(text).text, [], 0
    for start, word in japanese.cut(japanese_only(folded)):
        surface = folded[start : start + word.end]
        kanji = re.search(r"[\u3400-\u9fff]", surface) and word.reading
        out += [folded[end:start], word.reading if kanji else surface]
        end = start + word.end
    return "".join([*out, folded[end:]])


def ranks(generation: Generation, judged: Sequence[Judged], weights: Weights) -> list[Rank]:
    found = []
    for each in judged:
        snapshot = generation.snapshot(each.locale, each.audience)
        hits = search(snapshot, Query(text=clean_query(each.query[:400]), limit=10), (), weights).hits
        gains = tuple(each.articles.get(hit.card.id, 0.0) for hit in hits)
        rank = next((place for place, gain in enumerate(gains, 1) if gain > 0), 0)
        found.append(Rank(judged=each, rank=rank, gains=gains))
    return found


def run(folder: Path, queries: int) -> None:
    with tempfile.TemporaryDirectory(prefix="kb-ablation-") as name:
        root = Path(name)
        judged = evaluate.read_set(folder, root / "articles")
        indexer.build(read_tree(root / "articles"), root / "var")
        generation = Generation(root / "var", live_folder(root / "var"))
        judged = judged[:: max(1, len(judged) // queries)] if queries else judged
        print(f"\n{folder.name}: {len(judged)} queries")
        used = dict(NOTHING)
        for label, names in STEPS:
            used |= {each: getattr(WEIGHTS, each) for each in names}
            weights = msgspec.structs.replace(WEIGHTS, **used)
            scores = evaluate.scores(ranks(generation, judged, weights))
            print(f"  {label:30} nDCG@10 {scores.ndcg10:.4f}  success@3 {scores.s3:.4f}", flush=True)
        if judged[0].locale == "ja":
            as_kana = [msgspec.structs.replace(each, query=spoken(each.query)) for each in judged]
            typed, kana = ranks(generation, judged, WEIGHTS), ranks(generation, as_kana, WEIGHTS)
            pairs = [(1 <= a.rank <= 3, 1 <= b.rank <= 3) for a, b in zip(typed, kana, strict=True)]
            kept = sum(a and b for a, b in pairs) / max(1, sum(a for a, _ in pairs))
            print(
                f"  {'kana typed for kanji':30} nDCG@10 {evaluate.scores(kana).ndcg10:.4f}  kept {kept:.3f}",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="+", type=Path)
    parser.add_argument("--queries", type=int, default=0, help="about so many of each set; 0: all")
    args = parser.parse_args()
    for folder in args.sets:
        run(folder, args.queries)


if __name__ == "__main__":
    main()
