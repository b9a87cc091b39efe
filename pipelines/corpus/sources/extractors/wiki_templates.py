"""The words that templates of MediaWiki stand for in a sentence, as far as the page alone shows them."""

from __future__ import annotations

import re
from collections.abc import Callable

from desdecero.pipelines.corpus.sources.extractors.scripts import subscript, superscript

Parameter = Callable[[str], str]
"""Returns the words of a template's parameter, by its number or name; "" if missing."""

_FIRST_IS_WORDS = """
nowrap nobr nobreak small smaller big larger smallcaps sc versalita versalitas bold strong b negrita em italic i
cursiva underline u subrayado center centro centrar centrado cita quote cquote blockquote formatnum num nts number
número siglo esd sic ill illm il link-interwiki abbr abreviatura abrev tooltip abbrlink flag flagcountry flagu
bandera2 pais país kbd code codigo código tt samp mono var visible strike resaltar tq nowraplinks nobold normal
noitalic noautosort
"""
_WORDS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(_FIRST_IS_WORDS.split(), ("1",)),
    "cita destacada": ("1",), "enlace interlingüístico": ("1",), "not a typo": ("1",), "as written": ("1",),
    "proper name": ("1",), "block quote": ("1",), "no wrap": ("1",), "country flag": ("1",), "text": ("1",),
    "lang": ("2",), "langx": ("2",), "rtl-lang": ("2",), "script": ("2",), "color": ("2",), "font color": ("2",),
    "fontcolor": ("2",), "resize": ("2",), "fontsize": ("2",), "wikt-lang": ("2",), "langnf": ("3",),
    "moneda": ("1", "2"),
    "medida": ("1", "2"), "math": ("1",), "mvar": ("1",),
}  # fmt: skip
"""Templates → their parameters that are words."""
_SIGNS = {
    "nbsp": " ", "espacio": " ", "spaces": " ", "thinsp": " ", "hair space": " ", "nnbsp": " ", "!": "|", "=": "=",
    "ndash": "–", "en dash": "–", "snd": " – ", "spnd": " – ", "spaced ndash": " – ", "mdash": "—", "em dash": "—",
    "emdash": "—", "spaced mdash": " — ", "·": " · ", "middot": " · ", "dot": " · ", "•": " • ", "bull": " • ",
    "bullet": " • ", "...": "…", "ellipsis": "…", "'": "'", "\"": "\"", "(": "{", ")": "}", "((": "{{", "))": "}}",
    "ac": "a. C.", "a.c.": "a. C.", "adc": "a. C.", "dc": "d. C.", "d.c.": "d. C.", "check mark": "✓", "sí": "sí",
    "yes": "yes", "no": "no", "xmark": "✗", "pi": "π", "minus": "−", "times": "×", "plusmn": "±", "degree": "°",
    "sic": "[sic]",
}  # fmt: skip
_SILENT_WORDS = """
cn fact cr sfn sfnp harvnp harvtxt harvsp harv refn efn ref refname r rp note nota anchor ancla ancora clear clr -
coord coordenadas coords defaultsort citation-needed when who which by quién cuándo dónde where clarify aclarar
cita-requerida citation flagicon bandera icono icon ntsh hid ref-label listaref reflist audio escuchar loudspeaker
dead-link enlace-roto refbegin refend main toc tocright multiple-issues short-description spoiler legend leyenda
nowrap-begin nowrap-end
"""
SILENT = frozenset(_SILENT_WORDS.split()) | frozenset((
    "citation needed", "sin referencias", "enlace roto", "dead link", "better source needed",
    "page needed", "verify source", "bandera icono", "use dmy dates", "use mdy dates", "short description", "ref label",
    "note label", "nota al pie", "citation not found", "additional citation needed", "obsoleto",
    "carece de fuentes", "citar la fuente", "webarchive", "wayback", "better source", "nowrap begin",
    "nowrap end", "coord missing", "authority control", "control de autoridades", "commonscat", "wikisource",
))  # fmt: skip
"""Templates that put no words into a sentence: marks of sources, of doubts, of places; flags."""
_MARKED = frozenset((
    "cita requerida", "demostrar", "necesita cita", "citation needed span", "clarify span", "quién span",
))  # fmt: skip
"""Templates that mark the words which they hold, or those before them."""
_BOX = re.compile(r"(?:ficha|infobox|info/|infocaja|taxobox|taxocaja|cuadro|navbox|caja|tabla|box|sidebar)")

