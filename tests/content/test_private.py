"""Secrets and personal data, each put together here so that no scanner stumbles over this file."""

from __future__ import annotations

import pytest

from kb.content.check import check
from kb.content.private import leaks
from kb.content.tree import read_tree

from .conftest import MakeTree

SECRETS = {
    "a private key": "-----BEGIN " + "RSA PRIVATE KEY-----",
    "an AWS access key": "AKIA" + "QWERTZUIOPASDFGH",
    "a GitHub token": "ghp_" + "a1B2" * 9,
    "a GitLab token": "glpat-" + "a1B2" * 5,
    "a Slack token": "xoxb-" + "1928374650-a1B2",
    "a Google API key": "AIza" + "a1B2c" * 7,
    "a Stripe key": "sk_live_" + "a1B2" * 6,
    "a JSON web token": "eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.SflKxwRJSMeKKF",
    "a password in an address": "postgres://shop:gx7Qz@db.shop.jp/main",
}
PERSONAL = {
    "somebody's own mail address": "h.yamashita@gmail.com",
    "a mobile telephone number": "090-8273-4465",
    "the number of a payment card": "4539 1488 0343 6467",
    "a My Number": "マイナンバー: 2719 4408 6530",
}
HARMLESS = (
    "AKIAIOSFODNN7EXAMPLE", "https://user:password@host/", "git clone https://$USER:$TOKEN@git/", "you@gmail.com",
    "support@komorebi.example", "090-1234-5678", "080-0000-0000", "03-5544-8273", "4242 4242 4242 4242",
    "4539 1488 0343 6468", "20260501123456", "マイナンバー 2719 4408 6531", "sk_live_your_key", "yamada@shop.jp",
)  # fmt: skip


@pytest.mark.parametrize(("what", "text"), [*SECRETS.items(), *PERSONAL.items()])
def test_what_nobody_should_read_is_found_where_it_stands_and_not_repeated(what: str, text: str) -> None:
    (leak,) = leaks(f"first\nuse {text} now\n")
    assert (leak.what, leak.secret, leak.line) == (what, what in SECRETS, 2)
    assert leak.column == (5 if what != "a My Number" else 13)


@pytest.mark.parametrize("text", HARMLESS)
def test_examples_and_what_is_meant_to_be_read_are_left_alone(text: str) -> None:
    assert list(leaks(f"use {text} now")) == []


def test_full_width_digits_count_as_well() -> None:
    assert [leak.what for leak in leaks("０９０－８２７３－４４６５")] == ["a mobile telephone number"]


def test_check_tells_of_them_in_front_matter_too(tree: MakeTree) -> None:
    secret = SECRETS["an AWS access key"]
    root = tree(
        {
            "a.md": f"---\ntitle: A\ndescription: {secret}\n---\n# A\n\n{PERSONAL['a mobile telephone number']}\n"
        }
    )
    told = [each for each in check(read_tree(root)) if each.code in ("secret", "personal-data")]
    assert [(each.code, each.severity.value, each.line, each.column) for each in told] == [
        ("secret", "error", 3, 14),
        ("personal-data", "warning", 7, 1),
    ]
    assert not any(secret in str(each) for each in told)
