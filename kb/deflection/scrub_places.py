"""Street addresses, Japanese and English, as patterns. Used by `scrub_rules`.

Only what leads to a door is taken: a number below a town. 東京都への送料 and "shipping to London" stay.
"""

from __future__ import annotations

import re

PREFECTURES = (
    "北海道 東京都 京都府 大阪府 青森県 岩手県 宮城県 秋田県 山形県 福島県 茨城県 栃木県 群馬県 埼玉県 千葉県 神奈川県 "
    "新潟県 富山県 石川県 福井県 山梨県 長野県 岐阜県 静岡県 愛知県 三重県 滋賀県 兵庫県 奈良県 和歌山県 鳥取県 島根県 "
    "岡山県 広島県 山口県 徳島県 香川県 愛媛県 高知県 福岡県 佐賀県 長崎県 熊本県 大分県 宮崎県 鹿児島県 沖縄県"
).split()

_D = "[0-9〇一二三四五六七八九十百]"
_BLOCK = (
    rf"(?:{_D}{{1,4}}[ ]?丁目(?:[ ]?{_D}{{1,5}}(?:番地?|-)?(?:[ の-]?{_D}{{1,5}}号?)?)?"
    rf"|{_D}{{1,5}}番地?(?:[ の-]?{_D}{{1,5}}号?)?(?:[の-]{_D}{{1,5}})?"
    r"|[0-9]{1,5}(?:-[0-9]{1,5}){1,3})"
)
"""２丁目８番１号, 123番地, 2-8-1."""
_HOUSE = (
    r"(?:[ ]?[\u30a0-\u30ff\u3400-\u9fffA-Za-z々ヶ]{2,20}(?:[0-9]{1,4}(?:号室?|階|F)?|[ ][0-9]{2,4}(?:号室?|階|F)?))?"
)
"""Name of a building and number of the flat."""
_TOWN = r"[\u3400-\u9fff々ヶケ]"
_KANA_TOWNS = (
    "つくば|さいたま|いわき|ひたちなか|かすみがうら|つくばみらい|みどり|ふじみ野|いすみ|あきる野|かほく|あわら|みよし|"
    "いなべ|たつの|うきは|みやま|えびの|うるま|むつ|つがる|にかほ|さくら|せたな|にしき"
)

_ENGLISH_SURE = r"street|avenue|ave|road|rd|boulevard|blvd|lane|ln|terrace|parkway|pkwy|highway|hwy"
_ENGLISH_NAMED = r"St|Dr|Drive|Court|Ct|Place|Pl|Square|Sq|Way|Circle|Cir|Close|Crescent|Row"
_NOT_A_NAME = r"(?:of|the|in|on|to|for|and|or|a|an|any|my|your|per|from|with|at|is|items?|pairs?)\b"
_AFTER = (
    r"(?:[ ](?:NE|NW|SE|SW|N|S|E|W)\b\.?)?(?:,?[ ](?:apt|apartment|suite|ste|unit|floor|room|rm)\b\.?[ ]?#?[A-Za-z0-9-]{1,6}"
    r"|,?[ ]#[A-Za-z0-9-]{1,6})?(?:,[ ][A-Za-z .]{2,30})?(?:,?[ ][A-Z]{2}[ ][0-9]{5}(?:-[0-9]{4})?)"
)
_TAIL = rf"\b\.?(?:{_AFTER}|{_AFTER.removesuffix('(?:,?[ ][A-Z]{2}[ ][0-9]{5}(?:-[0-9]{4})?)').removesuffix('(?:,[ ][A-Za-z .]{2,30})?')})"
