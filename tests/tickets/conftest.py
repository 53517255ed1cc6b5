"""Help desks to hand tickets to, and the application over a small index; `store` is that of all tests."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from falcon.testing import TestClient
from spooling import Spooling

from kb.api import create_app
from kb.content.tree import read_tree
from kb.deflection.store import EventStore, database_url
from kb.desk.clerk import Clerk
from kb.index.live import LiveIndex
from kb.indexer import build
from kb.settings import Secret, Settings
from kb.web.parts import Parts

from .desks import HttpDesk, SmtpDesk, running


@pytest.fixture
def desk() -> Iterator[HttpDesk]:
    server = HttpDesk()
    with running(server):
        yield server


@pytest.fixture
def mail_desk() -> Iterator[SmtpDesk]:
    server = SmtpDesk()
    with running(server):
        yield server


KB_YML = """\
site_name: {ja: 小鳥店ヘルプ, en: Bird Shop Help}
default_locale: ja
locales: [ja, en]
time_zone: Asia/Tokyo
agents_only: [agents]
contact:
  hours: {ja: 平日9時から}
  channels: [{kind: phone, value: 0120-000-111}]
"""
ARTICLES = {
    "ja/returns/refund.md": "---\nowner: hana\n---\n# 返金について\n\n返金は一週間ほどかかります。\n",
    "ja/returns/conditions.md": "# 返品の条件\n\n開封した餌は返品できません。\n",
    "ja/orders/late.md": "# 荷物が届かないとき\n\n配送状況をご確認ください。荷物の追跡番号を入力します。\n",
    "ja/agents/secret.md": "---\nowner: boss\n---\n# 返金の裏技\n\n返金を早める合言葉はヤマガラ。\n",
    "en/returns/refund.md": "# When you get your refund\n\nA refund takes five days.\n",
    "en/cages/clean.md": "# Cleaning the cage\n\nWash the cage with warm water.\n",
} | {
    f"ja/birds/b{n}.md": f"# 小鳥の話 {n}\n\n小鳥は{n}回鳴きます。お世話になっております。\n"
    for n in range(8)
}


@pytest.fixture(scope="session")
def var(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state folder with an index of the articles above."""
    root, var = tmp_path_factory.mktemp("birds"), tmp_path_factory.mktemp("var")
    for name, text in {"kb.yml": KB_YML, **ARTICLES}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, "utf-8")
    build(read_tree(root), var, processes=1)
    return var


@pytest.fixture(scope="session")
def live(var: Path) -> LiveIndex:
    """One for all applications: each opening maps 200 files, until a collection finds the application again."""
    return LiveIndex(var)


class Service:
    """The application over a store of its own, and what it has recorded."""

    def __init__(self, store: EventStore, live: LiveIndex, folder: Path, **settings: Any) -> None:
        self.store = store
        # suggestions are tested in sessions of which none is held out
        self.settings = Settings(**({"holdout": 0.0, "hook_secret": Secret("hook")} | settings))
        self.clerk = Clerk(store, self.settings)
        self.spool = Spooling(folder / "spool", store)
        self.parts = Parts(live=live, settings=self.settings, store=store, spool=self.spool, clerk=self.clerk)
        self.http = TestClient(create_app(self.parts))

    def facts(self) -> list[Any]:
        """Every fact so far, those of the outbox and of the hooks among them."""
        self.clerk.work()
        assert self.spool.flush(20)
        return list(self.store.facts(0, 2**62))

    def close(self) -> None:
        self.spool.close()


@pytest.fixture
def service_with(tmp_path: Path, live: LiveIndex, sqlite_tables: Path) -> Iterator[Callable[..., Service]]:
    """A service with other settings; over SQLite, unless a store is given."""
    opened: list[Service] = []

    def make(store: EventStore | None = None, **settings: Any) -> Service:
        if store is None:
            store = EventStore(database_url(shutil.copytree(sqlite_tables, tmp_path, dirs_exist_ok=True)))
        opened.append(Service(store, live, tmp_path, **settings))
        return opened[-1]

    yield make
    for service in opened:
        service.close()
        service.store.close()


@pytest.fixture
def service(service_with: Callable[..., Service]) -> Service:
    return service_with()


@pytest.fixture(autouse=True)
def _quiet_log() -> None:
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(50), cache_logger_on_first_use=False
    )
