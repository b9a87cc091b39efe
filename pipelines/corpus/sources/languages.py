"""Language tags in data sets, converted to ISO 639-1."""

from __future__ import annotations

import re

_THREE_LETTERS = {
    "arg": "an", "ast": "ast", "ara": "ar", "arb": "ar", "aym": "ay", "ayr": "ay", "bre": "br", "cat": "ca",
    "ces": "cs", "cze": "cs", "cmn": "zh", "chi": "zh", "zho": "zh", "dan": "da", "deu": "de", "ger": "de",
    "ell": "el", "gre": "el", "eng": "en", "epo": "eo", "est": "et", "eus": "eu", "baq": "eu", "fin": "fi",
    "fra": "fr", "fre": "fr", "glg": "gl", "grn": "gn", "gug": "gn", "heb": "he", "hin": "hi", "hun": "hu",
    "ind": "id", "ita": "it", "jpn": "ja", "kor": "ko", "lat": "la", "nah": "nah", "nld": "nl", "dut": "nl",
    "nob": "no", "nor": "no", "oci": "oc", "pol": "pl", "por": "pt", "que": "qu", "quy": "qu", "quz": "qu",
    "ron": "ro", "rum": "ro", "rus": "ru", "spa": "es", "swe": "sv", "tur": "tr", "ukr": "uk", "vie": "vi",
}  # fmt: skip
"""ISO 639-2 and 639-3, among the latter those of FLORES and of Common Crawl's annotations."""
_NAMES = {
    "spanish": "es", "español": "es", "castellano": "es", "english": "en", "inglés": "en", "portuguese": "pt",
    "french": "fr", "italian": "it", "catalan": "ca", "german": "de", "galician": "gl", "basque": "eu", "latin": "la",
    "esperanto": "eo", "dutch": "nl",
}  # fmt: skip
"""Names in the headers of Project Gutenberg."""


def iso_639_1(tag: str) -> str:
    """Return `es`, for es, ES, es-PE, es_419, spa, spa_Latn or Spanish; a code without a shorter form unchanged."""
    if name := _NAMES.get(tag.strip().lower()):
        return name
    code = re.split(r"[-_;,\s]", tag.strip().lower(), maxsplit=1)[0]
    if not re.fullmatch(r"[a-z]{2,3}", code) or code in ("und", "mul", "zxx"):
        return ""
    return _THREE_LETTERS.get(code, code)
