"""A reader with a phone, in a real browser; `tests/browser` has every page of customers and agents."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest
from chromium import CHROMIUM, LAUNCH

from kb.api import create_app
from kb.index.live import LiveIndex
from kb.web.parts import Parts

sync_api = pytest.importorskip("playwright.sync_api", reason="pip install pytest-playwright")

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason="apt-get install chromium fonts-noto-cjk")


class Quiet(WSGIRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def site(var: Path) -> Iterator[str]:
    server: WSGIServer = make_server(
        "127.0.0.1", 0, create_app(Parts(live=LiveIndex(var))), handler_class=Quiet
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, object]:
    return LAUNCH


@pytest.fixture(
    params=[(360, True), (360, False), (1280, True)], ids=["phone", "phone-without-scripts", "desktop"]
)
def browser_context_args(request: pytest.FixtureRequest) -> dict[str, object]:
    width, scripts = request.param
    return {"viewport": {"width": width, "height": 740}, "locale": "ja-JP", "java_script_enabled": scripts}


@pytest.fixture
def page(page):
    page.set_default_timeout(10_000)
    return page


def test_a_reader_searches_and_opens_the_right_section(site, page):
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.goto(site + "/")
    assert page.url == f"{site}/ja/"
    page.get_by_label("ヘルプを検索").fill("返金の期限")
    page.get_by_role("button", name="検索").click()
    page.get_by_role("link", name=re.compile("返金について.*返金の期限")).click()
    # the link says which search it stood under, so that the click is counted without a script
    assert re.fullmatch(rf"{re.escape(site)}/ja/articles/returns/refund(\?s=[\w-]+&n=1)?#.+", page.url)
    sync_api.expect(page.get_by_role("heading", name="返金の期限")).to_be_in_viewport()
    page.get_by_role("navigation", name="言語").get_by_role("link", name="English").click()
    sync_api.expect(page.get_by_role("heading", level=1)).to_have_text("When you get your refund")
    assert problems == []
