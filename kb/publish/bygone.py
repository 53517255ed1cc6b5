"""Old addresses of a folder that is served as it is (`kb serve --articles DIR`), when it is a git checkout.

Nobody waits for this at start: the history is read when an address is asked for that is no article's, once
for each generation, and what was read of it is kept in `<var>/history` for the next commit. It tells where
an article went and which were deleted, as a publish writes it into the index (`kb.publish.redirects`).
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from functools import lru_cache
from pathlib import Path

from msgspec.structs import replace

from kb.errors import KbError
from kb.index.generation import Generation
from kb.model import Past, Tree

WAIT_SECONDS = 5.0
"""For the first reading; 3,000 commits take 0.4 s. Whoever asks meanwhile is told what is known so far."""


class Bygone:
    """What the checkout of one folder tells. For any number of threads."""

    def __init__(self, articles: Path, var: Path, locale: str = "") -> None:
        self._articles, self._var, self._locale = articles, var, locale
        self._lock = threading.Lock()
        self._asked: tuple[str, Future[Past]] | None = None

    def of(self, generation: Generation) -> Past:
        """Where articles of the past are in this generation; empty without a history, or until it is read."""
        with self._lock:
            if self._asked is None or self._asked[0] != generation.folder:
                future: Future[Past] = Future()
                self._asked = generation.folder, future
                threading.Thread(target=self._read, args=(generation, future), daemon=True).start()
            future = self._asked[1]
        try:
            return future.result(WAIT_SECONDS)
        except NotYet:
            return Past()

    def _read(self, generation: Generation, future: Future[Past]) -> None:
        try:
            future.set_result(self._past(generation))
        except (KbError, OSError) as error:
            import structlog

            structlog.get_logger("kb").warning("the history of the articles is unknown", reason=str(error))
            future.set_result(Past())
        except BaseException:
            future.set_result(Past())
            raise

    def _past(self, generation: Generation) -> Past:
        from kb.publish import redirects  # no reader needs them before
        from kb.publish.git import Mirror, toplevel

        place = toplevel(self._articles)
        if place is None:
            return Past()
        mirror, below = Mirror(place[0]), place[1]
        state = self._var / "history"
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        # texts are not needed, and would be held all at once
        articles = (replace(each, sections=(), html="", markdown="") for each in generation.articles())
        tree = Tree(root=str(self._articles), site=generation.site, articles=tuple(articles))
        commit = mirror.resolve("HEAD")
        return redirects.past_of(tree, mirror, commit, below, state, self._locale or None)[0]


@lru_cache(maxsize=4)
def bygone(articles: Path, var: Path, locale: str = "") -> Bygone:
    """The one of this process."""
    return Bygone(articles, var, locale)
