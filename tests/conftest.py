"""A miniature knowledge base in two languages, and the bundled articles: indexed for real, once a run."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
import trees
from databases import (
    cluster,
    empty_url,
    postgres_server,
    postgres_tables,
    sqlite_store,
    sqlite_tables,
    store,
)
from hypothesis import settings

from kb.content.tree import read_tree
from kb.index.generation import Generation, live_folder
from kb.index.snapshot import Snapshot
from kb.indexer import build
from kb.model import Audience, Tree

__all__ = [
    "cluster",
    "empty_url",
    "postgres_server",
    "postgres_tables",
    "sqlite_store",
    "sqlite_tables",
    "store",
]
"""Fixtures that every folder of tests may ask for."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """One flag for all files that hold what is expected."""
    parser.addoption("--renew", action="store_true", help="write what is printed now as what is expected")


LONGEST = ("test_openapi.py", "test_gone.py", "test_ci.py", "test_indexer.py", "test_history.py")
"""Files that take a minute or so: begun last, one of them keeps a process busy when the others have ended."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.name not in LONGEST)


# nothing of a test is left in the home folder
os.environ["KB_CHECK_CACHE"] = "none"
# a busy machine is no failure
settings.register_profile("kb", deadline=None)
settings.load_profile("kb")

BUNDLED = Path(__file__).parents[1] / "articles"

KB_YML = """\
site_name: {ja: ことりや ヘルプ, en: Bird Shop Help}
default_locale: ja
locales: [ja, en]
agents_only: [agents]
categories:
  - {id: orders, title: {ja: ご注文, en: Orders}}
  - {id: account, title: {ja: 会員登録, en: Account}}
  - {id: home, title: {ja: くらし, en: Home}}
pinned:
  - {query: 払い戻し, locale: ja, articles: [orders/cancel, orders/cancel, orders/refund]}
  - {query: 合図, locale: ja, articles: [orders/hidden, home/network]}
  - {query: Gift  Wrap, locale: en, articles: [orders/exchange]}
"""

SYNONYMS_YML = """\
- [返金, 払い戻し, お金を返す, refund, money back]
- [パスワード, 暗証番号, password]
- [交換, 取り替え, exchange, swap]
- [送料, shipping fee, postage]
"""

