"""Decides by its words whether a name is that of a secret: ``card_pin`` is, ``spinner`` is not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from unicodedata import normalize


def _split(text: str) -> tuple[str, ...]:
    return tuple(text.split())


ANYWHERE = _split("""
    password passwd passphrase passcode passwort kennwort secret token credential authorization
    authentication cookie apikey accesskey privatekey secretkey signingkey encryptionkey sessionid
    sessionkey cardnumber creditcard cardno securitycode signature onetimecode recoverycode
    backupcode verificationcode connectionstring otpauth
""")
"""Words so long that hardly any other word contains them; the few that do are hidden, too."""
WORDS = _split("""
    pwd pass pw psw pin puk pan otp totp hotp mfa jwt jws jwe bearer session sid sess auth oauth
    creds cred cvc cvv cvn csc iban ssn csrf xsrf nonce sig hmac dsn phpsessid jsessionid sso saml
""")
"""Secrets as a separate word, alone or with other words: ``userpin``, ``pin_code``, ``cvv2``."""
COMPANIONS = _split("""
    user usr db database card new old current login my sms email mail client app web admin root
    account access refresh id code hash value number num no key header data info http ftp smtp ssh
    api bank confirm x basic plain raw encrypted hashed full debit credit wifi temp tmp word
""")
"""Words that WORDS are joined with: ``userpin`` is a secret, and ``spinner`` is not."""
INNOCENT = re.compile(
    r"secretar|tokeni[sz]|tokenomic|signatures?(?:count|page)|nosession|cookiecutter|cookie(?:recipe|dough)"
)
"""What contains a word of ANYWHERE and is not a secret."""
_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[^\W\d_A-Za-z]+")


class SecretNames:
    """``name in SecretNames()``. ``more`` are additional names, in any spelling."""

    def __init__(self, more: Sequence[str] = ()) -> None:
        added = [squeezed(name) for name in more if squeezed(name)]
        self._more = tuple(name for name in added if len(name) > 5)
        self._compound = _compound(tuple(name for name in added if len(name) <= 5))

    def __contains__(self, name: str) -> bool:
        if len(name) > 200:
            name = name[-200:]
        whole = squeezed(name)
        if any(part in whole for part in self._more):
            return True
        plain = INNOCENT.sub("", whole)
        if any(part in plain for part in ANYWHERE):
            return True
        words = (*map(squeezed, _WORD.findall(normalize("NFKC", name))), whole)
        return any(self._compound.fullmatch(word) for word in words)


def squeezed(name: str) -> str:
    """A name in lower case, without punctuation and without digits at the ends of words."""
    return "".join(filter(str.isalpha, normalize("NFKC", name).casefold()))


@lru_cache(maxsize=8)
def _compound(more: tuple[str, ...]) -> re.Pattern[str]:
    companions = "|".join(sorted(COMPANIONS, key=len, reverse=True))
    return re.compile(f"(?:{companions})*(?:{'|'.join((*WORDS, *more))})(?:s|es)?(?:{companions})*")
