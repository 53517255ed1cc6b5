"""The whole service over the miniature knowledge base, and Chromium before it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest
import structlog
from chromium import CHROMIUM, LAUNCH
from conftest import Indexed, index, write
from msgspec import Struct
from spooling import Spooling

from kb import tokens
from kb.api import create_app
from kb.deflection.facts import AnyFact
from kb.deflection.store import EventStore, database_url
from kb.desk.clerk import Clerk
from kb.index.live import LiveIndex
from kb.settings import Settings
from kb.tokens import Role
from kb.web.guard import COOKIE, signer
from kb.web.parts import Parts

from . import customers
from .customers import shop_page

sync_api = pytest.importorskip("playwright.sync_api", reason="pip install pytest-playwright")


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
    spool: Spooling

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


@contextmanager
def serving(var: Path, state: Path, **settings: object) -> Iterator[Service]:
    """The application over an index and an empty database."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(50), cache_logger_on_first_use=False
    )
    given = Settings(rate_limit="", ticket_rate="", **settings)
    with EventStore(database_url(state)) as store:
        store.migrate()
        spool = Spooling(state / "spool", store)
        parts = Parts(
            live=LiveIndex(var), settings=given, var=state, store=store, spool=spool,
            clerk=Clerk(store, given), secret=b"s" * 32,
        )  # fmt: skip
        with listening(create_app(parts)) as url:
            yield Service(url, parts, store, spool)
        spool.close()


@contextmanager
def listening(application: object) -> Iterator[str]:
    """Address of an application on a free port of its own."""
    server = make_server("127.0.0.1", 0, application, server_class=_Server, handler_class=_Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def service(miniature: Indexed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(miniature.var, tmp_path_factory.mktemp("service")) as found:
        yield found


@pytest.fixture(scope="session")
def shop() -> Iterator[str]:
    """Another site, which embeds the widget."""
    with listening(shop_page) as url:
        yield url


@pytest.fixture(scope="session")
def center(tmp_path_factory: pytest.TempPathFactory, shop: str) -> Iterator[Service]:
    """The help center as customers meet it: the miniature and what `customers` adds."""
    folder = tmp_path_factory.mktemp("center")
    indexed = index(write(folder / "articles", customers.ARTICLES), folder / "var")
    with serving(indexed.var, tmp_path_factory.mktemp("facts"), widget_origins=(shop,)) as found:
        yield found


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, object]:
    return LAUNCH


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


def wait_for_focus(page) -> None:
    """A browser gives the focus with the first frame, later than it says that all is loaded."""
    for box in page.locator("[autofocus]").all():
        sync_api.expect(box).to_be_focused()


@pytest.fixture
def reader(new_context, center: Service, complaints: list[str]) -> Callable[..., object]:
    """A page of a customer; `reader("/ja/", width=360)` opens it there."""

    def act(path: str, width: int = 1280, **more: object):
        page = new_context(viewport={"width": width, "height": 740}, **more).new_page()
        page.set_default_timeout(10_000)
        page.on("console", lambda told: complaints.append(told.text) if told.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(center.url + path)
        wait_for_focus(page)
        return page

    return act
