"""A miniature tree of articles, built and asked: what the tests of the index and of the command share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from multiprocessing import active_children
from pathlib import Path

from kb.content.tree import read_tree
from kb.index.generation import Generation, open_live
from kb.index.layout import generation_folder
from kb.index.prepared import Summary
from kb.index.previous import known_articles
from kb.indexer import Progress, build
from kb.model import Audience
from kb.search import Query, Results, search

Files = Mapping[str, str | bytes]

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d4944415478da63fcffff3f030005fe02fe"
    "a7354e0d0000000049454e44ae426082"
)

SITE = (
    "site_name: {ja: 小鳥店, en: Bird Shop}\ndefault_locale: ja\nlocales: [ja, en]\nagents_only: [agents]\n"
)

SHOP: dict[str, str | bytes] = {
    "kb.yml": SITE,
    "synonyms.yml": "- [refund, money back]\n",
    "ja/orders/refund.md": "---\nquestions: [お金いつ戻る]\ngolden: [返金の期限]\n---\n# 返金について\n\n"
    "返金は五日以内です。\n\n## 返金の期限\n\n期限は一か月です。\n",
    "ja/orders/cancel.md": "# 注文のキャンセル\n\n発送の前なら取り消せます。\n",
    "ja/agents/tricks.md": "# 返金の裏技\n\n合言葉はヤマガラです。\n",
    "en/orders/refund.md": "# When you get your refund\n\nWithin five days.\n\n## Time limit\n\nOne month.\n",
    "en/orders/cancel.md": "# Cancel an order\n\nUntil we ship the parcel.\n",
    "en/shipping.md": "# Shipping overseas\n\nWe ship overseas by sea.\n",
}
"""Japanese and English, one article for agents only."""

JAPANESE = ("返金", "期限", "注文", "取り消し", "発送", "キャンセル", "お金", "へんきん", "裏技")
ENGLISH = (
    "refund",
    "month",
    "parcel",
    "overseas",
    "cancel order",
    "refnd",
    "money back",
    "ship the sea",
    "when",
)
QUERIES = {"ja": JAPANESE, "en": ENGLISH}


def write(root: Path, files: Files) -> Path:
    """Write files below `root`; returns it."""
    root.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def index(
    root: Path, var: Path, *, rebuild: bool = False, processes: int = 1, progress: Progress | None = None
) -> Summary:
    """What `kb index` does."""
    tree = read_tree(root, known=None if rebuild else known_articles(var))
    return build(tree, var, rebuild=rebuild, processes=processes, progress=progress)


def found(generation: Generation, locale: str, text: str, audience: Audience = Audience.PUBLIC) -> list[str]:
    """Ids of the hits, the best first."""
    results = search(generation.snapshot(locale, audience), Query(text=text, limit=50))
    return [hit.card.id for hit in results.hits]


def answers(generation: Generation, queries: Mapping[str, Iterable[str]] = QUERIES) -> dict[str, object]:
    """All that is found for many queries: ids, anchors, scores, snippets, totals, in both audiences."""
    return {
        f"{locale} {audience.value} {text}": told(
            search(
                generation.snapshot(locale, audience),
                Query(text=text, limit=50),
                generation.pinned(locale, text),
            )
        )
        for locale in generation.locales
        for audience in Audience
        for text in queries.get(locale, ())
    }


def told(results: Results) -> object:
    """What results say, whichever snapshot they come from."""
    hits = [
        (hit.card, hit.sections, hit.snippet, hit.title_marks, hit.score, hit.strict) for hit in results.hits
    ]
    return results.query, results.total, hits, results.facets, results.corrected


def live(var: Path) -> Generation:
    """The live generation, opened anew."""
    return open_live(var)


def folders(var: Path, audience: Audience = Audience.PUBLIC) -> set[str]:
    """Folders of generations that lie on the disk."""
    base = generation_folder(var, "", audience)
    return {path.name for path in base.iterdir()} if base.exists() else set()


def holding(base: Path, word: str) -> list[str]:
    """Files below `base` whose bytes hold the word, in UTF-8 or UTF-16; names count, too."""
    forms = [word.encode(), word.encode("utf-16-le"), word.lower().encode()]
    return [
        str(file.relative_to(base))
        for file in sorted(base.rglob("*"))
        if word in file.name or (file.is_file() and any(form in file.read_bytes() for form in forms))
    ]


def helpers() -> set[int]:
    """Processes that this one has to help it."""
    return {child.pid for child in active_children() if child.pid}
