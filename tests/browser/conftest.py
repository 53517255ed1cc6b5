"""The whole service over the miniature knowledge base, and Chromium before it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest
import structlog
from conftest import Indexed
from msgspec import Struct

from kb import tokens
from kb.api import create_app
from kb.deflection.facts import AnyFact
from kb.deflection.spool import Bounds, Spool
from kb.deflection.store import EventStore, database_url
from kb.desk.clerk import Clerk
from kb.index.generation import LiveIndex
from kb.settings import Settings
from kb.tokens import Role
from kb.web.guard import COOKIE, signer
from kb.web.parts import Parts

sync_api = pytest.importorskip("playwright.sync_api", reason="pip install pytest-playwright")

CHROMIUM = Path("/usr/bin/chromium")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without a browser the tests of this folder are skipped, with the line that installs it."""
    for item in items:
        if not CHROMIUM.exists() and "browser" in item.path.parts:
            item.add_marker(pytest.mark.skip(reason="apt-get install chromium fonts-noto-cjk"))


class _Quiet(WSGIRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


class _Server(ThreadingMixIn, WSGIServer):
    """A browser opens several connections at once and leaves some of them idle."""

    daemon_threads = True


class Service(Struct, frozen=True):
    """The application with its database, at an address."""

    url: str
    parts: Parts
    store: EventStore
    spool: Spool

    def token(self, role: str) -> str:
        return tokens.create(self.store, Role(role), "花子")

    def cookie(self, role: str) -> dict[str, str]:
        """What signing in gives a browser."""
        token = tokens.find(self.store, self.token(role))
        assert token is not None
        return {"name": COOKIE, "value": str(signer(self.parts).dumps(token.id)), "url": self.url}

    def facts(self) -> list[AnyFact]:
        assert self.parts.clerk is not None
        self.parts.clerk.work()
        assert self.spool.flush(20)
        return sorted(self.store.facts(0, 2**62), key=lambda fact: fact.id)


@pytest.fixture(scope="session")
def service(miniature: Indexed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(50), cache_logger_on_first_use=False
    )
    state = tmp_path_factory.mktemp("service")
    settings = Settings(rate_limit="", ticket_rate="")
    with EventStore(database_url(state)) as store:
        store.migrate()
        spool = Spool(state / "spool", store, Bounds(linger=0.01, first_wait=0.05))
        parts = Parts(
            live=LiveIndex(miniature.var), settings=settings, var=state, store=store, spool=spool,
            clerk=Clerk(store, settings), secret=b"s" * 32,
        )  # fmt: skip
        server = make_server("127.0.0.1", 0, create_app(parts), server_class=_Server, handler_class=_Quiet)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Service(f"http://127.0.0.1:{server.server_port}", parts, store, spool)
        server.shutdown()
        server.server_close()
        spool.close()


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, object]:
    return {"executable_path": str(CHROMIUM), "args": ["--no-sandbox"]}


@pytest.fixture
def complaints() -> Iterator[list[str]]:
    """What browsers complained of; a test that provokes something empties it."""
    said: list[str] = []
    yield said
    assert said == []


@pytest.fixture
def signed_in(context, service: Service, complaints: list[str]) -> Callable[[str], object]:
    """A page of somebody with a role."""

    def act(role: str):
        context.add_cookies([service.cookie(role)])
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("console", lambda told: complaints.append(told.text) if told.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        return page

    return act
