"""What is taken out of texts: one row a form, in the order in which they are tried. Used by `scrub`.

The patterns see half-width characters only (`scrub` folds them), Japanese words as they are. A row that
needs a word before it ("注文番号 …") takes the value and leaves the word. Order: what is sure by its own form
first (mail, keys), then what a word announces, then what a check digit or a shape suggests.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import NamedTuple

from kb.deflection.scrub_places import ADDRESSES

Match = re.Match[str]


class Rule(NamedTuple):
    kind: str
    """The placeholder without its brackets."""
    pattern: re.Pattern[str]
    group: int = 0
    """The part that is taken."""
    check: Callable[[Match], bool] | None = None


def luhn(digits: str) -> bool:
    """The check digit of payment cards."""
    doubled = (int(each) * (2 if place % 2 else 1) for place, each in enumerate(reversed(digits)))
    return sum(number - 9 if number > 9 else number for number in doubled) % 10 == 0


def my_number(digits: str) -> bool:
    """The check digit of the Japanese individual number (ministerial ordinance 85 of 2014, article 5)."""
    weights = (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)
    rest = sum(int(each) * weight for each, weight in zip(digits[:11], weights, strict=True)) % 11
    return int(digits[11]) == (0 if rest <= 1 else 11 - rest)


def ean(digits: str) -> bool:
    """The check digit of a product's barcode or an ISBN-13."""
    return sum(int(each) * (3 if place % 2 else 1) for place, each in enumerate(digits)) % 10 == 0


def iban(text: str) -> bool:
    """Whether the check digits hold (ISO 13616)."""
    turned = text[4:] + text[:4]
    return len(text) >= 15 and int("".join(str(int(each, 36)) for each in turned)) % 97 == 1


def _digits(match: Match) -> str:
    return re.sub(r"[^0-9]", "", match[0])


def _is_card(match: Match) -> bool:
    digits = _digits(match)
    return 13 <= len(digits) <= 19 and digits[0] in "23456" and not _is_product(match) and luhn(digits)


def _is_my_number(match: Match) -> bool:
    return my_number(_digits(match))


def _is_product(match: Match) -> bool:
    digits = _digits(match)
    return len(digits) == 13 and digits.startswith(("45", "49", "978", "979")) and ean(digits)


def _is_number(match: Match) -> bool:
    """Ten digits and more are somebody's; but barcodes are goods, and dates with a time are dates."""
    digits = _digits(match)
    date = re.match(r"20[0-9]{2}-?(0[1-9]|1[0-2])-?(0[1-9]|[12][0-9]|3[01])", match[0])
    dated = date and len(digits) in ((12, 14) if digits == match[0] else (10, 12, 14))
    return len(digits) >= 10 and not _is_product(match) and not dated


def _is_iban(match: Match) -> bool:
    return iban(match[0].replace(" ", "").upper())


def _is_ip(match: Match) -> bool:
    try:
        return bool(ipaddress.ip_address(match[0])) and len(match[0]) > 3
    except ValueError:
        return False


def _is_key(match: Match) -> bool:
    """Long, and mixed as no word is: digits among letters of both cases, or only hexadecimal digits."""
    text = match[0]
    if re.fullmatch(r"[0-9a-fA-F]{32,}", text):
        return True
    kinds = [any(test(each) for each in text) for test in (str.isdigit, str.isupper, str.islower)]
    return all(kinds) and sum(map(str.isdigit, text)) >= 3


def _is_phone(match: Match) -> bool:
    return 7 <= len(_digits(match)) <= 15


def _is_japanese_phone(match: Match) -> bool:
    return len(_digits(match)) in (10, 11)


def _has_digit(match: Match) -> bool:
    return any(map(str.isdigit, match[match.lastindex or 0]))


def _many_digits(match: Match) -> bool:
    value = match[match.lastindex or 0]
    return sum(map(str.isdigit, value)) >= 5


def _is_member(match: Match) -> bool:
    """A number, or a name with a number that somebody chose: hanako1987."""
    return _many_digits(match) or match[match.lastindex or 0][:2].isalpha()


def _rule(
    kind: str, pattern: str, group: int = 0, check: Callable[[Match], bool] | None = None, flags: int = re.I
) -> Rule:
    return Rule(kind, re.compile(pattern, flags | re.ASCII), group, check)


def after(words: str, value: str) -> str:
    """`value` as group 1 behind one of the words and at most a few signs, or は, が, の, を, です, is."""
    return rf"(?:{words})[ \t]{{0,3}}(?:is|was|は|が|の|を|に)?[ \t]{{0,3}}[:=#「『\"']?[ \t]{{0,3}}{value}"


