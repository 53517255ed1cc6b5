"""Tokens, roles, signing in and out, and what may be kept of answers to people with a role."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from urllib.parse import urlencode

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from kb import tokens
from kb.cli import cli
from kb.deflection import tables
from kb.errors import BadParameter, KbError, StoreReadOnly, TokenNotFound
from kb.roles import Role
from kb.signing import signing_secret
from kb.web import guard

SECRET = "/ja/articles/agents/secret"


def bearer(recorded, token: str):
    return recorded.browser(Authorization=f"Bearer {token}")


FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def as_form(**fields: str):
    return {"body": urlencode(fields)}


@pytest.fixture
def signing_in(recorded):
    def act(token: str, following: str = "", browser=None):
        browser = browser or recorded.browser()
        field = re.search(r'name="form_token" value="([^"]+)"', browser.get("/signin").text)[1]
        answer = browser.post(
            "/signin", headers=FORM, **as_form(form_token=field, token=token, next=following)
        )
        return browser, answer

    return act


@pytest.mark.parametrize("role", ["agent", "writer", "admin"])
def test_who_has_a_role_reads_agents_articles_and_nobody_else_does(recorded, role):
    assert recorded.browser().get(SECRET).status_code == 404
    answer = recorded.signed_in(role).get(SECRET)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "private, no-store"


def test_every_answer_to_a_token_is_private_also_public_ones_and_failures(recorded):
    agent = recorded.signed_in("agent")
    for path in (
        "/ja/",
        "/ja/articles/returns/refund",
        "/api/v1/articles?locale=ja",
        "/ja/articles/nowhere",
        "/openapi.json",
    ):
        assert agent.get(path).headers["cache-control"] == "private, no-store", path
    assert (
        recorded.browser().get("/api/v1/articles", params={"locale": "ja"}).headers["cache-control"]
        == "public, no-cache"
    )


@pytest.mark.parametrize("token", ["", "x", "kb_" + "a" * 43, "kb_ü", "a" * 5000])
def test_a_token_that_nobody_made_is_401_with_a_challenge(recorded, token):
    answer = recorded.browser(Authorization=f"Bearer {token}".encode().decode("latin-1")).get(
        "/api/v1/articles"
    )
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.json["type"] == "urn:kb:problem:not-signed-in"


def test_other_ways_to_sign_in_are_somebody_else_s_and_ignored(recorded):
    assert recorded.browser(Authorization="Basic eDp5").get("/api/v1/articles").status_code == 200


def test_an_expired_and_a_revoked_token_open_nothing(recorded, monkeypatch):
    monkeypatch.setattr(guard, "KNOWN_SECONDS", 0.0)
    plain = tokens.create(recorded.store, Role.AGENT, "a", days=1)
    assert bearer(recorded, plain).get(SECRET).status_code == 200
    real = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: real() + 2 * 86_400 * 10**9)
    assert bearer(recorded, plain).get(SECRET).status_code == 401
    monkeypatch.setattr(time, "time_ns", real)
    (token,) = tokens.listed(recorded.store)
    tokens.revoke(recorded.store, token.id)
    assert bearer(recorded, plain).get(SECRET).status_code == 401


def test_the_database_does_not_hold_the_token(recorded, tmp_path):
    plain = tokens.create(recorded.store, Role.ADMIN, "boss")
    recorded.store.vacuum()
    for file in (tmp_path / "var").glob("kb.sqlite3*"):
        assert plain.encode() not in file.read_bytes()
    with recorded.store.reading() as connection:
        (row,) = connection.execute(sa.select(tables.tokens))
    assert row.expires_at - row.created_at == 365 * 86_400_000
    assert len(plain) >= 43


def test_signing_in_gives_a_signed_cookie_and_signing_out_takes_it(recorded, signing_in):
    plain = tokens.create(recorded.store, Role.AGENT, "Sato")
    browser, answer = signing_in(plain, SECRET)
    assert (answer.status_code, answer.headers["location"]) == (303, SECRET)
    cookie = answer.cookies[guard.COOKIE]
    assert (cookie.http_only, cookie.same_site, cookie.max_age, cookie.path) == (True, "Lax", 43_200, "/")
    assert plain not in cookie.value
    page = browser.get(SECRET)
    assert (page.status_code, page.headers["cache-control"]) == (200, "private, no-store")
    shown = browser.get("/signin").text
    assert "Sato" in shown
    field = re.search(r'name="form_token" value="([^"]+)"', shown)[1]
    assert browser.post("/signout", headers=FORM, **as_form(form_token=field)).status_code == 303
    assert browser.get(SECRET).status_code == 404


def test_a_wrong_token_shows_the_form_again_and_signs_nobody_in(recorded, signing_in):
    browser, answer = signing_in("kb_wrong")
    assert answer.status_code == 401
    assert 'role="alert"' in answer.text
    assert guard.COOKIE not in browser.cookies


@pytest.mark.parametrize(
    "following",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "/a b",
        "/x\r\nSet-Cookie: a=b",
    ],
)
def test_nobody_is_led_away_after_signing_in(recorded, signing_in, following):
    plain = tokens.create(recorded.store, Role.AGENT, "x")
    assert signing_in(plain, following)[1].headers["location"] == "/signin"


def test_a_form_that_another_site_sends_is_refused(recorded, signing_in):
    plain = tokens.create(recorded.store, Role.AGENT, "x")
    victim, stranger = recorded.browser(), recorded.browser()
    field = re.search(r'name="form_token" value="([^"]+)"', stranger.get("/signin").text)[1]
    victim.get("/signin")
    for body in (
        as_form(token=plain),
        as_form(token=plain, form_token="x"),
        as_form(token=plain, form_token=field),
    ):
        answer = victim.post("/signin", headers=FORM, **body)
        assert answer.status_code == 403
    assert recorded.browser().post("/signout", headers=FORM, **as_form()).status_code == 403
    assert victim.post("/signin", json={"token": plain}).status_code == 415


@pytest.mark.parametrize("value", ["x", "", "a.b.c", "IjEyMzQi.aaaaaa.bbbbbbbb"])
def test_a_forged_cookie_makes_its_bearer_the_public(recorded, value):
    browser = recorded.browser()
    browser.cookies[guard.COOKIE] = value
    assert browser.get(SECRET).status_code == 404
    assert browser.get("/ja/").status_code == 200


def test_a_cookie_ends_with_its_token(recorded, signing_in, monkeypatch):
    monkeypatch.setattr(guard, "KNOWN_SECONDS", 0.0)
    browser, _ = signing_in(tokens.create(recorded.store, Role.AGENT, "x"))
    assert browser.get(SECRET).status_code == 200
    tokens.revoke(recorded.store, tokens.listed(recorded.store)[0].id)
    assert browser.get(SECRET).status_code == 404


def test_the_sign_in_page_is_kept_by_nobody(recorded):
    answer = recorded.browser().get("/signin")
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.headers["x-robots-tag"] == "noindex"


def test_a_command_makes_lists_and_revokes(tmp_path, monkeypatch):
    monkeypatch.delenv("KB_DATABASE_URL", raising=False)
    var = ["--var", str(tmp_path)]
    made = CliRunner().invoke(cli, ["token", "create", "--role", "agent", "--name", "Sato", *var])
    assert made.exit_code == 0
    assert re.fullmatch(r"kb_[A-Za-z0-9_-]{43}\n", made.stdout)
    listed = CliRunner().invoke(cli, ["token", "list", *var]).stdout
    assert "valid" in listed
    assert made.stdout.strip() not in listed
    number = listed.split()[0]
    assert CliRunner().invoke(cli, ["token", "revoke", number, *var]).exit_code == 0
    assert "revoked" in CliRunner().invoke(cli, ["token", "list", *var]).stdout


@pytest.mark.parametrize(
    ("name", "days", "wrong"),
    [("", 5, BadParameter), ("x\n", 5, BadParameter), ("x", 0, BadParameter), ("x" * 101, 5, BadParameter)],
)
def test_a_token_without_a_name_or_with_an_odd_life_is_not_made(sqlite_store, name, days, wrong):
    with pytest.raises(wrong):
        tokens.create(sqlite_store, Role.AGENT, name, days)
    assert tokens.listed(sqlite_store) == []


def test_a_token_that_is_not_there_cannot_be_revoked(store):
    with pytest.raises(TokenNotFound):
        tokens.revoke(store, "nobody")


def test_commands_say_in_one_line_what_is_wrong_with_the_database(tmp_path):
    (tmp_path / "kb.sqlite3").write_bytes(b"not a database" * 100)
    command = [sys.executable, "-m", "kb", "token", "list", "--var", str(tmp_path)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | {"KB_DATABASE_URL": ""}
    )
    assert done.returncode == 2
    assert done.stderr.startswith("kb: sqlite")
    assert done.stderr.count("\n") == 1


def test_forget_and_prune_say_what_they_did(tmp_path, monkeypatch):
    monkeypatch.delenv("KB_DATABASE_URL", raising=False)
    var = ["--var", str(tmp_path)]
    assert "0 rows erased" in CliRunner().invoke(cli, ["forget", "--session", "s1", *var]).stdout
    assert "0 facts older than 90 days" in CliRunner().invoke(cli, ["prune", *var]).stdout
    assert CliRunner().invoke(cli, ["forget", *var]).exit_code == 2
    assert CliRunner().invoke(cli, ["forget", "--ticket", "a", "--session", "b", *var]).exit_code == 2


def test_the_secret_is_made_once_for_its_owner_alone(tmp_path):
    first = signing_secret(tmp_path / "var")
    assert signing_secret(tmp_path / "var") == first
    assert len(first) == 64
    assert (tmp_path / "var/secret").stat().st_mode & 0o077 == 0
    assert [file.name for file in (tmp_path / "var").iterdir()] == ["secret"]
    assert signing_secret(tmp_path / "other", "k" * 40) == b"k" * 40


def test_a_secret_that_was_cut_short_is_not_used(tmp_path):
    (tmp_path / "secret").write_text("short")
    with pytest.raises(StoreReadOnly, match="shorter"):
        signing_secret(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(KbError):
        signing_secret(tmp_path / "file")
