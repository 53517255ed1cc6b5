from __future__ import annotations

from xml.etree import ElementTree

SITEMAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
XHTML = "{http://www.w3.org/1999/xhtml}"
ATOM = "{http://www.w3.org/2005/Atom}"


def test_the_sitemap_names_every_public_article_with_its_translations(client):
    answer = client.simulate_get("/sitemap.xml", host="help.example")
    urls = {url.findtext(f"{SITEMAP}loc"): url for url in ElementTree.fromstring(answer.text)}
    # 7 Japanese and 25 English articles, and two homes
    assert len(urls) == 34
    refund = urls["http://help.example/ja/articles/returns/refund"]
    assert refund.findtext(f"{SITEMAP}lastmod") == "2026-05-01T20:00:00Z"
    assert {link.get("hreflang"): link.get("href") for link in refund.iter(f"{XHTML}link")} == {
        "ja": "http://help.example/ja/articles/returns/refund",
        "en": "http://help.example/en/articles/returns/refund",
    }


def test_robots_are_shown_the_sitemap_and_kept_from_searches(client):
    text = client.simulate_get("/robots.txt", host="help.example").text
    assert "Sitemap: http://help.example/sitemap.xml" in text
    assert "Disallow: /*/search" in text


def test_the_feed_lists_the_latest_first(client):
    feed = ElementTree.fromstring(client.simulate_get("/ja/feed.atom").text)
    updated = [entry.findtext(f"{ATOM}updated") for entry in feed.iter(f"{ATOM}entry")]
    assert updated == sorted(updated, reverse=True)
    assert len(updated) == 7
    assert client.simulate_get("/xx/feed.atom").status_code == 404


def test_opensearch_points_at_the_search_page(client):
    text = client.simulate_get("/opensearch.xml", host="help.example").text
    assert 'template="http://help.example/ja/search?q={searchTerms}"' in text
    ElementTree.fromstring(text)


def test_llms_txt_links_to_the_markdown_of_every_public_article(client):
    text = client.simulate_get("/llms.txt", host="help.example").text
    assert text.startswith("# 小鳥店ヘルプ\n")
    assert "- [返金について](http://help.example/ja/articles/returns/refund.md): お金がいつ戻るか" in text
    assert text.count(".md)") == 32


def test_each_article_has_a_markdown_twin(client):
    twin = client.simulate_get("/ja/articles/returns/refund.md")
    assert twin.headers["content-type"] == "text/markdown; charset=utf-8"
    assert twin.text.startswith("# 返金について\n\n返金の手続き")


def test_files_are_kept_as_long_as_they_are_named_by_their_content(client):
    page = client.simulate_get("/ja/").text
    place = page.partition('rel="stylesheet" href="')[2].partition('"')[0]
    path, _, query = place.partition("?")
    named = client.simulate_get(path, query_string=query)
    assert "immutable" in named.headers["cache-control"]
    assert "immutable" not in client.simulate_get(path, query_string="v=old").headers["cache-control"]
    assert client.simulate_get(path, headers={"If-None-Match": named.headers["etag"]}).status_code == 304


def test_pictures_of_articles_have_an_etag_and_may_run_nothing(client):
    picture = client.simulate_get("/media/ja/img/box.png")
    assert picture.headers["content-type"] == "image/png"
    assert "sandbox" in picture.headers["content-security-policy"]
    tag = {"If-None-Match": picture.headers["etag"]}
    assert client.simulate_get("/media/ja/img/box.png", headers=tag).status_code == 304
