"""What the tests of customers' pages read, and the page of another site that embeds the widget."""

from __future__ import annotations

from urllib.parse import parse_qs

from conftest import MINIATURE

SITE = """\
site_name: {ja: ことりや ヘルプ, en: Bird Shop Help}
default_locale: ja
locales: [ja, en]
agents_only: [agents]
categories:
  - {id: orders, title: {ja: ご注文, en: Orders}, description: {ja: 注文と返金, en: Orders and refunds}}
  - {id: account, title: {ja: 会員登録, en: Account}}
  - {id: home, title: {ja: くらし, en: Home}}
  - {id: manuals, title: {ja: 取扱説明書, en: Manuals}}
contact:
  hours: {ja: 平日9時から18時, en: Weekdays from 9 to 18}
  channels:
    - {kind: phone, value: 0120-000-111, note: {ja: 通話無料}}
incident: {ja: 大雪のため配送が遅れています, en: Snow delays our parcels}
"""

STEPS = "\n\n".join(f"## 手順 {n}\n\n" + "止まり木をしっかり差し込みます。" * 12 for n in range(1, 9))

ARTICLES = MINIATURE | {
    "kb.yml": SITE,
    "ja/manuals/cage/01-open.md": f"---\nupdated: 2026-07-01\n---\n# 箱をあける\n\n{STEPS}\n",
    "ja/manuals/cage/02-build.md": """\
---
updated: 2026-07-01
---
# 鳥かごを組み立てる

| 部品 | 数 | 使うところ | しまうところ | 重さ | 材料 |
|---|---|---|---|---|---|
| 止まり木の受け金具 | 2 | 側面の網の上から三段目 | 説明書の袋 | 20 g | ステンレス |

はじめに[箱の中身](01-open.md#手順-3)を確かめます。

> [!WARNING]
> ねじをしめすぎないでください。
""",
    "en/manuals/cage/02-build.md": "---\nupdated: 2026-03-01\n---\n# Build the cage\n\nPut it together.\n",
    "ja/home/attack.md": """\
---
title: <img src=x onerror=alert(1)>"'></script><script>alert(2)</script>
---
攻撃の例です。<script>alert(3)</script><img src=x onerror=alert(4)>[押す](javascript:alert(5))

## "><svg onload=alert(6)>

`</script><script>alert(7)</script>` は文字です。
""",
}

POLICY = (
    "default-src 'none'; script-src {0}; connect-src {0}; img-src {0}; style-src 'self'; "
    "require-trusted-types-for 'script'; trusted-types kb-widget"
)


def shop_page(environ, start_response):
    """Another site's page, `?at=` the help center; its policy allows that host and nothing inline."""
    asked = parse_qs(environ["QUERY_STRING"])
    at, locale = asked.get("at", [""])[0], asked.get("locale", [""])[0]
    head = [("Content-Type", "text/html; charset=utf-8"), ("Content-Security-Policy", POLICY.format(at))]
    start_response("200 OK", head)
    text = (
        f'<!doctype html><html lang="{locale}"><title>Shop</title><main><h1>Shop</h1>'
        f'<a href="#kb-help">?</a></main><script type="module" src="{at}/widget.js"></script></html>'
    )
    return [text.encode()]
