from __future__ import annotations

import pytest

FIELDS = [
    ("", "q"),
    ("q=", "q"),
    ("q=%20%09", "q"),
    ("q=%E3%81", "q"),
    ("q=%zz", "q"),
    ("q=50%", "q"),
    ("q=%ED%A0%80", "q"),
    ("q=a%00b", "q"),
    ("q=a%7Fb", "q"),
    ("q=" + "a" * 401, "q"),
    ("q=a&q=b", "q"),
    ("q=a&limit=0", "limit"),
    ("q=a&limit=51", "limit"),
    ("q=a&limit=ten", "limit"),
    ("q=a&limit=1.0", "limit"),
    ("q=a&limit=", "limit"),
    ("q=a&limit=%EF%BC%91", "limit"),
    ("q=a&limit=1&limit=2", "limit"),
    ("q=a&offset=-1", "offset"),
    ("q=a&offset=x", "offset"),
    ("q=a&locale=xx", "locale"),
    ("q=a&locale=", "locale"),
    ("q=a&locale=ja&locale=en", "locale"),
    ("q=a&category=%01", "category"),
    ("q=a&tag=" + "a" * 201, "tag"),
    ("q=a&intent=a+b", "intent"),
    ("q=a&intent=" + "a" * 65, "intent"),
]


@pytest.mark.parametrize(("query_string", "field"), FIELDS)
def test_a_bad_parameter_is_refused_by_name(client, query_string, field):
    answer = client.simulate_get("/api/v1/search", query_string=query_string)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["status"] == 400
    assert [error["field"] for error in answer.json["errors"]] == [field]
    assert answer.json["errors"][0]["detail"]


@pytest.mark.parametrize(
    "query_string",
    [
        "q=a&limit=050",
        "q=a%0Ab",
        "q=a&utm_source=%zz",
        "q=a&_=1&_=2",
        "q=a+b",
        "q=a&offset=0",
        "q=%EF%BE%8A%EF%BE%9F",
    ],
)
def test_what_is_only_unusual_is_taken(client, query_string):
    assert client.simulate_get("/api/v1/search", query_string=query_string).status_code == 200


def test_white_space_controls_become_spaces(client):
    assert client.simulate_get("/api/v1/search", query_string="q=%09a%0Ab").json["query"] == "a b"


def test_unescaped_utf8_is_read_as_it_was_sent(client):
    raw = "返金".encode().decode("latin-1")
    assert client.simulate_get("/api/v1/search", query_string=f"q={raw}").json["query"] == "返金"


@pytest.mark.parametrize("path", ["/api/v1/suggest", "/api/v1/articles"])
def test_other_addresses_check_just_as_strictly(client, path):
    answer = client.simulate_get(path, query_string="q=a&limit=99&locale=ja")
    assert answer.status_code == 400
    assert answer.json["errors"][0]["field"] == "limit"