_NUMBER = r"(?:番号|ナンバー|コード|ID|No\.?|number|num\.?|#|code)"
_ORDER_WORDS = (
    rf"(?:ご?注文|オーダー|受注|伝票|送り状|追跡|お?問い?合わ?せ|受付|予約|返品|請求書?|領収書"
    rf"|納品書?|管理){_NUMBER}|ご注文|注文"
    r"|\b(?:order|tracking|invoice|reference|ref|ticket|case|receipt|booking|reservation|shipment|return|rma)"
    rf"\b\.?(?:[ ]?(?:{_NUMBER}))?"
    r"|\b(?:confirmation|consignment)[ ]?(?:number|no\.?|code|#)"
)
_MEMBER_WORDS = (
    rf"(?:会員証?|お?客様|お?客さま|顧客|ユーザー?|利用者|(?:ポイント|会員)カード|メンバーズ?|アカウント)の?{_NUMBER}"
    r"|\b(?:member(?:ship)?|customer|user|account|client|loyalty(?: card)?|rewards?(?: card)?)"
    r"[ ]?(?:id|no\.?|number|code|#)"
)
_KEY_WORDS = (
    r"ワンタイムパスワード|パスワード|暗証番号|認証(?:コード|番号)|確認コード|パスコード"
    r"|秘密の質問の答え|合言葉"
    r"|\b(?:password|passwd|passcode|pwd|pin(?:[ ]code)?|secret|otp|api[_ -]?key|(?:access|auth)[_ -]?token"
    r"|token|(?:verification|security|one-time|login|authentication)[ ]code)\b"
)
_BANK_WORDS = (
    r"普通(?:預金)?|当座(?:預金)?|口座(?:番号)?|店番|支店(?:コード|番号)|記号"
    r"|(?<=記号.{5})番号|(?<=記号.{6})番号|(?<=記号.{7})番号"
    r"|\b(?:bank account|routing)(?: (?:number|no\.?))?|\baccount (?:number|no\.?)|\bsort code"
)
_BANK_NUMBER = r"(?:No\.?|#)?[ ]?([0-9](?:[0-9-]){2,16})(?![0-9])"
_PAPERS = (
    r"免許証?(?:の)?番号|パスポート(?:の?番号)?|旅券番号|保険証(?:の)?番号|在留カード(?:の?番号)?"
    r"|\bpassport(?: (?:number|no\.?))?"
    r"|\b(?:ssn|social security number|driver'?s licen[cs]e(?: number)?)"
)
_POSTAL_WORDS = r"郵便番号|\b(?:postal|zip|post)[ ]?code\b|\bzip\b"
_PHONE_WORDS = (
    r"電話(?:番号)?|携帯(?:番号|電話)?"
    r"|\b(?:(?:phone|mobile|cell|call(?: me)?(?: at)?)\b\.?(?: number)?|(?:tel|fax)(?![a-z])\.?(?: number)?)"
)
_CARD_WORDS = r"(?<!ポイント)カード(?:の)?番号|\bcard number|\bcard no\.?"
_CARD_CODE_WORDS = r"セキュリティ(?:コード|番号)|\b(?:cvv2?|cvc2?|security code)\b"
_AMOUNT = r"(?![0-9A-Za-z-]*[ ]?(?:円|yen|個|点|件|pt))"
"""注文 50000円以上 is no number of an order."""

_MAIL = r"[a-z0-9._%+'!$&*=?^{|}~-]"
_AT = (
    r"(?:[ ]{0,2}@(?:マーク)?[ ]{0,2}|[ ]?[\[({](?:at|アット(?:マーク)?)[\])}][ ]?|[ ]?アット(?:マーク)?[ ]?)"
)
_DOT = r"(?:\.|[ ]?[\[({](?:dot|ドット)[\])}][ ]?|[ ]?ドット[ ]?)"
_DOMAINS = r"(?:com|net|org|jp|io|info|biz|edu|gov|co|uk|us|de|fr|me|app|dev|shop)"
"""What a domain ends with, where nothing else tells it from a sentence."""
_END = r"(?![0-9]|-[0-9])"
"""The number ends here, and is no part of a longer one."""
_NO_GOODS = r"(?<!コード)(?<!コード[ :])(?<!型番)(?<!型番[ :])(?<!品番)(?<!品番[ :])(?<!jan[ :])"
"""Codes of goods and of errors (商品コード, エラーコード) are nobody's."""
_PART = r"(?:[ ]?-[ ]?|[ .])?"
"""Between the groups of a telephone number."""
_BEGIN = r"(?<![0-9A-Za-z-])"

