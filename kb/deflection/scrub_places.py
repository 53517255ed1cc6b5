"""Street addresses, Japanese and English, as patterns. Used by `scrub_rules`.

Only what leads to a door is taken: a number below a town. 東京都への送料 and "shipping to London" stay.
"""

from __future__ import annotations

import re

# ---------------------------------------------------------------- Japan

_PREFECTURE = (
    "北海道|東京都|(?:京都|大阪)府|(?:青森|岩手|宮城|秋田|山形|福島|茨城|栃木|群馬|埼玉|千葉|神奈川|新潟"
    "|富山|石川|福井|山梨|長野|岐阜|静岡|愛知|三重|滋賀|兵庫|奈良|和歌山|鳥取|島根|岡山|広島|山口|徳島"
    "|香川|愛媛|高知|福岡|佐賀|長崎|熊本|大分|宮崎|鹿児島|沖縄)県"
)

_KANA_TOWNS = (
    "つくばみらい|かすみがうら|ひたちなか|さいたま|つくば|いわき|みどり|ふじみ野|いすみ|あきる野|かほく|あわら|みよし|"
    "いなべ|たつの|うきは|みやま|えびの|うるま|むつ|つがる|にかほ|さくら"
)
"""Towns whose names are not written in kanji."""

_TOWN = rf"(?:(?:{_KANA_TOWNS})|[\u3400-\u9fff々ヶケ]{{1,6}}?)(?:市|区|町|村|郡)"
_STREETS = r"[\u3040-\u30ff\u3400-\u9fff々ヶ・]{0,20}?"
_KANJI_DIGITS = "[〇一二三四五六七八九十]"
_COUNTED = r"[ ]?(?:営業日|日|時|分|週|年|か月|ヶ月|カ月|個|点|円|名|人|枚|本|箱|回|件|台|歳|cm|kg|店|%)"
"""横浜市は1-2日で is no place."""
_BLOCK = (
    rf"(?:(?:(?:[東西南北]?[0-9]{{1,2}}条)?[東西南北]?[0-9]{{1,3}}|{_KANJI_DIGITS}{{1,3}})丁目"
    rf"(?:(?:[0-9]{{1,5}}|{_KANJI_DIGITS}{{1,4}})(?:番地?)?(?:[の-]?(?:[0-9]{{1,5}}|{_KANJI_DIGITS}{{1,3}})号?)?)?"
    rf"(?:(?:の[0-9]{{1,4}}){{1,2}}号?)?"
    r"|[0-9]{1,4}の[0-9]{1,4}の[0-9]{1,4}"
    rf"|{_KANJI_DIGITS}{{1,3}}の{_KANJI_DIGITS}{{1,3}}の{_KANJI_DIGITS}{{1,4}}"
    rf"|{_KANJI_DIGITS}{{1,3}}番地?の?{_KANJI_DIGITS}{{1,3}}号?"
    r"|[0-9]{1,5}番地(?:[の-]?[0-9]{1,5}号?)?|[0-9]{1,5}番[0-9]{1,5}号?"
    rf"|[0-9]{{1,5}}[ ]?-[ ]?[0-9]{{1,5}}(?:[ ]?-[ ]?[0-9]{{1,5}}){{0,2}}(?![0-9]|{_COUNTED}))(?![0-9])"
)
"""２丁目８番１号, 123番地, 2-8-1; 一番 alone is the best of something."""
_FLAT = r"(?:[A-Z]-?)?[0-9]{1,4}(?:号[室館棟]?|階|F)?(?![0-9-])"
_NAME = r"[\u30a0-\u30ff\uff66-\uff9f\u2160-\u217f\u3400-\u9fffA-Z々]"
_HOUSE = rf"(?:[ ]?{_NAME}{{2,16}}[ ]?(?:{_NAME}{{1,10}}[ ]?)?{_FLAT}|[ -][0-9]{{2,4}}(?:号室?)?(?![0-9-]))?"
"""Name of a building with the number of the flat."""

# ---------------------------------------------------------------- English

_SURE = r"street|avenue|ave|road|rd|boulevard|blvd|lane|terrace|parkway|pkwy|highway|hwy"
_WITH_CAPITAL = r"St|Ln|Dr|Drive|Court|Ct|Place|Pl|Square|Sq|Way|Circle|Cir|Close|Crescent|Row"
"""These end an address only where they are written as names are: "5 star place" is none."""
_NO_NAME = r"(?:of|the|in|on|to|for|and|or|a|an|any|my|your|per|from|with|at|is|items?|pairs?|way)\b"
_UNIT = (
    r"(?i:,?[ ](?:apt|apartment|suite|ste|unit|floor|room|rm)\b\.?[ ]?#?[a-z0-9-]{1,6}|,?[ ]#[a-z0-9-]{1,6})?"
)
_REST = (
    rf"\b\.?(?:[ ](?:NE|NW|SE|SW|N|S|E|W)\b\.?)?{_UNIT}"
    r"(?:,[ ][A-Za-z]{2,15}(?:[ ][A-Za-z]{2,15}){0,2},?[ ][A-Z]{2}[ ][0-9]{5}(?:-[0-9]{4})?)?"
)
_NUMBER = (
    r"(?:(?<![A-Za-z])(?i:flat|apartment|apt|unit|suite|room)\.?[ ][A-Za-z0-9]{1,5}(?:,[ ]?|[ ]|/))?"
    r"(?<![0-9A-Za-z.,-])[0-9]{1,5}[A-Za-z]?[ ](?:[NSEW]\.?[ ])?"
)
_ORDINAL = r"[0-9]{1,3}(?:st|nd|rd|th)[ ]"

ADDRESSES: tuple[re.Pattern[str], ...] = (
    re.compile(rf"(?:{_PREFECTURE})[ ]?{_STREETS}[ ]?{_BLOCK}{_HOUSE}", re.ASCII),
    re.compile(rf"(?:{_TOWN}){_STREETS}[ ]?{_BLOCK}{_HOUSE}", re.ASCII),
    re.compile(
        rf"{_NUMBER}(?:(?:(?!{_NO_NAME})[A-Za-z][A-Za-z'.-]{{0,20}}[ ]){{1,3}}(?:{_ORDINAL})?|{_ORDINAL})"
        rf"(?:{_SURE}){_REST}",
        re.I | re.ASCII,
    ),
    re.compile(rf"{_NUMBER}The[ ](?:Avenue|Street|Road|Lane|Terrace|{_WITH_CAPITAL}){_REST}", re.ASCII),
    re.compile(rf"{_NUMBER}(?:[A-Z][A-Za-z'.-]{{0,20}}[ ]){{1,3}}(?:{_WITH_CAPITAL}){_REST}", re.ASCII),
    re.compile(r"\bP\.?[ ]?O\.?[ ]?Box[ ]?[0-9]{1,6}", re.I | re.ASCII),
    re.compile(
        r"(?<![0-9-])[0-9]{1,4}(?:-[0-9]{1,4}){1,3},?[ ]"
        r"(?:[A-Z][a-z]{1,20}(?:-[A-Za-z][a-z]{1,20})?,?[ ]?){0,3}"
        r"[A-Z][a-z]{1,20}-(?:ku|shi|cho|machi|mura|gun)\b(?:,?[ ][A-Z][a-z]{2,12}(?:-(?:to|fu|ken|shi))?)?",
        re.ASCII,
    ),
)
