"""The description and the application must agree: by comparing the tables, and by asking at random."""

from __future__ import annotations

import re
import shutil
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings

from kb.api import create_app, routes
from kb.deflection.store import EventStore, database_url
from kb.desk.clerk import Clerk
from kb.settings import Settings
from kb.web.openapi import OPERATIONS, document
from kb.web.parts import Parts
from kb.web.rendering import Pages

schemathesis = pytest.importorskip("schemathesis", reason="pip install schemathesis")


# not schemathesis.pytest: its plugin breaks with pytest 9.2 ('Function' object has no attribute '_nodeid')
GOOD, BAD = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE
ASKED = [(each.path, each.method.upper(), GOOD) for each in OPERATIONS] + [
    (each.path, each.method.upper(), BAD)
    for each in OPERATIONS
    if each.params or re.search("{(locale|ticket)}", each.path)  # any text is an id, so none is malformed
]


@pytest.fixture(scope="module")
def described(live, sqlite_tables, tmp_path_factory):
    """The application by its own description. What is filed by one test is only more to be found by others."""
    state = shutil.copytree(sqlite_tables, tmp_path_factory.mktemp("described"), dirs_exist_ok=True)
    with EventStore(database_url(state)) as store:
        parts = Parts(live=live, store=store, clerk=Clerk(store, Settings()))
        yield schemathesis.openapi.from_wsgi("/openapi.json", create_app(parts))


@pytest.mark.parametrize(("path", "method", "mode"), ASKED)
def test_answers_keep_to_their_description(described, path, method, mode):
    operation = described[path][method]

    @given(operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=25,
        derandomize=True,
        deadline=timedelta(seconds=2),
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    def ask(case):
        case.call_and_validate()

    ask()


def test_every_address_of_the_api_is_described_and_nothing_else(client, live):
    parts = Parts(live=live)
    served = {
        # Zendesk's addresses may end in .json, too
        re.sub(r"{article_id:path}", "{id}", path.removesuffix(".json"))
        for path in routes(parts, Pages(parts))
        if path.startswith(("/api/", "/healthz", "/readyz", "/version"))
    }
    described = {each.path for each in OPERATIONS}
    # a help desk's hook has the shape of its source
    hooks = {"/api/v1/hooks/tickets/{source}", "/api/v1/hooks/git"}
    behind = {"/api/v1/articles/{locale}/{id}/related", "/api/v1/articles/{locale}/{id}/feedback"}
    for article in ("/api/v2/help_center/articles/{id}", "/api/v2/help_center/{locale}/articles/{id}"):
        behind |= {f"{article}/{act}" for act in ("up", "down", "votes")}
    assert described == served - hooks | behind


def test_the_description_names_bounds_and_the_locales_that_are_served(client):
    found = client.simulate_get("/openapi.json").json
    assert found["openapi"].startswith("3.1")
    parameters = {
        each["name"]: each["schema"] for each in found["paths"]["/api/v1/search"]["get"]["parameters"]
    }
    assert parameters["locale"] == {"type": "string", "enum": ["ja", "en"], "default": "ja"}
    assert (parameters["limit"]["minimum"], parameters["limit"]["maximum"]) == (1, 50)
    assert parameters["q"]["maxLength"] == 400


def test_every_reference_of_the_description_resolves():
    text = str(document("", ("ja",), "ja"))
    schemas = document("", ("ja",), "ja")["components"]["schemas"]
    assert set(re.findall(r"#/components/schemas/(\w+)", text)) <= schemas.keys()
