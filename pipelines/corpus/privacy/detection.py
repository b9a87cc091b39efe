"""All personal data in a text, as the recipe's `personal_data` section asks for it."""

from __future__ import annotations

from collections.abc import Iterator

from pipelines.corpus.privacy import accounts, national_ids, phones
from pipelines.corpus.privacy.credentials import find_secrets, find_url_credentials
from pipelines.corpus.privacy.internet import find_addresses, find_emails
from pipelines.corpus.privacy.matches import Match, disjoint
from pipelines.corpus.privacy.named_entities import NamedEntities
from pipelines.corpus.privacy.numbers import NameWords, Numbers, find_chains
from pipelines.corpus.privacy.phones import Phones
from pipelines.recipe import PersonalData

_FINDERS = {
    "email": find_emails, "ip": find_addresses, "url_credentials": find_url_credentials, "secret": find_secrets,
}  # fmt: skip
_PLAIN = {
    **dict.fromkeys("\u00a0\u2007\u2009\u202f", " "),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2212", "-"),
}
"""Typographers' spaces and hyphens between digits; one character for one, so that places stay."""


class Detector:
    """Finds what the recipe calls personal data. Built once for a process; it keeps nothing between texts."""

    def __init__(self, section: PersonalData):
        kinds, countries = set(section.kinds), section.countries
        self._finders = [find for kind, find in _FINDERS.items() if kind in kinds]
        forms = accounts.forms(kinds, countries)
        if "national_id" in kinds:
            forms += national_ids.forms(countries)
        self._numbers = Numbers(forms) if forms else None
        self._phones = Phones(countries) if "phone" in kinds else None
        self._words = NameWords(accounts.WORDS, national_ids.WORDS, phones.WORDS)
        self._entities = NamedEntities(section.named_entities) if section.named_entities else None

    def find(self, text: str) -> list[Match]:
        """The matches in a text, in order, none overlapping another."""
        if not text.isascii():
            for character, plain in _PLAIN.items():
                text = text.replace(character, plain)
        return disjoint(self._candidates(text))

    def _candidates(self, text: str) -> Iterator[Match]:
        for find in self._finders:
            yield from find(text)
        if self._numbers or self._phones:
            chains = list(find_chains(text, self._words))
            if self._numbers:
                yield from self._numbers.find(text, chains)
            if self._phones:
                yield from self._phones.find(text, chains)
        if self._entities:
            yield from self._entities.find(text)
