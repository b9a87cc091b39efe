"""Format values for a card: significant digits, units, and text escaped for Markdown.

The decimal sign is a point in both languages, so that a number reads the same in both cards. Thousands are separated by
a comma in English and by a no-break space in Spanish, where a comma would be read as the decimal sign. Missing values
are returned unchanged: the card prints them as missing.
"""

from __future__ import annotations

import functools
import itertools
import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal

from desdecero.model_cards.evidence import Missing, View
from desdecero.model_cards.words import Language, say


def filters(language: Language) -> dict[str, Callable[..., Any]]:
    """Return the template filters of one language."""
    functions: dict[str, Callable[..., Any]] = {
        "grouped": functools.partial(grouped, language),
        "size": size,
        "figure": figure,
        "percent": functools.partial(percent, language),
        "duration": duration,
        "day": day,
        "power": power,
        "probability": probability,
        "interval": functools.partial(interval, language),
        "plain": plain,
        "paragraphs": paragraphs,
        "transcript": transcript,
        "fenced": fenced,
        "quoted": quoted,
        "with_sentinels": with_sentinels,
    }
    return {name: _unless_missing(function) for name, function in functions.items()}


def _unless_missing(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda value, *options: value if isinstance(value, Missing) else function(value, *options)


# --- numbers -----------------------------------------------------------------------------------------------

PARTED: dict[Language, int] = {"en": 1000, "es": 10_000}
"""The least whole number whose thousands are parted (Spanish: Real Academia Española, *Ortografía*, 2010)."""


def grouped(language: Language, value: float) -> str:
    """Format a whole number: 1,234 and 12,345, or 1234 and 12 345."""
    whole = round(value)
    return str(whole) if abs(whole) < PARTED[language] else f"{whole:,}".replace(",", say(language, "number.thousands"))


def counted(language: Language, key: str, number: int, **values: str) -> str:
    """Format a count with its noun: the text of `key.one` for 1, else of `key.other`."""
    return say(language, f"{key}.one" if number == 1 else f"{key}.other", number=grouped(language, number), **values)


def size(value: int) -> str:
    """Format bytes in decimal units: 812 B, 31.2 MB."""
    if value < 1000:
        return f"{value} B"
    scaled = float(value)
    for unit in ("kB", "MB", "GB"):
        scaled /= 1000
        if scaled < 1000:
            return f"{scaled:.3g} {unit}"
    return f"{scaled / 1000:.3g} TB"


def figure(value: float, digits: int = 4) -> str:
    """Format a number with `digits` significant digits and no exponent: 1.882, 177.4, 0.00197."""
    return _places(value, max(digits - 1 - _magnitude(value), 0))


def percent(language: Language, share: float) -> str:
    """Format a share between 0 and 1: 95%, 12.3%, 0.34%."""
    places = 1 if share >= 0.01 or share == 0 else 1 - _magnitude(100 * share)
    number = _places(100 * share, places)
    return f"{number.removesuffix('.0')}{say(language, 'number.percent')}"


def duration(seconds: float) -> str:
    """Format seconds as 3.2 s, 4 min 5 s or 2 h 7 min."""
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, left = divmod(minutes, 60)
    return f"{hours} h {left} min" if hours else f"{minutes} min {rest} s"


def day(time: str) -> str:
    """Return the day of a time: `2026-11-27T21:22:32Z` becomes 2026-11-27 (ISO 8601)."""
    return time[:10]


def power(value: float) -> str:
    """Format a large number with two digits and an exponent: 3.1e14."""
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa}e{int(exponent)}"


def probability(value: float) -> str:
    """Format a p-value with two significant digits."""
    return f"{value:.2g}"


Scale = Literal["plain", "signed", "percent", "points"]
"""How a value is written: as it is; with its sign; a share as a percentage; a difference of shares, with its sign, in
percentage points, which the text around it names."""


