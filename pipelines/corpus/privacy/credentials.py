"""Passwords in addresses, API keys and tokens.

`url_credentials`  `user:password@` before a host, and the value of a parameter such as `?token=`. Placeholders
                   (`user:pass`, `{user}`, `$TOKEN`) give no access and stay.
`secret`           values with an issuer's prefix (formats below, from the issuers' own documentation), signed
                   tokens (JWT, RFC 7519), private keys (PEM, RFC 7468), and values that are assigned to a name such
                   as `api_key` or `password` and look random. A value is never judged by its look alone: a digest,
                   a UUID and an image in base64 look random too.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from itertools import chain

from desdecero.pipelines.corpus.privacy.matches import Match, Strength

_ISSUED = {
    "aws_key": ("AKIA ASIA ABIA ACCA", r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}"),
    "gitlab_token": ("glpat-", r"glpat-[\w-]{20,}"),
    "google_key": ("AIza GOCSPX- ya29.", r"(?:AIza[\w-]{35}|GOCSPX-[\w-]{28}|ya29\.[\w-]{20,})"),
    "slack_token": ("xox xapp-", r"(?:xox[abeoprs](?:\.xox[bp])?|xapp)-[A-Za-z0-9-]{10,}"),
    "slack_webhook": ("hooks.slack", r"hooks\.slack\.com/services/T\w{6,}/B\w{6,}/\w{20,}"),
    "openai_key": ("sk-", r"sk-(?=[\w-]*[0-9])(?=[\w-]*[A-Z])[\w-]{20,}"),
    "pypi_token": ("pypi-A", r"pypi-A[\w-]{50,}"),
    "sendgrid_key": ("SG.", r"SG\.[\w-]{16,}\.[\w-]{32,}"),
    "telegram_token": (":AA", r"[0-9]{8,10}:AA[\w-]{33}"),
    "jwt": ("eyJ", r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}(?:\.[\w-]{8,})?"),
}
"""Format → (strings of which a text must hold one to be searched, the pattern)."""
_ISSUED_WITH_UNDERSCORE = {
    "github_token": ("ghp_ gho_ ghu_ ghs_ ghr_ github_pat_", r"(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{22,})"),
    "stripe_key": ("_live_ _test_ whsec_", r"(?:[srp]k_(?:live|test)_[A-Za-z0-9]{16,}|whsec_[A-Za-z0-9+/=]{24,})"),
    "huggingface_token": ("hf_", r"hf_[A-Za-z0-9]{30,}"),
    "npm_token": ("npm_", r"npm_[A-Za-z0-9]{36}"),
    "digitalocean_token": ("_v1_", r"do[opr]_v1_[0-9a-f]{64}"),
}
"""Separate, because an underscore is rare in prose and quickly found."""


def _compiled(issued: dict[str, tuple[str, str]]) -> list[tuple[tuple[str, ...], str, re.Pattern[str]]]:
    return [
        (tuple(marks.split()), form, re.compile(rf"(?<![A-Za-z0-9]){pattern}(?![A-Za-z0-9])"))
        for form, (marks, pattern) in issued.items()
    ]


_MARKS, _MARKS_WITH_UNDERSCORE = _compiled(_ISSUED), _compiled(_ISSUED_WITH_UNDERSCORE)
_KEY_NAME = r"(?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
_KEY_BEGIN, _KEY_END = re.compile(f"-----BEGIN {_KEY_NAME}"), re.compile(f"-----END {_KEY_NAME}")
_KEY_BODY = re.compile(r"(?:\\n|\s|[\w+/=:,.-]{40,}+){0,500}+")
"""Body of a key whose end is cut off."""
_KEY_LENGTH = 20_000
"""Characters; an RSA key of 16,384 bits takes 13,000."""

_USERINFO = re.compile(r"://(([^\s/@:\"'`<>?#]{0,64}):([^\s/@\"'`<>]{1,128}))@(?=[\w\[{$])")
_BARE_USERINFO = re.compile(r"://([A-Za-z0-9_-]{16,128})@(?=[\w\[])")
_PARAMETER = re.compile(
    r"(?i)[?&](?:access_?token|auth_?token|token|api_?key|apikey|secret|client_secret|password|passwd|pwd|sig|signature"
    r"|x-amz-signature|x-amz-security-token|x-goog-signature|session_?id|jwt|key)=([^\s&#\"'`<>)\]]{6,2048})"
)
_VARIABLE = re.compile(r"[{}$<>%*\[\]]|\.\.\.|…")
"""Signs of a template in a password; but `%40` is an escaped @."""
_PLACEHOLDERS = """
    user username usuario usr login name me foo bar root admin guest test scott pass password passwd pwd secret tiger
    contraseña clave token key mypassword my-password your-password yourpassword your_password changeme example
    postgres minioadmin mysecret xxx xxxx xxxxx
