from __future__ import annotations

import pytest

from kb.content.paths import Layout, article_url, is_language, locate, resolve
from kb.model import Kind

BOOK = Layout(("ja", "en"), "ja")
FLAT = Layout((), "en")


@pytest.mark.parametrize(
    ("path", "locale", "article"),
    [
        ("ja/orders/refund.md", "ja", "orders/refund"),
        ("en/Orders/My Refund.MD", "en", "Orders/My Refund"),
        ("ja/orders/README.md", "ja", "orders"),
        ("ja/orders/index.mdx", "ja", "orders"),
        ("ja/index.md", "ja", "index"),
        ("README.md", "ja", "index"),
        ("guide/a.markdown", "ja", "guide/a"),
        ("ja/v1.2.md", "ja", "v1.2"),
        ("ja/\u304b\u3099.md", "ja", "\u304c"),
    ],
)
def test_an_id_is_the_path_below_the_locale_without_its_ending(path: str, locale: str, article: str) -> None:
    place = locate(path, BOOK)
    assert (place.locale, place.id) == (locale, article)


def test_the_category_is_the_first_folder_below_the_locale() -> None:
    assert locate("ja/orders/late/a.md", BOOK).category == "orders"
    assert locate("ja/a.md", BOOK).category == ""
    assert locate("orders/a.md", FLAT).category == "orders"


def test_folders_imply_the_kind_and_a_chapter_knows_its_manual_and_number() -> None:
    assert locate("ja/faq/a.md", BOOK).kind is Kind.FAQ
    chapter = locate("ja/manuals/tablet/03-reset.md", BOOK)
    assert (chapter.kind, chapter.manual, chapter.order) == (Kind.MANUAL, "manuals/tablet", 3)
    assert chapter.id == "manuals/tablet/03-reset"
    assert locate("ja/manuals/tablet/README.md", BOOK).order == 0


@pytest.mark.parametrize("name", ["ja", "en", "pt-BR", "zh-Hant", "es-419"])
def test_folders_named_exactly_like_a_language_are_locales(name: str) -> None:
    assert is_language(name)


@pytest.mark.parametrize("name", ["JA", "xx", "japanese", "ja_JP", "en-", "guide", "ja-jp", ""])
def test_other_folders_are_none(name: str) -> None:
    assert not is_language(name)


@pytest.mark.parametrize(
    ("url", "href"),
    [
        ("../returns/refund.md#期限", "/ja/articles/returns/refund#%E6%9C%9F%E9%99%90"),
        ("refund", "/ja/articles/orders/refund"),
        ("./refund.html?x=1#a", "/ja/articles/orders/refund#a"),
        ("My%20Refund.md", "/ja/articles/orders/My%20Refund"),
        ("../returns/", "/ja/articles/returns"),
        ("..", "/ja/articles/index"),
        ("../../en/orders/a.md", "/en/articles/orders/a"),
        ("/en/guide/a.html", "/en/articles/guide/a"),
        ("/guide/a", "/ja/articles/guide/a"),
        ("/ja/articles/orders/refund#x", "/ja/articles/orders/refund#x"),
        ("/ja/", "/ja/"),
        ("/ja/contact", "/ja/contact"),
        ("#期限", "#%E6%9C%9F%E9%99%90"),
        ("a.html#_7-styles", "/ja/articles/orders/a#7-styles"),
        ("img/a b.png", "/media/ja/orders/img/a%20b.png"),
        ("/images/a.png", "/media/images/a.png"),
        ("/media/images/a.png", "/media/images/a.png"),
        ("..\\returns\\refund.md", "/ja/articles/returns/refund"),
        ("https://example.com/a?b=c#d", "https://example.com/a?b=c#d"),
        ("mailto:help@example.com", "mailto:help@example.com"),
    ],
)
def test_links_are_rewritten_to_where_the_page_is_served(url: str, href: str) -> None:
    assert resolve(url, "ja/orders/cancel.md", BOOK).href == href


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "java\nscript:alert(1)",
        "\x01javascript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "//evil.example/a",
        "\\\\evil.example/a",
        "/\\evil.example",
        "/\t/evil.example",
        "../../../etc/passwd",
        "..%2f..%2f..%2fsecret.md",
        ".git/x.png",
        "../../.env",
        "/kb.yml",
        "/media/.git/config",
        "/media/kb.yml",
        "/media/ja/../../x.png/../../../y.png",
        "",
        "#",
        "a%00.md",
    ],
)
def test_what_leads_out_or_could_do_harm_is_refused(url: str) -> None:
    target = resolve(url, "ja/orders/cancel.md", BOOK)
    assert not target.href.startswith(("//", "/\\")), target
    assert target.kind == "refused" or target.media == "y.png", target


def test_a_root_link_in_a_tree_without_locale_folders_starts_at_its_root() -> None:
    assert resolve("/guide/a.md", "b/c.md", FLAT).href == "/en/articles/guide/a"


def test_an_url_is_percent_encoded() -> None:
    assert article_url("ja", "注文/返金 1", "期限") == (
        "/ja/articles/%E6%B3%A8%E6%96%87/%E8%BF%94%E9%87%91%201#%E6%9C%9F%E9%99%90"
    )
