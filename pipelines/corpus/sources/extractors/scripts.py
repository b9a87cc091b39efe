"""Superscripts and subscripts, set apart from their base: `10⁶`, `H₂O`, `palabra¹`, `1er`, `n.º`, `e^x`.

Without its position, `10<sup>6</sup>` is another number, and a note's mark a digit of a word. Digits and signs have
superscript and subscript forms in Unicode. Ordinals and abbreviations are written with plain letters, as they are
typed; other superscripts follow `^`, other subscripts `_`."""

from __future__ import annotations

import re

LONGEST = 40
"""Characters: a longer passage is small print, not an exponent."""

_RAISED = str.maketrans("0123456789+-−–=()ni", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁻⁼⁽⁾ⁿⁱ")
_LOWERED = str.maketrans("0123456789+-−–=()aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋₋₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ")
_FIGURES = re.compile(r"[\d+−–=()ni.,;/*\s-]+")
_HAS_MARK = re.compile(r"\d[.,;/*]\d")
_LOW_FIGURES = re.compile(r"[\d+−–=()aehijklmnoprstuvx.,;/*\s-]+")
_LETTERS = re.compile(r"[^\W\d_]+\.?")
_BASE = re.compile(r"[^\W\d_]*$")
_MATHEMATICAL = frozenset("bcfghijklmnpqtuvwxyzαβγδθλμπσφωN")
"""Letters that are exponents after a figure; `e` (`2e`), `r`, `s`, `d`, `a` and `o` make ordinals."""
_GREEK = re.compile("[α-ωΑ-Ω]")
_SIGNS = {"TM": "™", "SM": "℠", "tm": "™"}


def superscript(text: str, before: str = "") -> str:
    """Write a superscript in a line, after the text `before`."""
    inner = " ".join(text.split())
    if not inner or len(inner) > LONGEST or (inner[0] == "[" and inner[-1] == "]"):
        return text
    if _LETTERS.fullmatch(inner):
        return _raised_letters(inner, before)
    if _FIGURES.fullmatch(inner):
        is_power = before[-1:].isdecimal() and _HAS_MARK.search(inner)  # 2^(1/2)
        return _behind("^", inner) if is_power else inner.translate(_RAISED)
    return _set_apart(inner, before) if _is_plain(inner) else _behind("^", inner)


def subscript(text: str, before: str = "") -> str:
    """Write a subscript in a line, after the text `before`."""
    inner = " ".join(text.split())
    if not inner or len(inner) > LONGEST or (inner[0] == "[" and inner[-1] == "]"):
        return text
    if _LETTERS.fullmatch(inner):
        base = _BASE.search(before)
        return f"_{inner}" if base and len(base[0]) == 1 and len(inner) <= 4 else inner
    if _LOW_FIGURES.fullmatch(inner):
        return inner.translate(_LOWERED)
    return _set_apart(inner, before) if _is_plain(inner) else _behind("_", inner)


def _is_plain(text: str) -> bool:
    """Detect several words in small print, and signs that are raised by nature (`*`, `®`)."""
    return (" " in text and text.replace(" ", "").isalpha()) or not any(map(str.isalnum, text))


def _set_apart(text: str, before: str) -> str:
    return f" {text}" if " " in text and before[-1:].isalnum() else text


def _raised_letters(letters: str, before: str) -> str:
    if letters in _SIGNS:
        return _SIGNS[letters]
    before = before.rstrip()
    if not before:
        return letters
    found = _BASE.search(before)
    base = found[0] if found else ""
    plain = letters.rstrip(".")
    if not base:  # after a figure, a point, a bracket, or nothing
        ordinal = before[-1:].isdecimal() or before.endswith(".")
        if plain in ("a", "o") and ordinal:
            return {"a": "ª", "o": "º"}[plain]
        if ordinal and not (len(plain) == 1 and plain in _MATHEMATICAL):
            return letters
    elif base.isupper() or len(plain) > 1:  # XVIIIe, Sr, Mme
        if plain in ("a", "o") and len(base) <= 2:
            return {"a": "ª", "o": "º"}[plain]
        if len(plain) <= 4 and not (base.islower() and len(base) > 2) and not _GREEK.search(plain):
            return letters
    elif plain in ("a", "o") and base in ("n", "núm", "art", "Ma", "fr"):
        return {"a": "ª", "o": "º"}[plain]
    elif 2 <= len(base) <= 4 and base[0].isupper():  # an abbreviation: Fran^co, Exc^mo
        return letters
    return letters.translate(_RAISED) if letters in ("n", "i") else _behind("^", letters)


def _behind(sign: str, text: str) -> str:
    return f"{sign}{text}" if text.isalnum() else f"{sign}({text})"