"""
_PLACEHOLDER_WORDS = frozenset(_PLACEHOLDERS.split())

_ASSIGNED = r"[ \t]{0,3}[\"'`]?(?=[^\s\"'`<>,;(){}\[\]|=0-9]{0,255}[0-9])([^\s\"'`<>,;(){}\[\]|=]{8,256}={0,2})"
_ASSIGNMENTS = [re.compile(sign + ">?" + _ASSIGNED) for sign in (":", "=")]
"""Separate patterns: a single leading sign is found ten times as fast as one of two."""
_NAME = re.compile(
    r"(?i)(?P<password>passw(?:or)?ds?|passwd|passphrase|pwd|contrase[ñn]a|senha|clave(?:[ _-](?:secreta|privada))?)"
    r"[\"'`*]{0,3}\s{0,3}$"
    r"|(?:secret|api[ _-]?key|apikey|access[ _-]?key(?:[ _-]id)?|auth(?:[ _-](?:key|token))?|token|private[ _-]?key"
    r"|secret[ _-]?key|client[ _-]?secret|credentials?|bearer|clave[ _]de[ _]api|signing[ _-]?key|encryption[ _-]?key"
    r"|account[ _-]?key)[\"'`*]{0,3}\s{0,3}$"
)
_NAME_PARTS = ("pass", "pwd", "key", "secret", "token", "auth", "clave", "contras", "senha", "cred", "bearer")
"""One of them is in every name; a fast check before the slow one."""
_BEARER = re.compile(r"\b(?:[Bb]earer|[Bb]asic) ([A-Za-z0-9_\-.+/=]{16,512})")
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_NAME_LENGTH = 32
_RANDOM_LENGTH, _RANDOM_BITS = 16, 3.0
"""Least length of a random value, and least bits of entropy per character by its own frequencies: 32 random
hexadecimal digits have 3.6 ± 0.1, and of words of code as long as that with a digit in them, few pass 3.4."""


def find_url_credentials(text: str) -> Iterator[Match]:
    """Find credentials in addresses."""
    if "://" not in text:
        return
    if "@" in text:
        for match in _USERINFO.finditer(text):
            if not (_is_placeholder(match[2]) and _is_placeholder(match[3])) and not _is_template(match[3]):
                yield Match(*match.span(1), "url_credentials", "userinfo", Strength.NAMED)
        for match in _BARE_USERINFO.finditer(text):
            if _looks_random(match[1]):
                yield Match(*match.span(1), "url_credentials", "userinfo", Strength.NAMED)
    if "=" in text:
        for match in _PARAMETER.finditer(text):
            strict = match[0][1:4].lower() in {"key", "sig"}
            value = match[1]
            drawn = _has_digit(value) or len(re.findall("[a-z][A-Z]", value)) > 2
            plain = _is_placeholder(value) or _is_template(value) or not drawn
            if not plain and (not strict or (len(value) >= _RANDOM_LENGTH and _entropy(value) > _RANDOM_BITS)):
                yield Match(*match.span(1), "url_credentials", "parameter", Strength.NAMED)


def find_secrets(text: str) -> Iterator[Match]:
    """Find keys, tokens and assigned secrets."""
    for marks, form, pattern in [*_MARKS, *_MARKS_WITH_UNDERSCORE] if "_" in text else _MARKS:
        if any(mark in text for mark in marks):
            for match in pattern.finditer(text):
                if _entropy(match[0][-32:]) > 2.5:  # not sk-xxxxxxxxxxxxxxxxxxxx
                    yield Match(*match.span(), "secret", form, Strength.NAMED)
    if "PRIVATE KEY" in text:
        yield from _find_private_keys(text)
    for match in chain.from_iterable(assignment.finditer(text) for assignment in _ASSIGNMENTS):
        before = text[max(0, match.start() - _NAME_LENGTH) : match.start()].lower()
        if any(part in before for part in _NAME_PARTS) and (name := _NAME.search(before)):
            value = match[1].rstrip(".”’»")
            if _looks_like_password(value) if name["password"] else _looks_random(value):
                yield Match(match.start(1), match.start(1) + len(value), "secret", "assigned", Strength.NAMED)
    if "earer " in text or "asic " in text:
        for match in _BEARER.finditer(text):
            if _has_digit(match[1]) and _looks_random(match[1]):
                yield Match(*match.span(1), "secret", "bearer", Strength.NAMED)


def _find_private_keys(text: str) -> Iterator[Match]:
    """Match from a key's first line to its last one, or as far as it looks like a key if the last one is missing."""
    end = 0
    for begin in _KEY_BEGIN.finditer(text):
        if begin.start() < end:
            continue
        dashes = text.find("-----", begin.end(), begin.end() + _KEY_LENGTH)
        last = _KEY_END.match(text, dashes) if dashes >= 0 else None
        body = _KEY_BODY.match(text, begin.end())
        end = last.end() if last else begin.end() + len(body[0].rstrip()) if body else begin.end()
        yield Match(begin.start(), end, "secret", "private_key", Strength.NAMED)


