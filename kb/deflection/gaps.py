"""The skeleton of a missing article, with the customers' own wordings, ready to be filled and committed."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

from kb.deflection.failures import Gap
from kb.errors import BadParameter, ContentError
from kb.text.normalize import fold

MOST_QUESTIONS = 20
_UNSAFE = re.compile(r"[^\w\-]+")
_TEXTS = {
    "ja": ("結論を最初に一文で書きます。", "手順", "お客様の画面の言葉で、一つずつ書きます。",
           "それでも解決しないとき", "問い合わせ先と、用意していただくものを書きます。"),
    "en": ("Say the answer first, in one sentence.", "Steps",
           "One step at a time, in the words that customers see on the screen.",
           "If this does not help", "Whom to contact, and what to have at hand."),
}  # fmt: skip


def chosen(gaps: Sequence[Gap], query: str) -> Gap:
    """The gap with this wording, or the first when none is named. Raises BadParameter."""
    if not gaps:
        raise BadParameter("--draft", "no missing article is known for this period")
    if not query:
        return gaps[0]
    for gap in gaps:
        if _same(query, gap.query) or any(_same(query, wording.query) for wording in gap.wordings):
            return gap
    raise BadParameter("QUERY", f"{query!r} is not a wording of any gap; `kb gap` lists them")


def _same(one: str, other: str) -> bool:
    return " ".join(fold(one).text.split()) == " ".join(fold(other).text.split())


def file_name(gap: Gap) -> str:
    """Path below the articles' folder: `ja/drafts/クーポン-使えない.md`."""
    slug = _UNSAFE.sub("-", fold(gap.query).text).strip("-_")[:60] or "article"
    return f"{gap.locale}/drafts/{slug}.md" if gap.locale else f"drafts/{slug}.md"


def skeleton(gap: Gap) -> str:
    """Markdown with front matter. A draft is not indexed, so it can be committed as it is."""
    lead, steps, step, contact, line = _TEXTS.get(gap.locale.partition("-")[0], _TEXTS["en"])
    questions = [wording.query for wording in gap.wordings[:MOST_QUESTIONS]] or [gap.query]
    # JSON strings are YAML strings, whatever a customer typed
    quoted = [json.dumps(question, ensure_ascii=False) for question in questions]
    listed = "\n".join(f"  - {question}" for question in quoted)
    return (
        f"---\ntitle: {json.dumps(gap.query, ensure_ascii=False)}\nstatus: draft\nquestions:\n{listed}\n"
        f"golden:\n  - {quoted[0]}\n---\n\n{lead}\n\n## {steps}\n\n1. {step}\n\n## {contact}\n\n{line}\n"
    )


def write_draft(gap: Gap, articles: Path) -> Path:
    """Write the skeleton below the articles; raises ContentError when it exists or cannot be written."""
    path = articles / file_name(gap)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as stream:
            stream.write(skeleton(gap))
    except FileExistsError:
        raise ContentError(str(path), 0, "exists already; move it or write into it") from None
    except OSError as error:
        raise ContentError(str(path), 0, f"cannot be written: {error.strerror}") from None
    return path
