"""A small knowledge base, indexed for real once a run, and clients over the real application."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
from falcon.testing import TestClient

from kb.api import create_app
from kb.content.tree import read_tree
from kb.deflection.store import EventStore
from kb.index.live import LiveIndex
from kb.indexer import build
from kb.settings import Settings
from kb.web.parts import Parts

from .recorded import Recorded

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d4944415478da63fcffff3f030005fe02fe"
    "a7354e0d0000000049454e44ae426082"
)

KB_YML = """\
site_name: {ja: 小鳥店ヘルプ, en: Bird Shop Help}
default_locale: ja
locales: [ja, en]
time_zone: Asia/Tokyo
agents_only: [agents]
categories:
  - {id: returns, title: {ja: 返品と返金, en: Returns}, description: {ja: お金と商品を戻す}}
  - {id: manuals, title: {ja: 取扱説明書, en: Manuals}}
  - {id: agents, title: {ja: 応対係用, en: Agents}}
contact:
  hours: {ja: 平日9時から, en: Weekdays from 9}
  channels:
    - {kind: phone, value: 0120-000-111, note: {ja: 無料}}
    - {kind: mail, value: help@bird.example}
    - {kind: owl, value: 窓辺}
incident: {ja: ただいま配送が遅れています}
pinned:
  - {query: 羽根, locale: ja, articles: [returns/conditions]}
"""

ARTICLES = {
    "ja/returns/refund.md": """\
---
title: 返金について
description: お金がいつ戻るか
tags: [返金]
questions: [お金いつ戻る]
updated: 2026-05-01T20:00:00Z
related: [returns/conditions]
---
返金の手続きは五日以内に済みます。<script>alert(1)</script>

## 返金の期限

返金の期限は一か月です。「5 < 6 & "引用"」という[条件](conditions.md)と![図](../img/box.png)をごらんください。

## 口座の入力

銀行の口座を入れます。
""",
    "ja/returns/conditions.md": "# 返品の条件\n\n返金できない商品もあります。\n",
    "ja/returns/my file.md": "# 空白のある名前\n\nファイル名の空白についての説明です。\n",
    "ja/returns/領収書.md": "# 領収書\n\n領収書の出し方です。\n",
    "ja/returns/draft.md": "---\nstatus: draft\n---\n# 下書きの返金\n\n秘密の下書き。\n",
    "ja/returns/old.md": "---\nstatus: archived\n---\n# 古い返金\n\n昔の話。\n",
    "ja/agents/secret.md": "# 返金の裏技\n\n合言葉はヤマガラ。![裏](../img/secret.png)\n",
    "ja/manuals/cage/01-box.md": "# 箱をあける\n\n鳥かごの箱です。\n",
    "ja/manuals/cage/02-build.md": "# 組み立てる\n\n鳥かごを組み立てます。\n",
    "ja/manuals/cage/10-clean.md": "# そうじする\n\n鳥かごを洗います。\n",
    "en/returns/refund.md": "# When you get your refund\n\nIn five days.\n\n## Time limit\n\nOne month.\n",
    "en/shipping.md": "# Shipping overseas\n\nWe ship overseas by sea.\n",
}
ARTICLES |= {f"en/many/topic-{n:02}.md": f"# Parrot topic {n}\n\nIt speaks {n} words.\n" for n in range(23)}


def write_tree(root: Path) -> Path:
    files = {"kb.yml": KB_YML, **ARTICLES}
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, "utf-8")
    for name in ("box", "secret"):
        (root / "ja/img").mkdir(exist_ok=True)
        # different bytes, so that neither is found by the other's digest
        (root / f"ja/img/{name}.png").write_bytes(PIXEL + name.encode())
    return root


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tree(tmp_path_factory.mktemp("birds"))


@pytest.fixture(scope="session")
def var(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    var = tmp_path_factory.mktemp("var")
    build(read_tree(tree), var, processes=1)
    return var


@pytest.fixture(autouse=True)
def _quiet_log() -> None:
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(50), cache_logger_on_first_use=False
    )


@pytest.fixture(scope="session")
def live(var: Path) -> LiveIndex:
    """One for all applications: each opening maps 200 files, until a collection finds the application again."""
    return LiveIndex(var)


@pytest.fixture(scope="session")
def client(live: LiveIndex) -> TestClient:
    return TestClient(create_app(Parts(live=live)))


@pytest.fixture
def client_with(live: LiveIndex) -> Callable[..., TestClient]:
    """A client over an application with other settings."""

    def make(**settings: object) -> TestClient:
        return TestClient(create_app(Parts(live=live, settings=Settings(**settings))))

    return make


@pytest.fixture
def recorded(live: LiveIndex, tmp_path: Path, sqlite_store: EventStore) -> Iterator[Recorded]:
    """An application that records into an empty database."""
    found = Recorded(live, tmp_path, sqlite_store)
    yield found
    found.spool.close()


@pytest.fixture
def recorded_over(tmp_path: Path, sqlite_store: EventStore) -> Iterator[Callable[[Path], Recorded]]:
    """The same over another index."""
    made: list[Recorded] = []

    def make(var: Path) -> Recorded:
        made.append(Recorded(LiveIndex(var), tmp_path, sqlite_store))
        return made[-1]

    yield make
    for each in made:
        each.spool.close()
