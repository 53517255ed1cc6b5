"""The catalogues, the colours and the settings' table: what tables promise."""

from __future__ import annotations

import gettext
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import kb.web
from kb.errors import BadSetting
from kb.settings import SETTINGS, Settings, load
from kb.words import read_catalogue, texts_for

WEB = Path(kb.web.__file__).parent
ROOT = WEB.parent
FILES = sorted((ROOT / "locale").glob("*.po"))
CATALOGUES = {file.stem: read_catalogue(file.read_text("utf-8")) for file in FILES}
SOURCES = [*(WEB / "templates").glob("*.html"), *WEB.glob("*.py"), *ROOT.glob("*_cli.py"),
           ROOT / "deflection/sheet.py"]  # fmt: skip


def used_keys() -> set[str]:
    """Keys that templates and modules name as t("key"), texts("key"), count("key", n)."""
    keys: set[str] = set()
    for file in SOURCES:
        text = file.read_text("utf-8")
        keys |= set(re.findall(r"""\b(?:t|texts)\(\s*["']([a-z_.]+)["']\s*[,)]""", text))
        keys |= {
            f"{key}.{form}"
            for key in re.findall(r"""\bt\.count\(["']([a-z_.]+)["']""", text)
            for form in ("one", "many")
        }
    return keys


def test_there_are_japanese_and_english_words():
    assert set(CATALOGUES) >= {"ja", "en"}


def test_a_catalogue_is_read_as_gettext_reads_it(tmp_path):
    if shutil.which("msgfmt") is None:
        pytest.skip("needs msgfmt: apt-get install gettext")
    for file in FILES:
        compiled = tmp_path / f"{file.stem}.mo"
        subprocess.run(["msgfmt", "--check", "-o", compiled, file], check=True)
        with compiled.open("rb") as stream:
            known = gettext.GNUTranslations(stream)
        for name, message in CATALOGUES[file.stem].items():
            assert known.gettext(name) == message
    assert read_catalogue('msgid "a"\nmsgstr ""\n"one \\"two\\"\\n"\n"three"\n') == {"a": 'one "two"\nthree'}


def test_no_message_is_in_a_catalogue_twice():
    for file in FILES:
        names = re.findall(r'^msgid "(.+)"$', file.read_text("utf-8"), re.M)
        assert len(names) == len(set(names)) == len(CATALOGUES[file.stem])


def test_every_catalogue_has_every_key_with_the_same_placeholders():
    for language, entries in CATALOGUES.items():
        assert entries.keys() == CATALOGUES["en"].keys(), language
        for key, text in entries.items():
            # the parts of a date differ by language
            if key not in ("date", "insights.day"):
                assert set(re.findall(r"{\w+}", text)) == set(re.findall(r"{\w+}", CATALOGUES["en"][key])), (
                    key
                )


def test_every_key_that_is_used_is_in_the_catalogues():
    used = used_keys()
    assert len(used) > 30
    assert used <= CATALOGUES["en"].keys()


def test_every_key_is_used():
    families = ("month.", "problem.", "channel.", "none.other_link.", "ticket.flaw.", "ticket.said.",
                "feedback.reason.", "widget.", "report.outcome.", "report.meaning.", "report.figure.",
                "report.entry.", "report.cause.", "report.why.", "report.dropped.", "tickets.status.")  # fmt: skip
    unused = {key for key in CATALOGUES["en"].keys() - used_keys() if not key.startswith(families)}
    assert unused <= {"language", "date"}


def test_other_locales_speak_english_and_regions_their_language():
    assert texts_for("fr").language == "en"
    assert texts_for("ja-JP").language == "ja"


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("ink", "ground", "least"),
    [
        ("ink", "ground", 4.5),
        ("ink", "raised", 4.5),
        ("soft", "ground", 4.5),
        ("soft", "raised", 4.5),
        ("link", "ground", 4.5),
        ("link", "raised", 4.5),
        ("on-brand", "brand", 4.5),
        ("on-mark", "mark", 4.5),
        ("on-notice", "notice", 4.5),
        ("edge", "ground", 3),
        ("focus", "ground", 3),
        ("focus", "raised", 3),
    ],
)
def test_colours_contrast_enough_for_wcag_aa(scheme, ink, ground, least):
    blocks = re.findall(r":root {(.*?)}", (WEB / "static/style.css").read_text("utf-8"), re.S)
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", blocks[scheme == "dark"]))
    assert contrast(colours[ink], colours[ground]) >= least


def test_every_setting_has_a_row_and_its_default_is_that_of_the_value():
    assert [setting.field for setting in SETTINGS] != []
    assert {setting.field for setting in SETTINGS} == set(Settings.__struct_fields__)
    assert load({}) == Settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KB_BASE_URL", "help.example.com"), ("KB_BASE_URL", "https://a b"), ("KB_BASE_URL", "https://a/?x"),
        ("KB_WORKERS", "0"), ("KB_WORKERS", "two"), ("KB_THREADS", "-1"), ("KB_LOG_LEVEL", "loud"),
        ("KB_MAX_BODY", "1e6"), ("KB_RATE_LIMIT", "often"), ("KB_RATE_LIMIT", "0/minute"),
        ("KB_TRUSTED_PROXIES", "proxy.local"),
        ("KB_WIDGET_ORIGINS", "shop.example"), ("KB_WIDGET_ORIGINS", "https://shop.example/page"),
    ],
)  # fmt: skip
def test_a_bad_setting_is_refused_by_name(name, value):
    with pytest.raises(BadSetting, match=name):
        load({name: value})


def test_settings_are_read_from_the_environment():
    settings = load(
        {
            "KB_BASE_URL": "https://help.example.com/ヘルプ/",
            "KB_RATE_LIMIT": "off",
            "KB_TRUSTED_PROXIES": "10.0.0.0/8",
        }
    )
    assert settings.base_url.origin == "https://help.example.com"
    assert settings.base_url.prefix == "/%E3%83%98%E3%83%AB%E3%83%97"
    assert settings.rate_limit == ""
    assert settings.trusted_proxies == ("10.0.0.0/8",)


@pytest.mark.parametrize(
    "url", ["mysql://u:geheim@h/x", "postgresql://u:geheim@h:port/x", "postgresql://u:geheim@[h/x"]
)
def test_an_address_of_a_database_that_cannot_be_read_is_refused_at_start_without_its_password(url):
    with pytest.raises(BadSetting, match="KB_DATABASE_URL") as raised:
        load({"KB_DATABASE_URL": url})
    assert "geheim" not in str(raised.value)
