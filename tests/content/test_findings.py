from __future__ import annotations

import json

from kb.content.findings import blocks, to_github, to_json, to_sarif, to_text
from kb.model import Finding, Severity

FINDINGS = (
    Finding(
        code="dead-link",
        severity=Severity.ERROR,
        path="ja/a b.md",
        line=3,
        column=7,
        message="50%: gone",
        mend="drop it",
    ),
    Finding(code="empty", severity=Severity.WARNING, path="ja/c.md", message="the file is empty"),
)
NOTE = Finding(code="cut-off-history", severity=Severity.NOTE, path="kb.yml", message="cut off")


def test_text_has_a_line_each_and_the_counts() -> None:
    assert to_text(FINDINGS) == (
        "ja/a b.md:3:7: error: 50%: gone [dead-link] (drop it)\n"
        "ja/c.md: warning: the file is empty [empty]\n"
        "1 error, 1 warning\n"
    )


def test_json_counts_and_lists_them() -> None:
    body = json.loads(to_json(FINDINGS))
    assert (body["errors"], body["warnings"]) == (1, 1)
    assert body["findings"][0]["severity"] == "error"


def test_github_commands_are_escaped_and_point_into_the_checkout() -> None:
    assert to_github(FINDINGS, "docs/") == (
        "::error file=docs/ja/a b.md,line=3,col=7,title=dead-link::50%25: gone (drop it)\n"
        "::warning file=docs/ja/c.md,title=empty::the file is empty\n"
    )


def test_sarif_names_rules_levels_and_places() -> None:
    run = json.loads(to_sarif(FINDINGS, "1.0"))["runs"][0]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["dead-link", "empty"]
    first, second = run["results"]
    assert first["level"] == "error"
    assert first["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "ja/a%20b.md", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 3, "startColumn": 7},
    }
    assert "region" not in second["locations"][0]["physicalLocation"]


def test_a_note_is_counted_as_what_it_is_and_is_one_to_github_and_code_scanners() -> None:
    assert to_text([NOTE]).splitlines() == [
        "kb.yml: note: cut off [cut-off-history]",
        "0 errors, 0 warnings, 1 note",
    ]
    body = json.loads(to_json([*FINDINGS, NOTE]))
    assert (body["errors"], body["warnings"], body["notes"]) == (1, 1, 1)
    assert to_github([NOTE]) == "::notice file=kb.yml,title=cut-off-history::cut off\n"
    assert json.loads(to_sarif([NOTE], "1.0"))["runs"][0]["results"][0]["level"] == "note"


def test_only_errors_of_unusable_files_block_a_publication() -> None:
    assert not any(blocks(finding) for finding in FINDINGS)
    assert blocks(Finding(code="front-matter", severity=Severity.ERROR, path="a.md", message="m"))
    assert not blocks(Finding(code="front-matter", severity=Severity.WARNING, path="a.md", message="m"))
