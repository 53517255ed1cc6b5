"""An application that records: what its readers did, and a client that acts like a browser."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import falcon
from falcon.testing import Result, TestClient
from spooling import Spooling

from kb import tokens
from kb.api import create_app
from kb.deflection.facts import AnyFact
from kb.deflection.store import EventStore
from kb.index.live import LiveIndex
from kb.settings import Settings
from kb.web.parts import Parts

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"


class Recorded:
    """The application with its store."""

    def __init__(
        self, live: LiveIndex, state: Path, store: EventStore, settings: Settings | None = None
    ) -> None:
        self.store = store
        self.spool = Spooling(state / "spool", store)
        self.parts = Parts(
            live=live,
            store=store,
            spool=self.spool,
            secret=b"s" * 32,
            settings=settings or Settings(),
        )
        self.app = create_app(self.parts)

    def facts(self) -> list[AnyFact]:
        """All facts so far, in the order of their making."""
        assert self.spool.flush(20)
        return sorted(self.store.facts(0, 2**62), key=lambda fact: fact.id)

    def browser(self, **headers: str) -> Browser:
        return Browser(self.app, {"User-Agent": FIREFOX, "Sec-Fetch-Site": "same-origin", **headers})

    def signed_in(self, role: str) -> Browser:
        """A program with a token."""
        token = tokens.create(self.store, tokens.Role(role), "test")
        return self.browser(Authorization=f"Bearer {token}")


class Browser:
    """Keeps cookies, as browsers do."""

    def __init__(self, app: falcon.App, headers: Mapping[str, str]) -> None:
        self._client = TestClient(app, headers=dict(headers))
        self.cookies: dict[str, str] = {}

    def get(self, path: str, **more: Any) -> Result:
        return self._do("GET", path, more)

    def post(self, path: str, **more: Any) -> Result:
        return self._do("POST", path, more)

    def _do(self, method: str, path: str, more: dict[str, Any]) -> Result:
        found = self._client.simulate_request(method, path, cookies=self.cookies, **more)
        for name, cookie in found.cookies.items():
            self.cookies[name] = cookie.value
            if cookie.max_age == 0 or not cookie.value:
                del self.cookies[name]
        return found