_ANNOUNCED_KEYS: tuple[Rule, ...] = (
    _rule(
        "token",
        r"-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----[^-]{0,10000}(?:-----END [A-Z ]{0,20}PRIVATE KEY-----)?",
    ),
    _rule("token", r"\b(?:Bearer|Authorization:[ ]?Basic) ([A-Za-z0-9._~+/=-]{8,})", 1),
    _rule("token", r"\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*)?"),
    _rule(
        "token",
        r"\b(?:sk|pk|rk|ghp|gho|ghs|ghu|ghr|github_pat|glpat|xox[abprs]|AKIA|ASIA|AIza|kb)[_-]?"
        r"[A-Za-z0-9_-]{16,}",
        flags=0,
    ),
    _rule(
        "token",
        r"[?&;](?:[a-z_-]{0,30}token|key|sig|signature|code|session|sid|password|secret)=([^&#\s、。]{4,})",
        1,
    ),
)

_MAIL_AND_MACHINES: tuple[Rule, ...] = (
    # the look-behind lets a run of characters be tried once, not from each of its characters
    _rule(
        "email",
        rf"(?<!{_MAIL}){_MAIL}+{_AT}"
        rf"(?:[a-z0-9-]{{1,63}}(?:{_DOT}[a-z0-9-]{{1,63}}){{1,8}}(?<=[a-z])"
        rf"|[a-z0-9-]{{1,63}}。(?:(?:co|ne|or)[.。])?{_DOMAINS}(?![a-z0-9])"
        rf"|[a-z0-9\u3040-\u9fff-]{{1,20}}\.{_DOMAINS}(?![a-z0-9]))",
    ),
    _rule(
        "email",
        rf"(?<!{_MAIL}){_MAIL}+[☆★](?:[a-z0-9-]{{1,63}}\.){{1,3}}{_DOMAINS}(?![a-z0-9])",
    ),
    _rule(
        "email",
        r"(?<![a-z0-9._-])[a-z0-9._-]{2,40}(?: dot [a-z0-9_-]{1,40}){0,2} at [a-z0-9-]{1,63}"
        rf"(?: dot [a-z0-9-]{{1,20}}){{0,2}} dot {_DOMAINS}(?![a-z0-9])",
    ),
    _rule(
        "mac",
        r"(?<![0-9a-f:.-])(?:[0-9a-f]{2}([:-])(?:[0-9a-f]{2}\1){4}[0-9a-f]{2}"
        r"|[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4})(?![0-9a-f:-]|\.[0-9])",
    ),
    _rule("mac", after(r"\bmac(?: address)?|macアドレス", r"([0-9a-f]{12})(?![0-9a-z])"), 1),
    _rule(
        "ip",
        r"(?<![0-9a-z.])(?<!version )(?<!ver )(?<!ver\.)(?<!バージョン )(?<!バージョン)"
        r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?!\.?[0-9])",
        check=_is_ip,
    ),
    _rule("ip", r"(?<![0-9a-z:.])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{1,4}(?![0-9a-z:])", check=_is_ip),
)

_BEHIND_WORDS: tuple[Rule, ...] = (
    # 482 913: as text messages show it
    _rule("token", after(_KEY_WORDS, r"([0-9]{3}[ -][0-9]{3}(?![0-9-])|[!-;=?-~]{4,})"), 1, _has_digit),
    _rule("card", after(_CARD_CODE_WORDS, r"([0-9]{3,4})(?![0-9])"), 1),
    _rule("card", after(_CARD_WORDS, r"([0-9](?:[ -]?[0-9]){11,18})(?![0-9])"), 1),
    _rule("mynumber", after("マイナンバー|個人番号", r"([0-9]{4}([ -]?)[0-9]{4}\2[0-9]{4})(?![0-9])"), 1),
    _rule("bank", after(_BANK_WORDS, _BANK_NUMBER), 1),
    _rule("bank", r"\b(?:account|acct)\b\.?[ ]([0-9]{7,12})(?![0-9-])", 1),
    _rule("bank", r"\b[A-Z]{2}[0-9]{2}(?:[ ]?[A-Z0-9]{4}){2,7}(?:[ ]?[A-Z0-9]{1,4})?\b", check=_is_iban),
    _rule("id", after(_PAPERS, r"第?([A-Z]{0,2}[0-9][0-9-]{5,13}(?:[A-Z]{2})?)(?![0-9])"), 1),
    _rule(
        "member",
        after(
            _MEMBER_WORDS,
            r"([0-9]{3,4}(?:[ ][0-9]{3,4}){1,3}(?:[ ][0-9]{1,2})?(?![0-9A-Za-z])"
            r"|[A-Za-z]{0,6}[-_]?[0-9][0-9A-Za-z-]{4,20}|[A-Za-z._-]{2,20}[0-9]{2,8}(?![0-9A-Za-z]))",
        ),
        1,
        _is_member,
    ),
    _rule(
        "order",
        after(_ORDER_WORDS, rf"([A-Za-z]{{0,4}}[-_]?[0-9][0-9A-Za-z-]{{4,25}}){_AMOUNT}"),
        1,
        _many_digits,
    ),
    _rule("order", r"(?<![0-9A-Za-z&#])#([0-9]{5,20})(?![0-9A-Za-z])", 1),
    _rule(
        "order",
        rf"{_BEGIN}([A-Za-z]{{0,4}}-?[0-9][0-9-]{{5,20}})(?= ?の?(?:ご?注文|オーダー))",
        1,
        _many_digits,
    ),
    _rule(
        "postal",
        after(
            _POSTAL_WORDS,
            r"([0-9]{3}(?:[ ]?-[ ]?|[ ])?[0-9]{4}(?![0-9])|[0-9]{5}(?:-[0-9]{4})?(?![0-9])"
            r"|[A-Z]{1,2}[0-9][A-Z0-9]?[ ]?[0-9][A-Z]{2}\b|[A-Z][0-9][A-Z][ ]?[0-9][A-Z][0-9]\b)",
        ),
        1,
    ),
    _rule("phone", after(_PHONE_WORDS, r"(\+?[(]?[0-9](?:[ ().-]{0,2}[0-9]){6,14})(?![0-9])"), 1, _is_phone),
)

