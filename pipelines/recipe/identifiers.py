"""Validate names that follow external rules: licences (SPDX), languages (ISO 639), repositories (the Hub), folders.

Each is checked and normalized when the recipe is read. The libraries are imported only if a recipe has such a name,
because training nodes, which read recipes too, may lack them.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from typing import Annotated

from pydantic import AfterValidator

LONGEST_NAME = 100
"""Characters in a run's name: a folder's name may have 255 bytes, and a character takes up to four."""


def folder_name(name: str) -> str:
    """Return the name of a run or an adapter in Unicode's composed form (NFC).

    Raises `ValueError` for a name with anything but letters of any script, digits, `.`, `_` and `-`.
    """
    name = unicodedata.normalize("NFC", name)
    allowed = all(char in "._-" or unicodedata.category(char)[0] in "LMN" for char in name)
    if not allowed or not name[:1].isalnum() or len(name) > LONGEST_NAME:
        raise ValueError(
            "this name is also that of a folder: write letters, digits, `.`, `_` and `-`, a letter or digit first, "
            f"{LONGEST_NAME} characters at most"
        )
    return name


# --- licences ------------------------------------------------------------------------------------------------


def license_expression(text: str) -> str:
    """Return a licence as an SPDX expression: `Apache 2.0` and `apache-2.0` become `Apache-2.0`.

    `LicenseRef-…` names a licence that SPDX does not list; identifiers of the Hub are accepted too. Raises `ValueError`
    for an unknown licence, and for one without its version.
    """
    from desdecero.pipelines.licenses.wordings import ANY_VERSION, WORDINGS

    if text in WORDINGS and not text.startswith("LicenseRef-"):
        return text  # avoids reading the list of all licences, which takes half a second

    from desdecero.pipelines.licenses.names import UNKNOWN, normalize

    known = normalize(text)
    if known.expression != UNKNOWN and known.evidence != "contradictory":
        if text.lower().startswith("licenseref-") or not _lacks_version(known.expression, set(ANY_VERSION.values())):
            return known.expression
        raise ValueError(f"does not say which version: write it whole, as in {_nearest_license(text)}")
    raise ValueError(
        f"is not a licence: {_did_you_mean(_nearest_license(text))}write an SPDX expression "
        "(https://spdx.org/licenses), or LicenseRef-<a name that you choose>"
    )


def _lacks_version(expression: str, any_version: set[str]) -> bool:
    return expression in any_version or bool(re.fullmatch(r"LicenseRef-CC-BY(-NC)?(-ND|-SA)?", expression))


def _nearest_license(text: str) -> str:
    """Return the most similar SPDX identifier among those of OSI, Creative Commons and the GNU project; or ""."""
    from desdecero.pipelines.licenses.obligations import table

    names = {name.lower(): name for name in table() if not name.startswith("LicenseRef-")}
    words = re.sub(r"[\s_]+", "-", re.sub(r"\blicen[cs]e\b", " ", text.lower()).strip())
    creative_commons = ("cc-by-nc-nd", "cc-by-nc-sa", "cc-by-nc", "cc-by-nd", "cc-by-sa", "cc-by")
    newest = {"agpl": "AGPL-3.0-only", "lgpl": "LGPL-3.0-only", "gpl": "GPL-3.0-only", "gfdl": "GFDL-1.3-only"}
    for family in (*creative_commons, *newest):
        if words.startswith(family):
            return newest.get(family, f"{family.upper()}-4.0")
    near = difflib.get_close_matches(words, names, n=1, cutoff=0.6)
    return names[near[0]] if near else ""


LicenseExpression = Annotated[str, AfterValidator(license_expression)]


# --- languages -----------------------------------------------------------------------------------------------

COLLECTIVE = {"nah"}
"""Codes of language families (ISO 639-5) that data sets use for a language: Nahuatl."""
_TWO_LETTERS = (
    "aa ab ae af ak am an ar as av ay az ba be bg bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el en eo "
    "es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu ja jv ka "
    "kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng "
    "nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg sh si sk sl sm sn so sq sr ss st "
    "su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu"
)
TWO_LETTERS = frozenset(_TWO_LETTERS.split())
"""Codes of ISO 639-1, to avoid importing the tables of all languages (0.3 s) for most recipes."""


def language_code(text: str) -> str:
    """Return a language's code: of two letters (ISO 639-1) if it has one, else of three (639-3); `spa` becomes `es`.

    Raises `ValueError` for an unknown code, and for one with a region (`pt-BR`): the Hub rejects regions on a card, and
    no step here distinguishes them.
    """
    code = text.strip().lower()
    if code in TWO_LETTERS or code in COLLECTIVE:
        return code
    from iso639 import Language, LanguageNotFoundError

    try:
        if not re.fullmatch("[a-z]{2,3}", code):
            raise LanguageNotFoundError
        language = Language.match(code, strict_case=True)
        if language.scope == "S" or language.retire_reason:  # `mul`, `und` are not languages
            raise LanguageNotFoundError
    except LanguageNotFoundError:
        base, separator, _ = code.replace("_", "-").partition("-")
        if separator and re.fullmatch("[a-z]{2,3}", base):
            raise ValueError(
                f"has a region or a script, which the Hub refuses on a card: write {base}, and the variety in `purpose`"
            ) from None
        raise ValueError(
            f"is not a language code: {_did_you_mean(_nearest_language(code))}write one of ISO 639-1 or 639-3, as in es"
        ) from None
    return language.part1 or language.part3


def _nearest_language(text: str) -> str:
    """Return the language with this name, or with one that begins like it or resembles it, as "es (Spanish)"; or ""."""
    from iso639 import Language, LanguageNotFoundError

    try:
        language = Language.match(text, strict_case=False)
        if language.scope == "S":
            return ""
    except LanguageNotFoundError:
        names = AUTONYMS | {Language.match(code).name.lower(): code for code in MOST_WRITTEN}
        starts = [name for name in names if len(text) > 2 and name.startswith(text)]
        near = starts or difflib.get_close_matches(text, names, n=1)
        if not near:
            return ""
        language = Language.match(names[near[0]])
    return f"{language.part1 or language.part3} ({language.name})"


MOST_WRITTEN = (
    "en", "es", "fr", "de", "pt", "it", "nl", "ca", "gl", "eu", "pl", "ru", "uk", "cs", "sv", "da", "fi", "el", "tr",
    "ar", "he", "fa", "hi", "bn", "zh", "ja", "ko", "vi", "id", "ro", "hu", "qu", "ay", "gn", "la", "eo",
)  # fmt: skip
"""Languages that are suggested for a similar name or code."""
AUTONYMS = {
    "español": "es", "espanol": "es", "castellano": "es", "inglés": "en", "ingles": "en", "português": "pt",
    "portugues": "pt", "français": "fr", "francais": "fr", "deutsch": "de", "italiano": "it", "català": "ca",
    "catala": "ca", "euskera": "eu", "euskara": "eu", "galego": "gl", "quechua": "qu", "aymara": "ay", "guaraní": "gn",
}  # fmt: skip

LanguageCode = Annotated[str, AfterValidator(language_code)]


# --- repositories --------------------------------------------------------------------------------------------


def repository_id(text: str) -> str:
    """Return `owner/name` unchanged; raise `ValueError` if the Hub would not accept it as a repository's name."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(text)
    except HFValidationError as error:
        said = re.sub(r"\.?: '.*", "", str(error), flags=re.DOTALL).rstrip(".")
        raise ValueError(f"is not a repository of the Hub: {said}; write owner/name") from None
    if text.count("/") != 1:
        raise ValueError("does not say whose repository it is: write owner/name")
    return text


RepositoryId = Annotated[str, AfterValidator(repository_id)]


def _did_you_mean(near: str) -> str:
    return f"did you mean {near}? " if near else ""
