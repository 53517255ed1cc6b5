"""Names of people beside さん, 様, Mr, Ms and in "my name is …": an option, for the texts of tickets.

Names cannot be told from other words by their form; only what a title or a phrase announces is taken.
Used by `scrub`.
"""

from __future__ import annotations

import re

from kb.deflection.scrub_rules import Rule

_NOBODY = re.compile(
    "お客|客|皆|皆々|みな|各|様|神|仏|王|女王|殿|奥|お子|子供|子ども|お母|お父|母|父|お姉|姉|お兄|兄|お嬢|嬢"
    "|お孫|孫|娘|息子|祖母|祖父|おばあ|おじい|赤|お客さま|業者|店員|係員|係|担当|担当者|配達員|運転手"
    "|[\u3400-\u9fff]{0,4}(?:業者|会社|部署|銀行|局|屋|店|係|員)"
    "|ドライバー|店長|店|お店|職員|社員|受付|本屋|花屋|電気屋|郵便屋|宅配|宅配業者|ヤマト|佐川|クロネコ"
    "|警察|医者|先生|大家|管理人|仕|同|模|多|有|外|異|今|一|無|ご主人|主人|旦那|たく|お疲れ|誰|どなた|何|貴"
    "|御社|弊社|スタッフ|オペレーター|サポート|メーカー"
)
"""What stands before さん or 様 and is nobody's name."""

_WHEN = (
    r"(?:[今昨明先本翌前後毎][\u3400-\u9fff]{1,2}|[\u3400-\u9fff]{0,3}[日時月年後前]"
    "|以前|担当|店長|配送|配達|注文|商品|受付|電話|部長|課長)"
)
"""What stands before a name with a space and is no part of it."""

_TITLES = r"(?:さん|様(?![々子式相態])|さま|氏(?!名)|くん|君|ちゃん|殿)"
_JAPANESE = r"(?:[\u3400-\u9fff々ヶ]{1,8}|[\u30a1-\u30faー]{2,12}|[A-Za-z\u00c0-\u024f]{2,20})"
_LETTER = "A-Za-z\u00c0-\u024f'’-"
_CAPITAL = "A-Z\u00c0-\u00de"
_WORD = rf"[A-Za-z\u00c0-\u024f][{_LETTER}]{{1,20}}"
_NAME = rf"[{_CAPITAL}][{_LETTER}]{{1,20}}(?:[ ][{_CAPITAL}][{_LETTER}]{{1,20}}){{0,2}}"


def _is_somebody(match: re.Match[str]) -> bool:
    return not _NOBODY.fullmatch(match[1])


def _rule(pattern: str) -> Rule:
    return Rule("name", re.compile(pattern), 1, _is_somebody)


NAMES: tuple[Rule, ...] = (
    _rule(rf"(?:お名前|名前|氏名|名義)[ ]?[:は][ ]?({_JAPANESE})(?=です|と|、|。|$|\n|[ ])"),
    _rule(
        r"(?:^|(?<=[\nのは、。 「]))(?:担当者?の?)?"
        r"((?:[\u3400-\u9fff々ヶ]{1,5}|[\u30a1-\u30faー]{2,12})[ ]?(?:[\u3400-\u9fff々ヶ]{1,3})?)"
        r"(?=と(?:申し|もうし|言い|いい)ます)"
    ),
    _rule(
        r"(?:(?<![\u3400-\u9fff])(?:昨日|今日|本日|先日|今朝|昨晩|午前|午後)|担当者?の?)?"
        r"((?:(?<=[日朝晩前後])|(?<![\u3400-\u9fff々ヶ\u30a1-\u30faーA-Za-z]))(?<!お)"
        rf"(?:(?!{_WHEN}[ ])[\u3400-\u9fff々ヶ]{{1,4}}[ ](?=[\u3400-\u9fff々ヶ]{{1,3}}[ ]?{_TITLES}))?"
        rf"{_JAPANESE})(?=[ ]?{_TITLES})"
    ),
    _rule(rf"\b(?:Mr|Mrs|Ms|Miss|Mx|Dr|Prof)\b\.?[ ]({_NAME}|{_WORD})"),
    _rule(rf"\b(?:mr|mrs|ms|dr)\b\.?[ ]({_WORD})"),
    _rule(rf"\b(?i:my name is|this is|I am called|name:)[ ]({_NAME})"),
)
