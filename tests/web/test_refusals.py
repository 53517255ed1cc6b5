from __future__ import annotations

import shutil

import pytest
from falcon.testing import TestClient

from kb import errors
from kb.api import ERRORS, create_app
from kb.index.live import LiveIndex
from kb.web.parts import Parts


class Failing:
    """Stands for any resource that fails."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def on_get(self, req, resp) -> None:
        raise self.error


ROWS = [
    (errors.BadParameter("q", "is empty"), 400),
    (errors.ArticleNotFound("x"), 404),
    (errors.PageNotFound("x"), 404),
    (errors.ArticleGone("x"), 410),
    (errors.LengthRequired("x"), 411),
    (errors.PayloadTooLarge("x"), 413),
    (errors.TooManyRequests(7), 429),
    (errors.MalformedBody("x"), 400),
    (errors.NotSignedIn("x"), 401),
    (errors.BadSignature("x"), 401),
    (errors.NotAllowed("x"), 403),
    (errors.InvalidBody([("events", "x")]), 422),
    (errors.KeyReused("x"), 422),
    (errors.StoreUnavailable("/srv/var: x"), 503),
    (errors.StoreReadOnly("/srv/var: x"), 503),
    (errors.StoreDamaged("/srv/var: x"), 503),
    (errors.StoreTooNew("/srv/var: x"), 503),
    (errors.IndexMissing("/srv/var: x"), 503),
    (errors.IndexDamaged("/srv/var", "x"), 503),
    (errors.IndexMismatch("/srv/var", "x"), 503),
]


def failing(live: LiveIndex, error: Exception) -> TestClient:
    app = create_app(Parts(live=live))
    app.add_route("/api/v1/fail", Failing(error))
    app.add_route("/ja/fail", Failing(error))
    return TestClient(app)


def test_every_row_of_the_table_is_tried_here():
    assert {type(error) for error, _ in ROWS} == set(ERRORS)


@pytest.mark.parametrize(("error", "status"), ROWS)
def test_each_failure_has_its_status_and_reads_the_same_way(live, error, status):
    answer = failing(live, error).simulate_get("/api/v1/fail")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["status"] == status
    assert answer.json["type"].startswith("urn:kb:problem:")
    assert answer.json["title"]
    assert answer.json["detail"]
    assert "/srv" not in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert ("retry-after" in answer.headers) == (status in (429, 503))


@pytest.mark.parametrize(("error", "status"), ROWS)
def test_people_get_a_page_with_a_search_box(live, error, status):
    answer = failing(live, error).simulate_get("/ja/fail", headers={"Accept": "text/html"})
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    assert 'role="search"' in answer.text
    assert 'content="noindex"' in answer.text


@pytest.mark.parametrize(
    "error", [ZeroDivisionError("secret"), errors.IndexLocked("secret"), RecursionError("secret")]
)
@pytest.mark.parametrize("path", ["/api/v1/fail", "/ja/fail"])
def test_a_fault_of_ours_tells_nothing_but_its_number(live, error, path):
    answer = failing(live, error).simulate_get(path)
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    assert answer.headers["x-request-id"] in answer.text


def test_unknown_addresses_and_methods_are_refused_alike(client):
    assert client.simulate_get("/api/v1/nope").json["status"] == 404
    refused = client.simulate_post("/api/v1/search", body=b"{}")
    assert refused.json["status"] == 405
    assert "GET" in refused.headers["allow"]
    assert client.simulate_get("/ja/nope").headers["content-type"].startswith("text/html")
    assert client.simulate_get("/ja/nope", headers={"Accept": "application/json"}).json["status"] == 404


@pytest.mark.filterwarnings("ignore:Unknown REQUEST_METHOD")
@pytest.mark.parametrize("method", ["WEBSOCKET", "FOO", "PROPFIND"])
def test_methods_that_are_none_of_ours_are_refused_alike(client, method):
    answer = client.simulate_request(method, "/api/v1/search")
    assert answer.json["status"] == answer.status_code
    assert answer.status_code in (400, 405)


def test_without_an_index_all_say_so_but_the_process_is_healthy(tmp_path):
    client = TestClient(create_app(Parts(live=LiveIndex(tmp_path))))
    assert client.simulate_get("/healthz").status_code == 200
    assert client.simulate_get("/version").json["generation"] is None
    assert client.simulate_get("/openapi.json").status_code == 200
    for path in ("/readyz", "/api/v1/search?q=a", "/api/v1/articles", "/sitemap.xml"):
        path, _, query = path.partition("?")
        answer = client.simulate_get(path, query_string=query)
        assert (answer.status_code, answer.json["status"]) == (503, 503)
        assert answer.headers["retry-after"]
    page = client.simulate_get("/ja/", headers={"Accept-Language": "ja"})
    assert page.status_code == 503
    assert "ただいま準備中です" in page.text


def test_a_new_generation_is_served_without_a_restart(var, tmp_path):
    copy = tmp_path / "var"
    client = TestClient(create_app(Parts(live=LiveIndex(copy))))
    assert client.simulate_get("/readyz").status_code == 503
    shutil.copytree(var, copy)
    ready = client.simulate_get("/readyz")
    assert ready.status_code == 200
    assert ready.headers["x-kb-generation"] == ready.json["generation"]


def test_bodies_are_bounded_and_must_tell_their_length(client_with):
    client = client_with(max_body=10)
    assert client.simulate_post("/api/v1/search", body=b"x" * 11).status_code == 413
    chunked = client.simulate_post("/api/v1/search", headers={"Transfer-Encoding": "chunked"})
    assert chunked.status_code == 411