PUBLIC = {
    "ja/orders/refund.md": """\
---
title: 返金について
description: お金がいつ戻るかを説明します。
tags: [返金, お金]
products: [nest-box]
questions: [お金はいつ戻りますか, 返金がまだ来ない]
golden: [返金]
related: [account/password, orders/hidden, orders/cancel]
updated: 2026-05-01
---
返金の手続きは五営業日以内に済みます。カード会社によっては、明細に出るまでさらに日数がかかります。

## 返金の期限

返金の申込みは、商品が届いてから一か月以内にお願いします。期限を過ぎると受け付けられません。

## 口座への振込

銀行の口座へお振り込みします。口座番号を入力してください。
""",
    "ja/orders/cancel.md": """\
---
title: 注文のキャンセル
tags: [注文, キャンセル]
questions: [注文を取り消したい, キャンセル料はかかりますか]
---
発送の前なら、注文はいつでもキャンセルできます。キャンセルのボタンは注文履歴にあります。

## 発送したあと

発送したあとは取り消せません。商品が届いてから返品してください。
""",
    "ja/orders/exchange.md": """\
---
title: 商品の交換
products: [nest-box, feeder]
tags: [交換]
---
サイズが合わないときは交換できます。取り替えの送料はかかりません。
""",
    "ja/orders/receipt.md": """\
---
title: 領収書の発行
questions: [領収書がほしい, 領収書の宛名を変えたい]
---
注文履歴から領収書を発行できます。宛名は発行の前に入力します。ＰＤＦで保存できます。
""",
    "ja/account/password.md": """\
---
title: パスワードを忘れたとき
tags: [パスワード, ログイン]
questions: [パスワードを忘れた, ログインできない]
---
ログイン画面の「パスワードを忘れた方」を押すと、再設定のメールが届きます。

## メールが届かないとき

迷惑メールのフォルダをご確認ください。ﾊﾟｽﾜｰﾄﾞは八文字以上です。
""",
    "ja/account/close.md": """\
---
title: 退会の手続き
questions: [会員をやめたい, 退会したい]
---
マイページから退会できます。定期便を解約してから退会してください。ポイントは消えます。
""",
    "ja/account/subscription.md": """\
---
title: 定期便の解約
questions: [定期便をやめたい]
---
解約は次の発送の五日前までに、定期便の画面で手続きしてください。
""",
    "ja/account/id.md": """\
# 会員ＩＤの確認

会員ＩＤはマイページの右上に表示されます。Ｅ－ｍａｉｌアドレスとは別のものです。
""",
    "ja/home/trash.md": """\
# 羽根とごみの捨て方

鳥かごのごみは燃えるごみに出します。大きい止まり木は粗大ごみです。
""",
    "ja/home/server.md": "# 見守りカメラとサーバー\n\nカメラの映像はサーバーに七日間残ります。\n",
    "ja/home/network.md": """\
# 巣箱カメラをWi-Fiにつなぐ

ルーターの名前とパスワードを入力します。つながらないときは電源を入れ直してください。
""",
    "ja/home/contact.md": """\
# お問い合わせの方法

問い合わせは電話かチャットで受け付けます。引っ越しの連絡もこちらです。
""",
    "ja/faq/delivery.md": """\
# よくある質問：配送

## 送料はいくらですか

送料は全国一律五百円です。3,000円以上のお買い物は無料です。

## 届け先を変えられますか

発送の前なら、届け先の住所を変えられます。

## 海外へ送れますか

海外への配送はしていません。
""",
    "en/orders/refund.md": """\
---
title: When you get your refund
tags: [refund, money]
products: [nest-box]
questions: [where is my refund, I have not got my money back]
golden: [refund]
related: [account/password, orders/cancel]
updated: 2026-05-01
---
Refunds take five working days. Your card company may need a few more days to show it.

## Refund deadline

Ask for a refund within one month after the parcel arrived. We cannot accept later requests.

## Refund to a bank account

We transfer the money to your bank account. Type in the account number.
""",
    "en/orders/cancel.md": """\
---
title: Cancel an order
tags: [order, cancel]
questions: [I want to cancel my order, how much is the cancellation fee]
---
You can cancel any order before it is shipped. The cancel button is in the order history.

## After shipping

Once it is shipped, an order cannot be cancelled. Return the item when it has arrived.
""",
    "en/orders/exchange.md": """\
---
title: Exchange an item
products: [nest-box, feeder]
tags: [exchange]
---
If the size does not fit, swap it for another one. Postage is free.
""",
    "en/account/password.md": """\
---
title: Forgot your password
tags: [password, sign-in]
questions: [I forgot my password, "I don't know my password"]
---
Press "Forgot your password" on the sign-in page and we send an e-mail to reset it.

## The e-mail does not arrive

Look in your spam folder. A password has at least eight letters.
""",
    "en/account/close.md": """\
---
title: Close your account
questions: [delete my account]
---
Close your account on your page. Cancel your subscription first. Your points are lost.
""",
    "en/account/id.md": "# Find your member ID\n\nYour member ID stands at the top right of your page.\n",
    "en/home/trash.md": """\
# Feathers and rubbish

Rubbish of the cage is burnable. Large perches are bulky rubbish.
""",
    "en/home/network.md": """\
# Connect the camera to Wi-Fi

Type in the name and the password of the router. Policies of your network may block the camera.
""",
    "en/home/policies.md": """\
# Privacy

Our policies on privacy apply to all recordings. The policies are short.
""",
    "en/faq/delivery.md": """\
# FAQ: delivery

## How much is shipping?

Shipping is five pounds. Shipping is free from 3,000 pounds.

## Can I change the address?

Before shipping you can change the address.

## Do you ship overseas?

We do not ship overseas.
""",
}

