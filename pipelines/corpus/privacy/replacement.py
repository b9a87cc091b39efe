"""Replacements of personal data.

`tag`        `<email>`: gives the kind only. The default, and the only one that cannot be undone.
`pseudonym`  `<email-3f2a91>`: the same for the same value in the whole corpus, so that a text still shows that two
             letters are from one person. 24 bits: among 1,000 values, two have the same pseudonym with 3% probability.
`surrogate`  a synthetic value of the same format, again the same for the same value: a DNI with a valid letter, a
             telephone with the country and the prefix of the original, an address at example.org.

The last two are drawn by HMAC-SHA-256 over kind and value under a key (Bellare, Canetti & Krawczyk 1996). A key is
needed, and the recipe's seed would not do, because the values come from small sets: there are 10⁹ Spanish telephones,
and anyone with the HMAC's key can try them all in an hour. So the key comes from the environment, and is in neither the
recipe, the run nor the seal; to make the replacement irreversible, delete the key after the last build. Two builds give
the same bytes only under the same key; `key_fingerprint` distinguishes two keys without revealing them. Changing the
key does not make a sealed corpus stale: build it anew. In the terms of the GDPR (art. 4 no. 5), while the key exists
the result is pseudonymous, hence still personal data.

A surrogate with valid check digits may be somebody's number by chance, as any such number may: it is never the
original, and reveals nothing of it but its format. Reserved ranges are used if there are any: example.org (RFC 2606),
192.0.2.0/24 and 2001:db8::/32 (RFC 5737, 3849), 555-01xx (ATIS-0300115), SSN areas from 900 (never assigned).
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import string
from collections.abc import Callable
from functools import lru_cache
from random import Random

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.corpus.privacy.matches import Match
from desdecero.pipelines.corpus.privacy.synthetic import GENERATORS
from desdecero.pipelines.recipe import PersonalData

Replacer = Callable[[Match, str], str]

_PSEUDONYM_DIGITS = 6
_KEY_LENGTH = 16
"""The shortest key: 16 bytes drawn at random, or a passphrase that cannot be guessed in 2⁶⁴ tries."""
_MEMORY = 10_000
"""Surrogates cached by a process; drawing one takes some tens of microseconds."""
_PHONE_DIGITS = 6
_TEST_NETWORKS = ("192.0.2", "198.51.100", "203.0.113")


def build_replacer(section: PersonalData) -> Replacer:
    """Build the replacement that a recipe asks for.

    Raises `UserError` if that needs a key and the environment holds none, or a short one.
    """
    if section.replacement == "tag":
        return lambda match, _value: f"<{match.kind}>"
    key = _key(section)
    if section.replacement == "pseudonym":
        return lambda match, value: f"<{match.kind}-{_digest(key, match, value).hex()[:_PSEUDONYM_DIGITS]}>"

    @lru_cache(_MEMORY)
    def surrogate(kind: str, form: str, value: str) -> str:
        return _surrogate(key, kind, form, value)

    return lambda match, value: surrogate(match.kind, match.form, value)


def key_fingerprint(section: PersonalData) -> str | None:
    """Return twelve hexadecimal digits that identify the key; None if the recipe uses none."""
    if section.replacement == "tag":
        return None
    return hmac.new(_key(section), b"fingerprint", hashlib.sha256).hexdigest()[:12]


def _key(section: PersonalData) -> bytes:
    key = os.environ.get(section.key_env, "").encode()
    if len(key) < _KEY_LENGTH:
        what = f"has {len(key)} bytes, fewer than {_KEY_LENGTH}" if key else "is not set"
        raise UserError(
            f"corpus.personal_data.replacement: {section.replacement} needs a secret key in the environment variable "
            f"{section.key_env}, which {what}: export one (python -c 'import secrets; print(secrets.token_hex(32))')"
        )
    return key


def _digest(key: bytes, match: Match, value: str) -> bytes:
    return _hmac(key, match.kind, value)


def _hmac(key: bytes, kind: str, value: str, salt: str = "") -> bytes:
    """Hash the value without its formatting: 12.345.678-z is 12345678Z, and +34 612… is 612…"""
    if kind == "email":
        plain = "".join(value.lower().split())  # split by a blank or a line end, or not
    elif kind in {"secret", "url_credentials", "ip"}:
        plain = value
    else:
        plain = re.sub(r"[\W_]", "", value).upper()
    if kind == "phone":
        plain = plain[-9:]  # with the country code or without
    return hmac.new(key, f"{kind}\0{plain}\0{salt}".encode(), hashlib.sha256).digest()


def _surrogate(key: bytes, kind: str, form: str, value: str) -> str:
    """Draw the surrogate of a value, until it differs from it."""
    for attempt in range(1000):
        chance = Random(_hmac(key, kind, value, str(attempt)))
        drawn = _DRAWERS.get(kind, _draw_number)(chance, form, value)
        if drawn != value:
            return drawn
    raise AssertionError(f"no surrogate of form {form} differs from its original")


def alike(kind: str, form: str, value: str, chance: Random) -> str:
    """Draw another value of a kind and format, as people have it: unlike a surrogate, of no reserved range.

    Of an e-mail address the name is drawn, and of a telephone the last six digits.
    """
    if kind == "email" and "@" in value:
        return GENERATORS["email"].make(chance)[0].partition("@")[0] + value[value.index("@") :]
    if kind == "ip":
        return GENERATORS["ipv6" if ":" in value else "ipv4"].make(chance)[0]
    if kind == "phone":
        kept = [place for place, sign in enumerate(value) if sign.isdigit()][-_PHONE_DIGITS:]
        return value[: kept[0]] + _shuffled(chance, value[kept[0] :]) if kept else value
    if form == "us_ssn":
        return _shuffled(chance, value)
    return _DRAWERS.get(kind, _draw_number)(chance, form, value)


def _draw_email(chance: Random, _form: str, _value: str) -> str:
    return "".join(chance.choice(string.ascii_lowercase) for _ in range(8)) + "@example.org"


def _draw_address(chance: Random, _form: str, value: str) -> str:
    if ":" in value:
        return "2001:db8:" + ":".join(f"{chance.randrange(1, 65536):x}" for _ in range(6))
    return f"{chance.choice(_TEST_NETWORKS)}.{chance.randrange(1, 255)}"


def _draw_phone(chance: Random, _form: str, value: str) -> str:
    """Keep signs, country code and prefix; draw the last six digits, or in North America a fictional number."""
    places = [place for place, sign in enumerate(value) if sign.isdigit()]
    american = re.match(r"(?:\+?1[ .-]?)?\(?[2-9]\d\d\)?[ .-]?[2-9]\d\d[.-]\d{4}", value)
    new = (
        f"555{100 + chance.randrange(100):04}" if american else "".join(chance.choice(string.digits) for _ in range(6))
    )
    if american:
        places = places[: len(re.sub(r"\D", "", american[0]))]
    signs = list(value)
    for place, digit in zip(places[-len(new) :], new, strict=True):
        signs[place] = digit
    return "".join(signs)


def _draw_secret(chance: Random, form: str, value: str) -> str:
    """Keep the issuer's prefix, the header and all signs; replace each letter and digit by another of its sort."""
    if form == "private_key":
        first, _, rest = value.partition("\n")
        body, _, last = rest.rpartition("\n")
        return f"{first}\n{_shuffled(chance, body)}\n{last}" if last else f"{first}\n{_shuffled(chance, rest)}"
    head = re.match(r"[A-Za-z]{2,4}[_-](?:live_|test_|proj-|v1_)?|AKIA|ASIA|AIza|eyJ|SG\.", value)
    kept = head[0] if head and form != "assigned" else ""
    return kept + _shuffled(chance, value[len(kept) :])


