"""Findings as people, programs, GitHub and code scanners read them; and which of them stop a publication."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from urllib.parse import quote

import msgspec

from kb.content.codes import CODES
from kb.model import Finding, Severity

BLOCKING = frozenset(
    {"unreadable", "front-matter", "markdown", "duplicate-id", "unknown-audience", "unknown-status"}
)
"""Codes of files that cannot be served as their writer meant; as errors they block `kb publish`, others
(a dead link, say) are only reported."""

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def blocks(finding: Finding) -> bool:
    return finding.severity is Severity.ERROR and finding.code in BLOCKING


def to_text(findings: Sequence[Finding]) -> str:
    """One line each, then the counts; of notes where there are any."""
    counts = counts_of(findings)
    told = [each for each in Severity if counts[each] or each is not Severity.NOTE]
    lines = [str(finding) for finding in findings]
    lines.append(", ".join(counted(counts[each], each.value) for each in told))
    return "\n".join(lines) + "\n"


def to_json(findings: Sequence[Finding]) -> str:
    """The findings and how many of each severity, for programs."""
    counts = {f"{severity}s": number for severity, number in counts_of(findings).items()}
    body = {**counts, "findings": list(findings)}
    return msgspec.json.format(msgspec.json.encode(body)).decode() + "\n"


def to_github(findings: Sequence[Finding], prefix: str = "") -> str:
    """Workflow commands, shown beside the lines of a pull request; `prefix`: folder within the checkout.

    https://docs.github.com/actions/reference/workflow-commands-for-github-actions
    """
    return "".join(f"::{_github(finding, prefix)}\n" for finding in findings)


def to_sarif(findings: Sequence[Finding], version: str, prefix: str = "") -> str:
    """SARIF 2.1.0, as code scanning takes it."""
    rules = [_rule(code) for code in sorted({finding.code for finding in findings})]
    driver = {"name": "kb check", "version": version, "rules": rules}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding, prefix) for finding in findings],
    }
    body = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return msgspec.json.format(msgspec.json.encode(body)).decode() + "\n"


def counts_of(findings: Sequence[Finding]) -> dict[Severity, int]:
    """How many there are of each severity, none left out."""
    found = Counter(finding.severity for finding in findings)
    return {severity: found[severity] for severity in Severity}


def counted(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _file(finding: Finding, prefix: str) -> str:
    return f"{prefix.rstrip('/')}/{finding.path}" if prefix.strip("./") else finding.path


def _message(finding: Finding) -> str:
    return f"{finding.message} ({finding.mend})" if finding.mend else finding.message


def _github(finding: Finding, prefix: str) -> str:
    fields = {"file": _file(finding, prefix), "line": finding.line, "col": finding.column}
    given = ",".join(f"{name}={_escape(str(value), True)}" for name, value in fields.items() if value)
    title = _escape(finding.code, True)
    command = "notice" if finding.severity is Severity.NOTE else finding.severity.value
    return f"{command} {given},title={title}::{_escape(_message(finding), False)}"


def _escape(text: str, in_property: bool) -> str:
    text = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return text.replace(":", "%3A").replace(",", "%2C") if in_property else text


def _rule(code: str) -> dict[str, object]:
    """GitHub's code scanning takes no rule without all three texts."""
    meaning = CODES.get(code, code)
    help_text = f"{meaning} How to mend it stands in brackets at the end of each finding."
    return {
        "id": code,
        "shortDescription": {"text": meaning},
        "fullDescription": {"text": meaning},
        "help": {"text": help_text},
    }


def _result(finding: Finding, prefix: str) -> dict[str, object]:
    location: dict[str, object] = {
        "artifactLocation": {"uri": quote(_file(finding, prefix)), "uriBaseId": "%SRCROOT%"}
    }
    if finding.line:
        region = {"startLine": finding.line}
        if finding.column:
            region["startColumn"] = finding.column
        location["region"] = region
    return {
        "ruleId": finding.code,
        "level": finding.severity.value,
        "message": {"text": _message(finding)},
        "locations": [{"physicalLocation": location}],
    }