def interval(language: Language, estimate: Any, scale: Scale = "plain") -> Any:
    """Format `{"value", "low", "high"}` as `1.824 (1.789 to 1.858)`, to two digits of the interval's width.

    A plain number has no parentheses. An estimate without bounds (few documents give no interval) is marked as such.
    """
    if not isinstance(estimate, View | Mapping):
        return _alone(language, estimate, scale)
    value, low, high = (estimate[name] for name in ("value", "low", "high"))
    if isinstance(value, Missing):
        return value
    if any(bound is None or isinstance(bound, Missing) for bound in (low, high)):
        return f"{interval(language, value, scale)} ({say(language, 'number.no_interval')})"
    factor = 100 if scale in ("percent", "points") else 1
    unit = say(language, "number.percent") if scale == "percent" else ""
    places = max(1 - _magnitude((high - low) * factor), 0) if high > low else 3
    value, low, high = (
        _parted(language, _places(bound * factor, places, scale in ("signed", "points"))) + unit
        for bound in (value, low, high)
    )
    return f"{value} ({low} {say(language, 'number.range')} {high})"


def _alone(language: Language, value: float, scale: Scale) -> str:
    """Format a value without an interval."""
    if scale == "percent":
        return percent(language, value)
    if scale == "points":
        return _places(100 * value, 1, sign=True)
    sign = "+" if scale == "signed" and value > 0 else ""
    return sign + _parted(language, figure(value))


def _places(value: float, places: int, sign: bool = False) -> str:
    """Format a number with `places` decimals; the minus sign is U+2212, and `sign` adds a plus sign."""
    return f"{value:{'+' if sign else ''}.{places}f}".replace("-", "−")


def _parted(language: Language, number: str) -> str:
    """Part the thousands of a number of five digits and more before the point."""
    whole = re.match(r"[+−]?(\d{5,})", number)
    return number.replace(whole[1], grouped(language, int(whole[1])), 1) if whole else number


def _magnitude(value: float) -> int:
    """Return the power of ten of the first digit: 2 for 177.4, −3 for 0.00197."""
    return math.floor(math.log10(abs(value))) if value else 0


# --- text --------------------------------------------------------------------------------------------------

MARKUP = re.compile(r"[\\`*\[\]<>|~#]|(?<!\w)_|_(?!\w)|&(?=#?\w+;)")
OPENS_A_BLOCK = re.compile(r"^(?:[-+=]|\d+(?=[.)]))")


def plain(text: Any) -> str:
    """Escape a text for Markdown, on one line, so that it is shown as it was written."""
    line = MARKUP.sub(r"\\\g<0>", " ".join(str(text).split()))
    return OPENS_A_BLOCK.sub(lambda start: _escape_block(start[0]), line)


def _escape_block(start: str) -> str:
    """Escape what would open a list: `- x` becomes `\\- x`, and `1. x` becomes `1\\. x`."""
    return f"{start}\\" if start.isdigit() else f"\\{start}"


def paragraphs(text: str) -> str:
    """Escape a text like `plain`, paragraph by paragraph."""
    return "\n\n".join(plain(part) for part in re.split(r"\n\s*\n", text.strip()))


def transcript(sample: Any) -> Any:
    """Format a sample, `{"prompt", "text"}`, with `▸` before the model's text.

    The mark follows a prompt that was continued, and precedes the text in which a prompt's gaps were filled.
    """
    prompt, text = sample["prompt"], sample["text"]
    if isinstance(text, Missing):
        return text
    return f"{prompt}▸{text.removeprefix(prompt)}" if text.startswith(prompt) else f"{prompt}\n▸ {text}"


def fenced(text: str, info: str = "text") -> str:
    """Return a code block whose fence is longer than any run of backticks in it."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{info}\n{text.strip(chr(10))}\n{fence}"


def quoted(text: str) -> str:
    """Return a Python string literal."""
    return json.dumps(text, ensure_ascii=False)


def with_sentinels(prompt: str) -> str:
    """Replace each `[MASK]` by a sentinel, as T5's tokenizer reads it: `Return the<extra_id_0> of the array.`

    The space before a gap belongs to the text that fills it, as in the model's samples.
    """
    numbers = itertools.count()
    return re.sub(r" ?\[MASK\]", lambda _: f"<extra_id_{next(numbers)}>", prompt)
