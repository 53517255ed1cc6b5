"""One file's bytes → one `Article`, or the reasons why it is none. `tree` calls it for each changed file.

Pure: everything that decides the outcome is in the arguments, so that it may run in another process and
its result be kept under the digest of the arguments.
"""

from __future__ import annotations

import hashlib
import posixpath
from datetime import datetime

import msgspec
from msgspec import Struct

from kb.content import frontmatter, guard, markdown
from kb.content.frontmatter import FrontMatter
from kb.content.paths import Layout, Place, locate
from kb.content.walk import unreadable
from kb.content.yamltext import Mark
from kb.errors import ContentError
from kb.model import Article, Audience, Finding, Kind, Severity, Status

PARSER_VERSION = 3
"""To be raised with every change of what is read out of a file, so that kept articles are read anew."""


_MENDS = {
    "front-matter": "mend this line; the front matter is YAML between two lines of ---",
    "markdown": "make the page simpler or shorter, or split it",
}


class Rules(Struct, frozen=True, kw_only=True):
    """What of `kb.yml` and of the tree's folders decides how a file is read."""

    layout: Layout
    agents_only: tuple[str, ...] = ()
    configured: bool = False


class Source(Struct, frozen=True, kw_only=True):
    """A file to be read."""

    path: str
    data: bytes
    digest: str
    changed: datetime
    """When git, or else the file system, says that it last changed."""


class Outcome(Struct, frozen=True, kw_only=True):
    article: Article | None = None
    findings: tuple[Finding, ...] = ()


def seed(rules: Rules) -> bytes:
    """What every digest of a tree begins with."""
    return msgspec.msgpack.encode((PARSER_VERSION, rules))


def digest(seeded: bytes, path: str, data: bytes) -> str:
    """SHA-256 over parser, rules, path and bytes; the path's length keeps the parts apart."""
    name = path.encode()
    return hashlib.sha256(b"%s%d:%s%s" % (seeded, len(name), name, data)).hexdigest()


def in_agents_folder(below: str, path: str, folders: tuple[str, ...]) -> bool:
    """Whether a folder rule names the file, by its path below the locale or below the root.

    Case does not count: on many disks `Internal/` and `internal/` are one folder.
    """
    candidates = [f"{each.casefold()}/" for each in (below, path)]
    return any(name.startswith(f"{folder.casefold()}/") for folder in folders for name in candidates)


def read(source: Source, rules: Rules) -> Outcome:
    """The article in `source`, with findings; without one, an error or warning says why."""
    path = source.path
    try:
        text = _decode(source.data, path)
    except ContentError as error:
        return Outcome(findings=(unreadable(path, error.reason, error.line, error.column),))
    try:
        yaml_text, body, first_line = frontmatter.split(text, path)
        head = frontmatter.parse(yaml_text, path, strict=rules.configured)
    except ContentError as error:
        return Outcome(findings=(_left_out("front-matter", error),))
    if not body.strip() and not yaml_text.strip():
        return Outcome(findings=(_empty(path),))
    if head.left_out:
        return Outcome(findings=head.findings)
    place = locate(path, rules.layout)
    job = guard.Job(body=body, path=path, locale=place.locale, layout=rules.layout,
                    title=head.values.title, first_line=first_line)  # fmt: skip
    try:
        rendered = guard.render(job)
    except ContentError as error:
        return Outcome(findings=(*head.findings, _left_out("markdown", error)))
    faulty = any(finding.severity is Severity.ERROR for finding in head.findings)
    made = _article(source, rules, place, head.values, rendered, job)
    return Outcome(article=msgspec.structs.replace(made, faulty=faulty), findings=head.findings)


def _decode(data: bytes, path: str) -> str:
    if len(data) > markdown.MAX_BYTES:
        raise ContentError(path, 0, f"larger than {markdown.MAX_BYTES // 1_000_000} MB")
    if b"\x00" in data:
        at = Mark.of_byte(data, data.index(b"\x00"))
        raise ContentError(path, at.line, "is binary: it holds a NUL byte", at.column)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        at = Mark.of_byte(data, error.start)
        reason = f"is not UTF-8 (byte 0x{data[error.start]:02x})"
        raise ContentError(path, at.line, reason, at.column) from None


def _left_out(code: str, error: ContentError) -> Finding:
    return Finding(code=code, severity=Severity.ERROR, path=error.path, line=error.line,
                   column=error.column, message=f"left out: {error.reason}", mend=_MENDS[code])  # fmt: skip


def _empty(path: str) -> Finding:
    return Finding(code="empty", severity=Severity.WARNING, path=path, message="left out: the file is empty",
                   mend="write the article, or delete the file")  # fmt: skip


def _article(
    source: Source, rules: Rules, place: Place, head: FrontMatter, rendered: markdown.Rendered, job: guard.Job
) -> Article:
    return Article(
        locale=place.locale,
        id=place.id,
        path=source.path,
        digest=source.digest,
        title=head.title or rendered.title_from_h1 or _name(source.path),
        description=head.description,
        category=head.category or place.category,
        tags=head.tags,
        questions=head.questions,
        golden=head.golden,
        audience=_audience(source.path, rules, place, head),
        status=head.status or Status.PUBLISHED,
        kind=_kind(place, head),
        owner=head.owner,
        review_by=head.review_by,
        redirect_from=head.redirect_from,
        related=head.related,
        call_card=head.call_card,
        products=head.products,
        updated=head.updated or source.changed,
        publish_at=head.publish_at,
        unpublish_at=head.unpublish_at,
        manual=place.manual,
        order=place.order,
        sections=rendered.sections,
        html=rendered.html,
        markdown=job.body,
        body_line=job.first_line,
        media=rendered.media,
    )


def _audience(path: str, rules: Rules, place: Place, head: FrontMatter) -> Audience:
    """The stricter of folder and front matter."""
    if in_agents_folder(place.below, path, rules.agents_only):
        return Audience.AGENT
    return head.audience or Audience.PUBLIC


def _kind(place: Place, head: FrontMatter) -> Kind:
    return head.kind or place.kind


def _name(path: str) -> str:
    """The file's name as a title; a README's folder says more than its own name."""
    folder, name = posixpath.split(path)
    stem = posixpath.splitext(name)[0]
    return posixpath.basename(folder) if folder and stem.lower() in ("readme", "index") else stem