_MONTH_NAMES = {
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "gl": "xaneiro febreiro marzo abril maio xuño xullo agosto setembro outubro novembro decembro",
    "ca": "gener febrer març abril maig juny juliol agost setembre octubre novembre desembre",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "en": "January February March April May June July August September October November December",
}
_MONTHS = {language: names.split() for language, names in _MONTH_NAMES.items()}
_ENGLISH_DATE = (
    r"(?:start|end|birth|death|film|release|launch|opening|premiere|event|episode)[ -]?date\b.*|dts|dob|bda|dda|as of"
)
_DATE = re.compile(rf"fechas?\b.*|date|date de \w+|data|data de \w+|dni|inicio|geburtsdatum|a fecha de|{_ENGLISH_DATE}")

_WHEN = re.compile(r"(?:\d{1,2} de )?[a-z]+ de \d{4}|[\d/-]*")


def words(name: str, get: Parameter, language: str = "") -> str | None:
    """Return the words of a template; "" if it stands for none in a sentence, None if unknown.

    name: in small letters, with blanks. language: of the wiki, in which dates are written.
    """
    if name in SILENT or _BOX.match(name):
        return ""
    if name in _MARKED:
        return "" if _WHEN.fullmatch(get("1")) else get("1")
    if name in _SIGNS and not get("1"):
        return _SIGNS[name]
    if rule := _RULES.get(name):
        return rule(get) or None
    if _DATE.fullmatch(name):
        return (
            _date(get, language if language in _MONTHS else "en" if re.fullmatch(_ENGLISH_DATE, name) else "es") or None
        )
    if name.startswith("lang-"):
        return get("1") or None
    if name in ("siglo", "siglos") and get("1") and get("3").lower() == "s":
        return f"siglo {get('1')}"
    if name in _WORDS:
        return " ".join(filter(None, map(get, _WORDS[name]))) or None
    return None


def function(name: str, argument: str) -> str | None:
    """Return the words of a parser function, `{{formatnum:1500}}`; "" for one without any; None for an unknown one."""
    if name in ("formatnum", "número", "lc", "uc", "lcfirst", "ucfirst"):
        change = {"lc": str.lower, "uc": str.upper}.get(name)
        return change(argument) if change else argument
    if name in ("defaultsort", "ordenar", "displaytitle", "#tag", "#invoke"):
        return "" if name != "#invoke" else None
    return None


def _date(get: Parameter, language: str) -> str:
    """Write `3 de mayo de 1990`, from day, month and year, or year, month and day."""
    given = [get(place).strip() for place in ("1", "2", "3")]
    if not given[0] or not given[1] or not given[0].isdecimal():
        return given[0] if not given[1] else " ".join(filter(None, given))
    year_first = int(given[0]) > 31
    year, month, day = given if year_first else (given[2], given[1], given[0])
    if month.isdecimal() and 1 <= int(month) <= 12:
        month = _MONTHS[language][int(month) - 1]
    day = day.lstrip("0") if day.isdecimal() else ""
    link = " de " if language in ("es", "pt", "gl") else " "
    if language == "ca":
        day = f"{day} de" if day and month[0] not in "ao" else f"{day} d'" if day else ""
        return " ".join(filter(None, (day, month, year))).replace("d' ", "d'")
    return link.join(filter(None, (f"{day}." if language == "de" and day else day, month, year)))


_CHARGE = re.compile(r"\d*[+−-]")


def _converted(get: Parameter) -> str:
    """`{{convert|5|km|mi}}` → `5 km`; `{{convert|3|to|5|km}}` → `3 to 5 km`."""
    if re.fullmatch(r"[\d.,/+-]+", get("3")) and not re.fullmatch(r"[\d.,]+", get("2")):
        between = get("2") if get("2").isalpha() else f"{get('2')}".replace("-", "–")
        joined = f"{get('1')} {between} {get('3')}" if between.isalpha() else f"{get('1')}{between}{get('3')}"
        return f"{joined} {get('4')}".strip()
    return f"{get('1')} {get('2')}".strip()


def _fraction(get: Parameter) -> str:
    given = [part for part in map(get, ("1", "2", "3")) if part]
    if len(given) == 3:
        return f"{given[0]} {given[1]}/{given[2]}"
    return "/".join(given) if len(given) == 2 else f"1/{given[0]}" if given else ""


