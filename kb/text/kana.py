"""Kana, romaji and the keys they are typed with.

Tables hold facts of the writing system (Hepburn and Kunrei spellings, the JIS X 6002 keyboard).
"""

from __future__ import annotations

import re

_HIRAGANA = {code: code - 0x60 for code in range(0x30A1, 0x30F7)} | {0x30FD: 0x309D, 0x30FE: 0x309E}
_KATAKANA = re.compile(f"[{''.join(map(chr, _HIRAGANA))}]")
_KANA = re.compile(r"[\u3041-\u3096\u309d\u309e\u30a1-\u30fa\u30fc-\u30fe]")
_ALL_KANA = re.compile(r"[\u3041-\u3096\u309d\u309e\u30a1-\u30fa\u30fc-\u30fe]+")


def to_hiragana(text: str) -> str:
    """Katakana to hiragana, character for character; the long mark ー stays."""
    # to look for katakana takes a tenth of the time
    return text.translate(_HIRAGANA) if _KATAKANA.search(text) else text


def is_kana(text: str) -> bool:
    return bool(_ALL_KANA.fullmatch(text))


def kana_share(text: str) -> float:
    """Share of kana among the letters of `text`, 0 to 1; 0 when it has none."""
    letters = sum(1 for character in text if character.isalpha() or character == "ー")
    return len(_KANA.findall(text)) / letters if letters else 0.0


def _syllables() -> dict[str, str]:
    """Romaji to hiragana: every spelling that a Japanese input method takes."""
    rows = {
        "": "あいうえお", "k": "かきくけこ", "s": "さしすせそ", "t": "たちつてと", "n": "なにぬねの",
        "h": "はひふへほ", "m": "まみむめも", "r": "らりるれろ", "g": "がぎぐげご", "z": "ざじずぜぞ",
        "d": "だぢづでど", "b": "ばびぶべぼ", "p": "ぱぴぷぺぽ", "x": "ぁぃぅぇぉ", "l": "ぁぃぅぇぉ",
    }  # fmt: skip
    table = {c + v: kana for c, row in rows.items() for v, kana in zip("aiueo", row, strict=True)}
    table |= {"ya": "や", "yu": "ゆ", "yo": "よ", "wa": "わ", "wo": "を", "nn": "ん", "n'": "ん", "xn": "ん"}
    table |= {"shi": "し", "chi": "ち", "tsu": "つ", "fu": "ふ", "ji": "じ", "vu": "ゔ", "-": "ー"}
    table |= {"xtu": "っ", "ltu": "っ", "xtsu": "っ", "xya": "ゃ", "xyu": "ゅ", "xyo": "ょ"}
    small = {"ya": "ゃ", "yi": "ぃ", "yu": "ゅ", "ye": "ぇ", "yo": "ょ"}
    for consonant, row in rows.items():
        if consonant and consonant not in "xl":
            table |= {consonant + glide: row[1] + kana for glide, kana in small.items()}
    small_vowels = {"a": "ゃ", "u": "ゅ", "e": "ぇ", "o": "ょ"}
    for stem, kana in {"sh": "し", "ch": "ち", "j": "じ", "cy": "ち", "jy": "じ"}.items():
        table |= {stem + vowel: kana + glide for vowel, glide in small_vowels.items()}
    for vowel, glide in zip("aiueo", "ぁぃぅぇぉ", strict=True):
        table |= {"f" + vowel: "ふ" + glide} if vowel != "u" else {}
        table |= {"v" + vowel: "ゔ" + glide} if vowel != "u" else {}
        table |= {"ts" + vowel: "つ" + glide} if vowel != "u" else {}
    table |= {"wi": "うぃ", "we": "うぇ", "thi": "てぃ", "dhi": "でぃ", "thu": "てゅ", "dhu": "でゅ"}
    table |= {"twu": "とぅ", "dwu": "どぅ", "che": "ちぇ", "she": "しぇ", "je": "じぇ"}
    return table


_ROMAJI = _syllables()
_LONGEST = max(map(len, _ROMAJI))


def romaji_to_hiragana(text: str, partial: bool = False) -> str | None:
    """Read Latin letters as romaji; None when they are not. `partial` lets a consonant stand at the end.

    >>> romaji_to_hiragana("henkin"), romaji_to_hiragana("kyanseru"), romaji_to_hiragana("refund")
    ('へんきん', 'きゃんせる', None)
    """
    out: list[str] = []
    position = 0
    text = text.lower()
    while position < len(text):
        for length in range(min(_LONGEST, len(text) - position), 0, -1):
            kana = _ROMAJI.get(text[position : position + length])
            # "nn" before a vowel is ん + な-row (konna), not ん + vowel
            if kana and not (
                text[position : position + 3].startswith("nn")
                and text[position + 2 : position + 3] in tuple("aiueoy")
                and length == 2
            ):
                out.append(kana)
                position += length
                break
        else:
            here, after = text[position], text[position + 1 : position + 2]
            if (here == "n" and after != "'") or (here in "mn" and after and after in "bmp"):
                out.append("ん")
            elif (here == after and here in "bcdfghjkmprstvwyz") or (
                here == "t" and text[position + 1 : position + 3] == "ch"
            ):
                out.append("っ")
            elif partial and not after and here.isalpha():
                return "".join(out)
            else:
                return None
            position += 1
    return "".join(out)


