from __future__ import annotations

import re

import pytest
import structlog
from structlog.testing import capture_logs

from kb.web.clients import Limiter


def test_a_wellformed_request_id_is_echoed_and_another_replaced(client):
    assert (
        client.simulate_get("/healthz", headers={"X-Request-Id": "abc-12345"}).headers["x-request-id"]
        == "abc-12345"
    )
    for bad in ("a b", "x" * 200, "short", "drop\x7f table"):
        assert client.simulate_get("/healthz", headers={"X-Request-Id": bad}).headers["x-request-id"] != bad


def test_every_answer_tells_its_time_and_generation(client):
    answer = client.simulate_get("/api/v1/search", params={"q": "返金"})
    assert answer.headers["server-timing"].startswith("app;dur=")
    assert answer.headers["x-kb-generation"] == answer.json["generation"]


@pytest.mark.parametrize("path", ["/ja/", "/api/v1/articles", "/nope", "/static/style.css"])
def test_every_answer_forbids_foreign_and_inline_scripts(client, path):
    headers = client.simulate_get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"


def test_pages_hold_no_inline_script_or_style(client):
    for path in ("/ja/", "/ja/articles/returns/refund", "/ja/contact", "/ja/nope"):
        text = client.simulate_get(path).text
        # modules from our own files, and data for crawlers, which no browser runs
        tags = re.findall(r"<script([^>]*)>([^<]*)</script>", text)
        assert len(tags) == text.count("<script")
        for attributes, inside in tags:
            ours = re.search(r' type="module" src="/static/\w+\.js\?v=\w+"', attributes)
            assert (ours and not inside) or attributes == ' type="application/ld+json"'
        assert "<style" not in text
        assert " style=" not in text


def test_the_log_line_holds_no_query_and_no_address(client):
    structlog.reset_defaults()
    with capture_logs() as lines:
        client.simulate_get("/api/v1/search", params={"q": "私の秘密"}, remote_addr="203.0.113.9")
    (line,) = lines
    assert line["route"] == "/api/v1/search"
    assert line["status"] == 200
    assert "秘密" not in str(line)
    assert "203.0.113.9" not in str(line)


def test_metrics_count_routes_and_outcomes_but_name_no_query(client):
    client.simulate_get("/api/v1/search", params={"q": "返金"})
    text = client.simulate_get("/metrics").text
    assert 'kb_http_requests_total{method="GET",route="/api/v1/search",status="200"}' in text
    assert 'kb_searches_total{locale="ja",outcome="found"}' in text
    assert "返金" not in text


def test_a_client_that_asks_too_often_is_told_when_to_come_back(client_with):
    client = client_with(rate_limit="3/minute")
    asked = [client.simulate_get("/api/v1/articles", remote_addr="203.0.113.9") for _ in range(4)]
    assert [answer.status_code for answer in asked] == [200, 200, 200, 429]
    assert 1 <= int(asked[-1].headers["retry-after"]) <= 60
    assert client.simulate_get("/api/v1/articles", remote_addr="203.0.113.10").status_code == 200
    assert client.simulate_get("/healthz", remote_addr="203.0.113.9").status_code == 200


def test_the_limit_can_be_off_and_spares_this_machine(client_with):
    off, local = client_with(rate_limit=""), client_with(rate_limit="1/minute")
    for _ in range(3):
        assert off.simulate_get("/api/v1/articles", remote_addr="203.0.113.9").status_code == 200
        assert local.simulate_get("/api/v1/articles").status_code == 200


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("127.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("127.0.0.1", "10.9.9.9, 198.51.100.1", "198.51.100.1"),
        ("127.0.0.1", "198.51.100.1, 127.0.0.1", "198.51.100.1"),
        ("127.0.0.1", "", "127.0.0.1"),
    ],
)
def test_only_trusted_proxies_are_believed_about_the_client(peer, forwarded, client):
    from falcon.testing import create_req

    from kb.settings import Settings

    request = create_req(headers={"X-Forwarded-For": forwarded}, remote_addr=peer)
    assert Limiter(Settings()).client_of(request) == client