_CHECK_DIGITS: tuple[Rule, ...] = (
    _rule(
        "card",
        r"(?:(?<![0-9A-Za-z+-])|(?<=visa)|(?<=card)|(?<=jcb)|(?<=amex))"
        rf"(?:[0-9](?:[ -]?[0-9]){{12,18}}|[0-9]{{4}}(?:\.[0-9]{{4}}){{3}}){_END}",
        check=_is_card,
    ),
    _rule("mynumber", rf"{_BEGIN}[0-9]{{4}}([ -]?)[0-9]{{4}}\1[0-9]{{4}}{_END}", check=_is_my_number),
)

_SHAPES: tuple[Rule, ...] = (
    # +81 …, 03-1234-5678, 03(1234)5678, 09012345678, (415) 555-2671
    _rule(
        "phone",
        r"(?:(?<![0-9A-Za-z])\+|(?<![0-9A-Za-z.,-])00)[1-9][0-9]{0,2}(?:[ .-]?\(0\))?"
        r"(?:[ .()-]{0,2}[0-9]){6,12}(?![0-9])",
        check=_is_phone,
    ),
    _rule(
        "phone",
        rf"{_BEGIN}\(?0[0-9]{{1,4}}\)?{_PART}\(?[0-9]{{1,4}}\)?{_PART}[0-9]{{3,4}}{_END}",
        check=_is_japanese_phone,
    ),
    _rule(
        "phone",
        rf"{_BEGIN}(?:1[ .-])?(?:\([2-9][0-9]{{2}}\)[ .-]?|[2-9][0-9]{{2}}[.-])"
        rf"[0-9]{{3}}[.-][0-9]{{4}}{_END}",
    ),
    _rule("id", rf"{_BEGIN}[0-9]{{3}}-[0-9]{{2}}-[0-9]{{4}}{_END}"),
    # an error 500-1234 and a model 100-2000 are no places
    _rule(
        "postal",
        rf"{_NO_GOODS}(?<!error )(?<!code )(?<!エラー)(?<!エラー )(?<!model )"
        rf"{_BEGIN}[0-9]{{3}}-[0-9]{{4}}(?![0-9A-Za-z]|-[0-9]|[ ]?円)",
    ),
    # whatever is long and mixed, or long and of digits only
    _rule("token", r"(?<![A-Za-z0-9_/.-])[A-Za-z0-9_-]{24,}(?![A-Za-z0-9_/-])", check=_is_key),
    _rule(
        "number",
        rf"{_NO_GOODS}(?<![0-9A-Za-z.,-])[0-9]+(?:[ -][0-9]{{2,}})*(?![0-9])",
        check=_is_number,
    ),
)

RULES: tuple[Rule, ...] = (
    *_ANNOUNCED_KEYS,
    *_MAIL_AND_MACHINES,
    *_BEHIND_WORDS,
    *_CHECK_DIGITS,
    _rule("postal", r"〒[ ]?[0-9]{3}(?:[ ]?-[ ]?|[ ])?[0-9]{4}(?![0-9])"),
    *(Rule("address", pattern) for pattern in ADDRESSES),
    *_SHAPES,
)