def _keys() -> dict[str, str]:
    """Hiragana to the letters an input method is fed, the shortest spelling first."""
    table: dict[str, str] = {}
    for letters, kana in sorted(_ROMAJI.items(), key=lambda pair: (len(pair[0]), pair[0])):
        table.setdefault(kana, letters)
    return table | {"ん": "n", "し": "si", "ち": "ti", "つ": "tu", "ふ": "hu", "じ": "zi", "ー": "-"}


_TO_KEYS = _keys()


def kana_to_keys(text: str) -> list[str]:
    """The letters somebody pressed who meant Latin letters while the input method was on.

    ぱっsをrd gives `password`; where kana have several spellings, several readings come back.
    """
    text = to_hiragana(text.lower())
    readings = [""]
    position = 0
    while position < len(text):
        pair, single = text[position : position + 2], text[position]
        if single == "っ" and position + 1 < len(text):
            following = _TO_KEYS.get(
                text[position + 1 : position + 3], _TO_KEYS.get(text[position + 1], text[position + 1])
            )
            options = [following[:1]]
            position += 1
        elif pair in _TO_KEYS and len(pair) == 2:
            options = _spellings(pair)
            position += 2
        else:
            options = _spellings(single)
            position += 1
        readings = [reading + option for reading in readings for option in options][:16]
    return readings


def _spellings(kana: str) -> list[str]:
    usual = _TO_KEYS.get(kana, kana)
    others = {
        "し": "shi",
        "ち": "chi",
        "つ": "tsu",
        "ふ": "fu",
        "じ": "ji",
        "か": "ca",
        "く": "cu",
        "こ": "co",
        "ん": "nn",
    }
    return [usual, others[kana]] if kana in others else [usual]


_JIS_KEYS = dict(
    zip(
        "1234567890-^qwertyuiop@[asdfghjkl;:]zxcvbnm,./\\",
        "ぬふあうえおやゆよわほへたていすかんなにらせ゛゜ちとしはきくまのりれけむつさそひこみもねるめろ",
        strict=True,
    )
)
_JIS_LETTERS = {kana: key for key, kana in _JIS_KEYS.items() if key.isalpha()}
_VOICED = {
    a + "゛": b
    for a, b in zip(
        "かきくけこさしすせそたちつてとはひふへほう",
        "がぎぐげござじずぜぞだぢづでどばびぶべぼゔ",
        strict=True,
    )
}
_VOICED |= {a + "゜": b for a, b in zip("はひふへほ", "ぱぴぷぺぽ", strict=True)}


def kana_keyboard(text: str) -> str | None:
    """What a kana keyboard would have written for these Latin keys (`^ygy` → へんきん); None if it cannot."""
    if not text or any(key not in _JIS_KEYS for key in text.lower()):
        return None
    kana = "".join(_JIS_KEYS[key] for key in text.lower())
    for two, one in _VOICED.items():
        kana = kana.replace(two, one)
    return None if "゛" in kana or "゜" in kana else kana


def letters_keyboard(text: str) -> str | None:
    """The Latin keys behind text typed on a kana keyboard by mistake (せちととてらすし → password)."""
    kana = to_hiragana(text)
    if not kana or any(character not in _JIS_LETTERS for character in kana):
        return None
    return "".join(_JIS_LETTERS[character] for character in kana)


def under_way(text: str) -> list[str]:
    """What somebody who is typing with an input method may have so far, in hiragana.

    Kana stay, Latin letters are read as romaji, and a consonant at the end stands for its whole row:
    pasu → ぱす; ぱs → ぱさ ぱし ぱす … ぱしゃ; kan → かん かな かに …. Empty when it cannot be romaji.
    """
    text = to_hiragana(text.lower())
    tail = re.search(r"[a-z']*$", text)
    assert tail is not None
    before, letters = text[: tail.start()], tail.group()
    head = _mixed(before)
    if head is None:
        return []
    whole = [romaji_to_hiragana(letters)] if letters else [""]
    ends = [head + kana for kana in whole if kana is not None]
    for length in (1, 2, 3):
        row = letters[-length:]
        if len(letters) < length or row in _ROMAJI or not row.isalpha():
            continue
        start = romaji_to_hiragana(letters[:-length])
        if start is not None:
            ends += [
                head + start + kana
                for kana in sorted({_ROMAJI[key] for key in _ROMAJI if key.startswith(row)})
            ]
    return list(dict.fromkeys(end for end in ends if end))


def _mixed(text: str) -> str | None:
    """Kana with romaji among them, as hiragana; None when the letters are no romaji."""
    out = []
    for piece in re.findall(r"[a-z']+|[^a-z']+", text):
        kana = romaji_to_hiragana(piece) if piece[0].isascii() and piece[0].isalpha() else piece
        if kana is None:
            return None
        out.append(kana)
    return "".join(out)
