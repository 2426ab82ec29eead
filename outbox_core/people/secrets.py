"""Finds secrets by their form, without a name: tokens, credentials in URLs, card numbers. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")
_CARD = re.compile(r"(?<![\d.])\d(?:[ -]?\d){11,18}(?![\d])")
_CARD_OF = re.compile(r"4|5[0-8]|2[2-7]|3[0-9]|6")
_SHAPES = re.compile(
    r"""
    (?P<pem>-----BEGIN[ ][A-Z ]*PRIVATE[ ]KEY-----.*?(?:-----END[ ][A-Z ]*PRIVATE[ ]KEY-----|\Z))
    | (?P<jwt>\beyJ[\w-]{4,}(?:\.[\w-]*)+)
    | (?<=://)(?P<login>[^\s"'<>]*)(?=@)
    | (?P<bare>\b(?!mailto:|acct:|sips?:|xmpp:)[\w.+-]{1,60}:[^\s@/]{1,100}(?=@[\w-]))
    | (?:(?<=\bbearer[ ])|(?<=\bdigest[ ])|(?<=\bnegotiate[ ]))(?P<scheme>\S.*)
    | (?:(?<=\bapikey[ ])|(?<=\btoken[ ]))(?P<token>(?=\S*\d)\S{6,})
    | (?<=\bbasic[ ])(?P<basic>(?=\S*[\d=]|\S*(?-i:[a-z][A-Z]))(?-i:[A-Za-z0-9+/]{4,}={0,2}))
    | (?P<vendor>\b(?-i:A[KS]IA[0-9A-Z]{16}|gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}
        |xox[a-z]-[\w-]{8,}|[rsp]k_(?:live|test)_\w{8,}|sk-[\w-]{16,}|AIza[\w-]{30,}|whsec_\w{8,}|SG\.[\w-]{10,}\.[\w-]{10,})\b)
    """,
    re.X | re.S | re.I,
)
_ASSIGNMENT = re.compile(
    r"(?P<name>[^\W\d][\w.\-\[\]%]{0,100})(?:\s{0,3}(?:=>|[=:])|(?<=word)\s(?:is|was)\s|(?<=pin)\s(?:is|was)\s)\s{0,3}(?=[^\s&])",
    re.I,
)
_END = re.compile(r"[&\n]")
_OF_AN_ERROR = re.compile(r"(?:authori[sz]ation|authentication)_?(?:failed|failure|error|exception)+$", re.I)
"""Such a name is that of an error. What follows says what was refused, and the remedy."""
_QUOTED = re.compile(
    r"""["']([^"'\n]{1,80})["']\s*[:,=>\]})]   # a key of a dict that is not JSON
      | name\s*=\s*["']?([^"';\s>]{1,80})       # multipart, and an input of HTML
      | <\s*/?\s*(?:[\w.-]+:)?([\w.-]{1,80})    # a tag
      | <[^<>]{0,200}?\s(?:[\w.-]+:)?([\w.-]{1,80})\s*=\s*["']  # an attribute
      | \\"([^"\\]{1,80})\\+"\s*:""",
    re.X,
)


def plain(name: str) -> str:
    """A name in lower case without punctuation."""
    return "".join(filter(str.isalnum, name.casefold()))


def hide_shapes(text: str, hidden: str) -> tuple[str, int]:
    """The text without what looks like a secret, and how many there were."""
    shown, count = _SHAPES.subn(hidden, text)
    cards = 0

    def replace(found: re.Match[str]) -> str:
        nonlocal cards
        if not is_card(found[0]):
            return found[0]
        cards += 1
        return hidden

    return _CARD.sub(replace, shown), count + cards


def is_card(text: str) -> bool:
    """Whether these digits are the number of a payment card: by length, first digits and check digit."""
    digits = [int(character) for character in text if character.isdigit()]
    if not 13 <= len(digits) <= 19 or not _CARD_OF.match("".join(map(str, digits))):
        return False
    if set(text) - set("0123456789 -"):
        return False
    doubled = (digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2])
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def assignments(text: str) -> Iterator[tuple[str, int, int]]:
    """The name, and where its value begins and ends, of each ``name=value`` and ``name: value``."""
    for found in _ASSIGNMENT.finditer(text):
        if _OF_AN_ERROR.search(found["name"]):
            continue
        end = _END.search(text, found.end())
        yield found["name"], found.end(), end.start() if end else len(text)


def quoted_names(text: str) -> Iterator[str]:
    """Names before values in markup, in a multipart form, or in text that is nearly JSON."""
    if '"' in text or "'" in text or "<" in text or "name=" in text:
        for found in _QUOTED.finditer(text):
            yield next(name for name in found.groups() if name)