AGENTS_ONLY = {
    "ja/agents/kakapo-refund.md": """\
---
title: 返金の権限とカカポ手順
tags: [カカポタグ]
products: [kakapo-product]
questions: [カカポ手順の上限は]
owner: kakapo-team
call_card: {say: [カカポのせりふ]}
---
担当者は一万円まで返金してよい。合言葉はヤンバルクイナ。![地図](kakapo-map.svg)

## ザルツブルク方式

銀鱗丸の返金はザルツブルク方式で記録する。返金、返金、返金。
""",
    "ja/orders/hidden.md": "---\naudience: agent\n---\n# 隠れた返金\n\nトキイロの封筒に返金を入れる。\n",
    "ja/agents/kakapo-map.svg": "<svg xmlns='http://www.w3.org/2000/svg'><title>kakapo</title></svg>",
    "en/agents/kakapo-refund.md": """\
---
title: Refund authority and the kakapo routine
tags: [kakapotag]
questions: [what is the kakapo limit]
---
Staff may refund up to 100 pounds. The watchword is quokka.

## Zymurgy procedure

Log every refund under zymurgy. Refund, refund, refund.
""",
}
AGENTS_WORDS = (
    "カカポ", "ヤンバルクイナ", "ザルツブルク", "銀鱗", "トキイロ", "隠れた",
    "kakapo", "quokka", "zymurgi", "zymurgy",
    "かかぽ", "やんばるくいな", "ざるつぶるく", "ときいろ", "ぎんりん",
)  # fmt: skip
"""Words of agents-only articles alone, as written and as the analyzer cuts and reads them."""

NOT_PUBLISHED = {
    "ja/orders/draft.md": "---\nstatus: draft\n---\n# 下書きの返金\n\nオオミズナギドリの返金。\n",
    "en/orders/old.md": "---\nstatus: archived\n---\n# Old refund\n\nThe great auk refund.\n",
}

MINIATURE = {
    "kb.yml": KB_YML,
    "synonyms.yml": SYNONYMS_YML,
    **PUBLIC,
    **AGENTS_ONLY,
    **NOT_PUBLISHED,
}


class Indexed(NamedTuple):
    """A tree of Markdown and the live generation of its index."""

    tree: Tree
    var: Path
    generation: Generation

    def snapshot(self, locale: str, audience: Audience = Audience.PUBLIC) -> Snapshot:
        return self.generation.snapshot(locale, audience)


def index(root: Path, var: Path) -> Indexed:
    tree = read_tree(root)
    build(tree, var, processes=1)
    return Indexed(tree, var, Generation(var, live_folder(var)))


def write(root: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
        # the time of a file is its article's `updated`
        os.utime(file, (1_767_225_600, 1_767_225_600))
    return root


MakeIndex = Callable[[Mapping[str, str]], Indexed]


@pytest.fixture
def make_index(tmp_path: Path) -> MakeIndex:
    """Writes files, reads and indexes them: for what a test wants to say with articles of its own."""

    def make(files: Mapping[str, str]) -> Indexed:
        return index(write(tmp_path / "articles", files), tmp_path / "var")

    return make


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A miniature tree that a test may change."""
    return trees.write(tmp_path / "articles", trees.SHOP)


@pytest.fixture
def var(tmp_path: Path) -> Path:
    return tmp_path / "var"


@pytest.fixture(scope="session")
def miniature(tmp_path_factory: pytest.TempPathFactory) -> Indexed:
    folder = tmp_path_factory.mktemp("miniature")
    return index(write(folder / "articles", MINIATURE), folder / "var")


@pytest.fixture(scope="session")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> Indexed:
    """Of the processes of a run the first that asks indexes, the others find it done."""
    folder = tmp_path_factory.getbasetemp()
    folder = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    with (folder / "bundled.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return index(BUNDLED, folder / "bundled")


@pytest.fixture(scope="session")
def ja(miniature: Indexed) -> Snapshot:
    """The miniature in Japanese as a reader sees it."""
    return miniature.snapshot("ja")


@pytest.fixture(scope="session")
def en(miniature: Indexed) -> Snapshot:
    return miniature.snapshot("en")


@pytest.fixture(scope="session")
def ja_agent(miniature: Indexed) -> Snapshot:
    return miniature.snapshot("ja", Audience.AGENT)


@pytest.fixture(scope="session")
def en_agent(miniature: Indexed) -> Snapshot:
    return miniature.snapshot("en", Audience.AGENT)
