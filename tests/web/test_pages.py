from __future__ import annotations

import re
from html.parser import HTMLParser
from urllib.parse import quote

import pytest
from falcon.testing import TestClient

from kb.api import create_app
from kb.settings import load
from kb.web.parts import Parts


def page(client, path, **params):
    answer = client.simulate_get(path, params=params, headers={"Accept": "text/html"})
    assert answer.status_code == 200, answer.text
    return answer.text


class Links(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs) -> None:
        self.found += [value for name, value in attrs if name in ("href", "src", "action") and value]


@pytest.mark.parametrize(
    ("languages", "place"),
    [
        ("", "/ja/"),
        ("en", "/en/"),
        ("en-GB,fr;q=0.9", "/en/"),
        ("fr", "/ja/"),
        ("en;q=0.1, ja;q=0.9", "/ja/"),
        ("ja;q=0, en", "/en/"),
        (";;q=x,", "/ja/"),
    ],
)
def test_the_root_leads_to_the_readers_language(client, languages, place):
    answer = client.simulate_get("/", headers={"Accept-Language": languages})
    assert answer.status_code == 302
    assert answer.headers["location"] == place
    assert "Accept-Language" in answer.headers["vary"]


def test_a_locale_without_its_slash_is_sent_to_its_home(client):
    assert client.simulate_get("/ja").headers["location"] == "/ja/"
    assert client.simulate_get("/xx").status_code == 404


def test_home_shows_the_search_box_the_notice_and_categories_in_the_sites_order(client):
    text = page(client, "/ja/")
    assert '<html lang="ja"' in text
    assert 'action="/ja/search"' in text
    assert "ただいま配送が遅れています" in text
    assert text.index("返品と返金") < text.index("取扱説明書")
    assert "お金と商品を戻す" in text


def test_articles_without_a_category_are_listed_at_home(client):
    assert "/en/articles/shipping" in page(client, "/en/")


def test_results_show_highlights_sections_facets_and_a_title(client):
    text = page(client, "/ja/search", q="返金の期限")
    assert "<title>「返金の期限」の検索結果" in text
    assert "<mark>返金</mark>" in text
    # the link tells which search led there and from which place
    anchor = "#%E8%BF%94%E9%87%91%E3%81%AE%E6%9C%9F%E9%99%90"
    assert re.search(rf'href="/ja/articles/returns/refund\?s=[\w-]{{16}}&amp;n=1{anchor}"', text)
    assert 'value="返金の期限"' in text


def test_search_pages_are_not_for_crawlers(client):
    answer = client.simulate_get("/ja/search", params={"q": "返金"})
    assert answer.headers["x-robots-tag"] == "noindex"
    assert '<meta name="robots" content="noindex">' in answer.text


def test_what_was_searched_instead_is_said(client):
    text = page(client, "/en/search", q="parot")
    assert "Showing results for" in text
    assert "Nothing matched parot." in text


def test_pages_of_results_lead_to_each_other(client):
    first = page(client, "/en/search", q="parrot")
    assert "23 articles" in first
    assert 'rel="next" href="/en/search?q=parrot&amp;page=2"' in first
    last = page(client, "/en/search", q="parrot", page=3)
    assert 'rel="next"' not in last
    assert 'start="21"' in last
    assert page(client, "/en/search", q="parrot", page=99)


def test_a_search_without_result_helps_on(client):
    text = page(client, "/ja/search", q="overseas")
    assert "見つかりませんでした" in text
    assert "Englishの記事 1件を見る" in text
    assert "平日9時から" in text
    assert "/ja/categories/returns" in text


def test_an_empty_box_is_no_mistake_but_a_broken_address_is(client):
    assert "知りたいことを" in page(client, "/ja/search", q="")
    broken = client.simulate_get("/ja/search", query_string="q=%E3%81")
    assert broken.status_code == 400
    assert "入力を確かめてください" in broken.text


def test_what_was_typed_is_shown_as_text_only(client):
    text = page(client, "/ja/search", q='"><script>alert(1)</script>')
    assert "<script>" not in text
    assert "alert(1)&lt;/script&gt;" in text


def test_an_article_shows_contents_date_of_the_site_and_translations(client):
    text = page(client, "/ja/articles/returns/refund")
    assert "<h1>返金について</h1>" in text
    # 20:00 UTC is the next day in Tokyo
    assert "2026年5月2日" in text
    assert 'href="#%E8%BF%94%E9%87%91%E3%81%AE%E6%9C%9F%E9%99%90"' in text
    assert 'hreflang="en" href="/en/articles/returns/refund"' in text
    assert 'rel="canonical"' in text
    assert "返品の条件" in text


def test_without_a_translation_the_language_switch_leads_home(client):
    assert 'hreflang="en" href="/en/"' in page(client, f"/ja/articles/{quote('returns/my file')}")


def test_chapters_lead_to_their_neighbours(client):
    text = page(client, "/ja/articles/manuals/cage/02-build")
    assert 'rel="prev" href="/ja/articles/manuals/cage/01-box"' in text
    assert 'rel="next" href="/ja/articles/manuals/cage/10-clean"' in text


def test_contact_shows_hours_and_ways_even_unknown_ones(client):
    text = page(client, "/ja/contact")
    for shown in (
        "平日9時から",
        'href="tel:0120000111"',
        'href="mailto:help@bird.example"',
        "owl",
        "窓辺",
        "無料",
    ):
        assert shown in text


def test_pages_have_an_etag_and_cost_a_304_when_unchanged(client):
    for path in ("/ja/", "/ja/articles/returns/refund", "/ja/categories/returns"):
        tag = client.simulate_get(path).headers["etag"]
        assert client.simulate_get(path, headers={"If-None-Match": tag}).status_code == 304


def test_every_link_of_every_page_leads_somewhere(client):
    seen, waiting = set(), ["/ja/", "/en/", "/ja/search?q=%E8%BF%94%E9%87%91", "/en/search?q=parrot"]
    while waiting:
        path, _, query = waiting.pop().partition("?")
        if (path, query) in seen:
            continue
        seen.add((path, query))
        answer = client.simulate_get(path, query_string=query)
        assert answer.status_code == 200, path
        if "text/html" in answer.headers["content-type"]:
            found = [link.partition("#")[0] for link in Links(answer.text).found]
            waiting += [
                re.sub(r"^http://falconframework\.org", "", link)
                for link in found
                if re.match(r"/|http://falcon", link)
            ]
    assert len(seen) > 50


def test_all_links_get_the_prefix_of_the_base_url_and_both_paths_answer(live):
    settings = load({"KB_BASE_URL": "https://example.com/support/"})
    client = TestClient(create_app(Parts(live=live, settings=settings)))
    for path in ("/ja/", "/ja/articles/returns/refund", "/ja/search", "/ja/categories/returns", "/ja/nope"):
        bare, behind = (
            client.simulate_get(place, params={"q": "返金"}) for place in (path, f"/support{path}")
        )
        assert bare.status_code == behind.status_code
        own = [link for link in Links(behind.text).found if link.startswith(("/", "https://example.com"))]
        assert own
        assert all(link.removeprefix("https://example.com").startswith("/support/") for link in own), own
    article = client.simulate_get("/api/v1/articles/ja/returns/refund").json
    assert article["url"] == "/support/ja/articles/returns/refund"
    assert 'src="/support/media/ja/img/box.png"' in article["html"]
    assert client.simulate_get("/").headers["location"] == "/support/ja/"
