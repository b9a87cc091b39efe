"""All personal data in a text, as the recipe's `personal_data` section asks for it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from desdecero.pipelines.corpus.privacy import bank_accounts, national_ids, passports, phone_context
from desdecero.pipelines.corpus.privacy.credentials import find_secrets, find_url_credentials
from desdecero.pipelines.corpus.privacy.emails import find_emails
from desdecero.pipelines.corpus.privacy.ip_addresses import find_addresses
from desdecero.pipelines.corpus.privacy.matches import Match, disjoint
from desdecero.pipelines.corpus.privacy.named_entities import NamedEntities
from desdecero.pipelines.corpus.privacy.numbers import NameWords, Numbers, find_chains
from desdecero.pipelines.corpus.privacy.passports import find_passports
from desdecero.pipelines.corpus.privacy.phones import Phones
from desdecero.pipelines.recipe import PersonalData

_FINDERS = {
    "email": find_emails, "ip": find_addresses, "url_credentials": find_url_credentials, "secret": find_secrets,
}  # fmt: skip
_PLAIN = {
    **dict.fromkeys("\u00a0\u2002\u2003\u2007\u2009\u200a\u202f\u3000", " "),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212\uff0d", "-"),
    **dict.fromkeys("\u00b4\u2018\u2019\u02bc\u2032", "'"),
    "\u00b7": ".",
    "\uff20": "@", "\ufe6b": "@", "\uff0e": ".", "\uff0b": "+", "\uff08": "(", "\uff09": ")", "\uff0f": "/",
}  # fmt: skip
"""Typographic blanks, hyphens and apostrophes, and wide signs; one character for one, so that offsets stay."""

_SCANNED_COMMA = re.compile(r",(?<=[0-9]\.[0-9]{3},)(?=[0-9]{3} ?[-.]? ?[A-HJ-NP-TV-Z](?!\w))")
"""A comma in an identity number, as scanners read it: 12.345,678-Z."""
_DIGITS = {chr(ord(zero) + digit): str(digit) for zero in "٠۰०０" for digit in range(10)}
_PLAIN_AND_DIGITS = list((_PLAIN | _DIGITS).items())
"""Digits of the other scripts in which telephones are written, and wide ones."""


def _plain(text: str) -> str:
    """Replace variants of the signs and digits in numbers and addresses by plain ones; the length stays."""
    if text.isascii():
        return text
    for sign, plain in _PLAIN.items() if _is_latin(text) else _PLAIN_AND_DIGITS:
        text = text.replace(sign, plain)
    return text


def _is_latin(text: str) -> bool:
    """Tell whether all characters are in Latin-1: a fast check that excludes other digits."""
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True


class Detector:
    """Finds personal data of the recipe's kinds. Built once for a process; it keeps nothing between texts."""

    def __init__(self, section: PersonalData):
        kinds, countries = set(section.kinds), section.countries
        self._finders = [find for kind, find in _FINDERS.items() if kind in kinds]
        forms = bank_accounts.forms(kinds, countries)
        if "national_id" in kinds:
            forms += national_ids.forms(countries)
        self._numbers = Numbers(forms) if forms else None
        self._passports = "national_id" in kinds
        self._phones = Phones(countries) if "phone" in kinds else None
        self._words = NameWords(
            bank_accounts.WORDS,
            national_ids.WORDS,
            phone_context.WORDS,
            passports.WORDS,
            everyday=bank_accounts.EVERYDAY | national_ids.EVERYDAY,
        )
        self._entities = NamedEntities(section.named_entities) if section.named_entities else None

    def find(self, text: str) -> list[Match]:
        """Return the matches in a text, in order, without overlaps."""
        return disjoint(self._candidates(_SCANNED_COMMA.sub(".", _plain(text))))

    def _candidates(self, text: str) -> Iterator[Match]:
        for find in self._finders:
            yield from find(text)
        if self._numbers or self._phones:
            chains = list(find_chains(text, self._words))
            if self._numbers:
                yield from self._numbers.find(text, chains)
            if self._passports:
                yield from find_passports(text, chains)
            if self._phones:
                yield from self._phones.find(text, chains)
        if self._entities:
            yield from self._entities.find(text)
