"""The words of pages and commands: gettext catalogues, `locale/<language>.po`. Who speaks calls them `t`.

Messages have names, so that no language is the source of the others. The catalogues are read as they are
edited, in a few milliseconds: nothing is compiled, and what would compile them takes longer to import.
A site may have locales that these files do not: it then speaks English around its own articles.
"""

from __future__ import annotations

import re
from ast import literal_eval
from datetime import datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

FALLBACK = "en"
_FOLDER = Path(__file__).parent / "locale"
_STRINGS = r'((?:"(?:[^"\\\n]|\\.)*"\n?)+)'
_MESSAGE = re.compile(rf"^msgid {_STRINGS}msgstr {_STRINGS}", re.M)
"""https://www.gnu.org/software/gettext/manual/html_node/PO-Files.html, without plurals and contexts."""


class Texts:
    """One language. To ask for a key that its file does not have is an error, which a test finds first."""

    def __init__(self, language: str, entries: dict[str, str]) -> None:
        self.language = language
        self._entries = entries

    def __call__(self, key: str, **values: object) -> str:
        return self._entries[key].format(**values)

    def raw(self, key: str) -> str:
        """With its placeholders, for a script that fills them in."""
        return self._entries[key]

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    def count(self, key: str, number: int) -> str:
        """`key.one` or `key.many`, with {count}."""
        return self(f"{key}.{'one' if number == 1 else 'many'}", count=f"{number:,}")

    def date(self, moment: datetime, time_zone: str) -> str:
        """The day as people of this language write it, where the site is."""
        day = moment.astimezone(ZoneInfo(time_zone))
        return self(
            "date", year=day.year, month=day.month, day=day.day, month_name=self(f"month.{day.month}")
        )


@cache
def languages() -> tuple[str, ...]:
    return tuple(sorted(file.stem for file in _FOLDER.glob("*.po")))


@cache
def texts_for(locale: str) -> Texts:
    """The words for a locale: its own, its language's (`pt` for `pt-BR`), else English."""
    wanted = (locale, locale.partition("-")[0], FALLBACK)
    language = next(each for each in wanted if each in languages())
    return Texts(language, read_catalogue((_FOLDER / f"{language}.po").read_text("utf-8")))


def read_catalogue(text: str) -> dict[str, str]:
    """Messages by name; the header, which has none, is left out."""
    found = {_joined(name): _joined(message) for name, message in _MESSAGE.findall(text)}
    return {name: message for name, message in found.items() if name}


def _joined(strings: str) -> str:
    """A string may go on in the next line; its escapes are C's, which Python shares."""
    return "".join(literal_eval(line) for line in strings.splitlines())


def language_name(locale: str) -> str:
    """As its speakers call it; the code itself for a language that we have no words of."""
    texts = texts_for(locale)
    return texts("language") if texts.language == locale.partition("-")[0] else locale
