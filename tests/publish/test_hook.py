from __future__ import annotations

import hashlib
import hmac
import json
import time
from urllib.parse import urlencode

import pytest
from falcon.testing import TestClient

from kb.api import create_app
from kb.index.live import LiveIndex
from kb.publish import status as statuses
from kb.settings import Secret, Settings
from kb.web.parts import Parts

SECRET = "hook-secret"
PATH = "/api/v1/hooks/git"


@pytest.fixture
def client(repository, var, publishing):
    def make(**settings) -> TestClient:
        chosen = {"hook_secret": Secret(SECRET), "git_url": Secret(str(repository.folder)), "git_ref": "main"}
        parts = Parts(live=LiveIndex(var), var=var, settings=Settings(**chosen | settings))
        return TestClient(create_app(parts))

    return make


def payload(**fields) -> bytes:
    return json.dumps({"ref": "refs/heads/main", "after": "1" * 40, **fields}).encode()


def mac(body: bytes, secret: str = SECRET) -> str:
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


def github(client, body: bytes, event: str = "push", signature: str | None = None, **headers):
    return client.simulate_post(PATH, body=body, headers={
        "X-GitHub-Event": event, "X-Hub-Signature-256": signature or mac(body),
        "Content-Type": "application/json", **headers,
    })  # fmt: skip


def wait_for(var, state: str = "live") -> statuses.Status:
    for _ in range(600):
        last = statuses.last(var)
        if last and last.state == state and last.cause == "hook":
            return last
        time.sleep(0.05)
    raise AssertionError(statuses.last(var))


def test_a_signed_push_is_published_by_another_process(client, repository, var, publishing):
    publishing()
    commit = repository.commit({"en/parrots.md": "# Parrots\n\nA parrot may talk.\n"})
    asked = time.time()
    answer = github(client(), payload())
    assert (answer.status_code, answer.json) == (202, {"accepted": True})
    status = wait_for(var)
    assert (status.commit, status.ref) == (commit, "main")
    assert 0 < status.searchable_seconds < time.time() - asked + 1
    shown = client().simulate_get("/metrics").text
    assert "kb_publish_searchable_seconds" in shown
    assert 'kb_publish_state{state="live"} 1.0' in shown
    assert client().simulate_get("/version").json["commit"] == commit
    assert client().simulate_get("/api/v1/search?q=parrot").json["hits"][0]["id"] == "parrots"
    assert client().simulate_get("/api/v1/search?q=parrot").headers["x-kb-generation"] == status.generation


def test_all_three_senders_are_taken_once_each(client, var):
    body = payload()
    gitlab = {"X-Gitlab-Token": SECRET, "X-Gitlab-Event": "Push Hook", "X-Gitlab-Event-UUID": "a1"}
    assert client().simulate_post(PATH, body=body, headers=gitlab).status_code == 202
    assert client().simulate_post(PATH, body=body, headers=gitlab).status_code == 401
    stamp = str(int(time.time()))
    signed = hmac.new(SECRET.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    generic = {"X-KB-Timestamp": stamp, "X-KB-Signature": f"sha256={signed}"}
    assert client().simulate_post(PATH, body=body, headers=generic).status_code == 202
    again = client().simulate_post(PATH, body=body, headers=generic)
    assert (again.status_code, again.json["detail"]) == (401, "this message was received before")
    assert github(client(), body, **{"X-GitHub-Delivery": "1"}).status_code == 202
    # the id is not signed: with another one it is still the same message
    assert github(client(), body, **{"X-GitHub-Delivery": "2"}).status_code == 401
    # a form is what GitHub sends unless it is told otherwise
    form = urlencode({"payload": payload(after="2" * 40).decode()}).encode()
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    assert github(client(), form, **kind).status_code == 202
    wait_for(var)


def test_what_is_not_signed_as_it_should_be_is_refused(client, var):
    body = payload()
    assert client().simulate_post(PATH, body=body).status_code == 401
    assert github(client(), body, signature=mac(body, "other")).status_code == 401
    assert github(client(), body, signature=mac(b"{}")).status_code == 401
    assert github(client(), body, signature="sha256=é").status_code == 401
    assert client().simulate_post(PATH, body=body, headers={"X-Gitlab-Token": "wrong"}).status_code == 401
    assert github(client(hook_secret=Secret()), body, signature=mac(body, "")).status_code == 401
    old = str(int(time.time()) - 3600)
    signed = hmac.new(SECRET.encode(), f"{old}.".encode() + body, hashlib.sha256).hexdigest()
    late = client().simulate_post(
        PATH, body=body, headers={"X-KB-Timestamp": old, "X-KB-Signature": f"sha256={signed}"}
    )
    assert late.status_code == 401
    assert "clock" in late.json["detail"]
    assert statuses.last(var) is None


def test_other_refs_pings_and_deletions_are_ignored_with_the_reason(client, var):
    other = github(client(), payload(ref="refs/heads/side"))
    assert (other.status_code, other.json["accepted"]) == (200, False)
    assert other.json["reason"] == "refs/heads/side is not what is published (main)"
    assert github(client(), b'{"zen": "x"}', event="ping").json["reason"] == "ping is no push"
    gone = github(client(), payload(after="0" * 40, deleted=True))
    assert (gone.status_code, gone.json["accepted"]) == (200, False)
    side = payload(ref="refs/heads/side", repository={"default_branch": "main"})
    default = github(client(git_ref=""), side)
    assert default.json["accepted"] is False
    assert statuses.last(var) is None


def test_bodies_that_make_no_sense_are_named(client):
    assert github(client(), b"{").status_code == 400
    assert github(client(), b"[1]").status_code == 400
    missing = github(client(), b'{"after": 3}')
    assert (missing.status_code, missing.json["errors"][0]["field"]) == (422, "ref")
    assert github(client(), payload(pad="x" * 1_100_000)).status_code == 413
    assert github(client(git_url=Secret()), payload()).status_code == 404


def test_many_pushes_at_once_lose_none(client, repository, var, publishing):
    publishing()
    for number in range(6):
        repository.commit({f"en/p/{number}.md": f"# P{number}\n\npush{number}\n"})
        assert github(client(), payload(after=f"{number + 2}" * 40)).status_code == 202
    commit = repository.git("rev-parse", "HEAD")
    for _ in range(600):
        last = statuses.last(var)
        if last.commit == commit and last.state == "live":
            break
        time.sleep(0.05)
    assert statuses.last(var).commit == commit