def _is_placeholder(value: str) -> bool:
    return value.lower() in _PLACEHOLDER_WORDS


def _is_template(value: str) -> bool:
    return bool(_VARIABLE.search(re.sub(r"%[0-9A-Fa-f]{2}", "", value)))


def _has_digit(value: str) -> bool:
    return any("0" <= character <= "9" for character in value)


def _looks_random(value: str) -> bool:
    """Tell whether a value is long, of letters and digits, varied; and not a UUID, path, number or template."""
    return (
        len(value) >= _RANDOM_LENGTH
        and _entropy(value) > _RANDOM_BITS
        and any(character.isalpha() for character in value)
        and _has_digit(value)
        and not _is_template(value)
        and not _UUID.fullmatch(value)
        and not re.search(r"//|\.\w+\.\w|^\.?/|_\w*_|-[a-z]+-|::", value)
        and (len(re.findall(r"[0-9]+", value)) > 1 or len(re.findall(r"[a-z][A-Z]", value)) > 3)
    )


def _looks_like_password(value: str) -> bool:
    """Tell whether a value has three of four classes of characters and is not a template, path or name of code."""
    classes = sum(bool(re.search(pattern, value)) for pattern in ("[a-z]", "[A-Z]", "[0-9]", r"[^\w\s]"))
    return (
        classes >= 3
        and len(value) <= 64
        and not _is_template(value)
        and not re.search(r"://|^[./\\]|[a-z]\.[a-z_]+\.[a-z]|[()=]|::", value)
        and not (re.fullmatch(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+", value) and not re.search("[0-9][A-Za-z]", value))
    )


def _entropy(value: str) -> float:
    """Return the bits per character, by the frequencies of the characters in the value (Shannon 1948)."""
    counts = Counter(value)
    return sum(count / len(value) * math.log2(len(value) / count) for count in counts.values())