def _draw_credentials(chance: Random, _form: str, value: str) -> str:
    return _shuffled(chance, value)


def _shuffled(chance: Random, value: str) -> str:
    def other(sign: str) -> str:
        for sort in (string.digits, string.ascii_lowercase, string.ascii_uppercase):
            if sign in sort:
                return chance.choice(sort)
        return sign

    return "".join(map(other, value))


def _draw_number(chance: Random, form: str, value: str) -> str:
    """Draw a synthetic number of the format, in the original's signs if both have as many letters and digits."""
    if form == "us_ssn":
        plain = f"9{chance.randrange(100):02}{chance.randrange(1, 70):02}{chance.randrange(1, 10_000):04}"
        return _poured(plain, value)
    original = "".join(sign for sign in value if sign.isalnum() or sign == "&")
    for _ in range(200):
        plain = GENERATORS[_MAKER.get(form, form)].make(chance)[0]
        if len(plain) == len(original) and plain[:2].isdigit() == original[:2].isdigit():
            return _poured(plain, value)
    # A format that is never generated (a DNI without its letter): signs of the same sort.
    return _shuffled(chance, value)


def _draw_entity(chance: Random, form: str, value: str) -> str:
    """Draw another name, street or date; a date in the original's format, if it is among the generated ones."""
    writings = GENERATORS[form].make(chance)
    shapes = [re.sub(r"[0-9]", "0", writing) for writing in writings]
    shape = re.sub(r"[0-9]", "0", value)
    return writings[shapes.index(shape) if shape in shapes else -1]


_MAKER = {"ve_ci_bare": "ar_dni", "uy_rut": "ar_cuit"}
_DRAWERS: dict[str, Callable[[Random, str, str], str]] = {
    "email": _draw_email, "ip": _draw_address, "phone": _draw_phone, "secret": _draw_secret,
    "url_credentials": _draw_credentials, "person": _draw_entity, "address": _draw_entity, "date": _draw_entity,
}  # fmt: skip


def _poured(plain: str, value: str) -> str:
    """Put the letters and digits of `plain` in the places of those of `value`; its other signs stay."""
    left = iter(plain)
    return "".join(next(left, "") if sign.isalnum() or sign == "&" else sign for sign in value)