def _power(get: Parameter) -> str:
    return f"×10{superscript(get('1'), '10')}" if get("1") else ""


def _value(get: Parameter) -> str:
    power = f"×10{superscript(get('e'), '10')}" if get("e") else ""
    return " ".join(filter(None, (f"{get('1')}{power}" if get("1") else "", get("u") or get("ul"))))


def _formula(get: Parameter) -> str:
    """`{{chem|H|2|O}}` and `{{chem2|H2O}}` → `H₂O`."""
    joined = ""
    for part in map(get, map(str, range(1, 13))):
        is_charge = joined and _CHARGE.fullmatch(part)
        joined += superscript(part, joined) if is_charge else part
    return re.sub(r"(?<=[A-Za-z)\]])\d+", lambda match: subscript(match[0]), joined)


def _quantity(get: Parameter) -> str:
    """`{{unidad|9,8|m||s|-2}}` → `9,8 m·s⁻²`: a number, then units with their exponents."""
    places = [(get(str(place)), get(str(place + 1))) for place in range(2, 10, 2)]
    units = [f"{unit}{superscript(power, unit) if power else ''}" for unit, power in places if unit]
    return " ".join(filter(None, (get("1"), "·".join(units))))


def _about(get: Parameter) -> str:
    years = "–".join(filter(None, (get("1"), get("2"))))
    return f"c. {years}".strip()


def _era(era: str) -> Callable[[Parameter], str]:
    return lambda get: f"{get('1')} {era}".strip()


def _money(sign: str) -> Callable[[Parameter], str]:
    return lambda get: f"{sign}{get('1')}" if get("1") else ""


def _either(*places: str) -> Callable[[Parameter], str]:
    return lambda get: next(filter(None, map(get, places)), "")


_RULES: dict[str, Callable[[Parameter], str]] = {
    "convert": _converted, "convertir": _converted, "cvt": _converted, "conversion": _converted,
    "frac": _fraction, "fraction": _fraction, "sfrac": _fraction, "fracción": _fraction, "fraccion": _fraction,
    "e": _power, "esp": _power, "10^": lambda get: _power(get).removeprefix("×"),
    "gaps": lambda get: "".join(map(get, map(str, range(1, 13)))),
    "unidad": _quantity, "unité": _quantity, "unite": _quantity, "unit": _quantity,
    "x10": _power, "×10^": _power,
    "quote": _either("1", "text"), "blockquote": _either("1", "text"), "cquote": _either("1", "text"),
    "val": _value, "chem": _formula, "chem2": _formula, "fórmula química": _formula,
    "circa": _about, "ca.": _about, "ca": _about, "c.": _about, "hacia": _about,
    "bc": _era("BC"), "bce": _era("BCE"), "ce": _era("CE"), "ad": _era("AD"),
    "us$": _money("US$"), "usd": _money("US$"), "€": _money("€"), "euro": _money("€"), "eur": _money("€"),
    "£": _money("£"), "gbp": _money("£"), "¥": _money("¥"),
    "nihongo": _either("1", "3", "2"), "nihongo2": _either("1"), "nihongo3": _either("1", "3", "2"),
    "nihongo krt": _either("1", "3", "2"), "korean": _either("hangul", "1"), "zh": _either("t", "s", "p", "1"),
    "sort": _either("2", "1"), "sortname": lambda get: f"{get('1')} {get('2')}".strip(),
    "ill": _either("lt", "1"), "illm": _either("lt", "1"), "interlanguage link": _either("lt", "1"),
    "as of": lambda get: "" if not get("1") else f"{'as' if get('lc') else 'As'} of {_date(get, 'en')}",
    "transl": _either("3", "2"), "transliteration": _either("3", "2"), "translit": _either("3", "2"),
    "wp": _either("2", "1"), "enlace": _either("2", "1"), "section link": _either("1"),
    "sup": lambda get: superscript(get("1"), "x"), "super": lambda get: superscript(get("1"), "x"),
    "exp": lambda get: superscript(get("1"), "x"), "superscript": lambda get: superscript(get("1"), "x"),
    "sub": lambda get: subscript(get("1")), "subscript": lambda get: subscript(get("1")),
    "su": lambda get: superscript(get("p"), "x") + subscript(get("b")),
}  # fmt: skip
