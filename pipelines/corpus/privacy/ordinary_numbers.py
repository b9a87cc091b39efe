"""Ordinary numbers that are written like personal data: amounts, dates, file numbers, parts of references.

A check digit holds for one random number in ten or twenty, and three groups of three digits are a Spanish telephone
as well as an amount. The words and signs on either side decide.
"""

from __future__ import annotations

import re

_CURRENCY = (
    r"[€$£¥₡₲]|US\$|R\$|RD\$|S/\.?|Bs\.?|EUR|USD|GBP|ARS|BRL|CLP|COP|CRC|DOP|MXN|PEN|PYG|UYU|VES"
    r"|euros?|d[óo]lares|pesos|soles|reais"
)
_CURRENCY_BEFORE = re.compile(rf"(?i)(?<![^\W_])(?:{_CURRENCY})[ \t]{{0,2}}$")
_UNIT = (
    rf"{_CURRENCY}|%|‰|mil(?:es)?|mill[óo]n(?:es)?|millions?|billions?|people|gente|bytes?|bits?|[kMGT]i?B|[kcm]?m[²³23]?"
    r"|km[²2]?|kg|kgs?|g|ha|l|kWh|MWh|[kM]?W|h|min|tn?"
)
_PLURAL = (
    r"(?!\w+[aei]d[oa]s\b|\w+entes\b|antes\b|después\b|entonces\b|además\b|mientras\b|pues\b|tras\b|ambos\b|vecinos\b"
    r"|this\b|thus\b|plus\b|unless\b|always\b|across\b|versus\b|besides\b|ours?\b)[^\W\d_A-Z]{3,}s"
)
"""A counted noun; not a participle (`expedidos`), adverb or conjunction. `habitantes` is among the units."""
_PEOPLE = "clientes|pacientes|docentes|agentes|residentes|fuentes|accidentes|componentes|vecinos"
_COUNTED_BEHIND = re.compile(
    rf"[ \t]?(?:{_CURRENCY}|%|‰)(?!\w)|[ \t]{{1,2}}(?:{_UNIT}|habitantes|(?:de )?(?:{_PEOPLE}|{_PLURAL}))(?!\w)"
)
_MEASURED_BEHIND = re.compile(rf"[ \t]?(?:{_CURRENCY}|%|‰)(?!\w)|[ \t]{{1,2}}(?:{_UNIT}|habitantes)(?!\w)")
_COUNT_BEFORE = re.compile(
    r"(?i)(?:deudas?|poblaci[óo]n|presupuestos?|importes?|total(?:es)?|sumas?|capital|ventas|ingresos|gastos?|super[áa]vit"
    r"|d[ée]ficit|saldos?|costes?|costos?|valor|cuant[íi]as?|inversi[óo]n|habitantes|population|amount|budget|revenues?"
    r"|debt|entre|asciend\w+ a|ascendi\w+ a|unos|unas|casi|m[áa]s de|menos de|about|over|nearly)"
    r"(?: (?:de|of|is|es|era|fue|por|total|externa|anual|neta?|p[úu]blic[ao]|:)){0,3}[ \t:=,(]{0,3}$"
)

_NUMBERED = r"n\.?[ºo°]s?\.?|n[úu]m(?:eros?)?\.?|nro\.?|numbers?|no\.|#"
_FILE_WORDS = r"""
    expedientes? exptes?\.? exp\. registros? reg\. documentos? doc\. oficios? facturas? pedido matr[íi]culas?
    folios? asientos? protocolos? partidas? actas? contratos? albar[áa]n(?:es)? recibos? gu[íi]as? env[íi]os?
    solicitud(?:es)? tr[áa]mites? carpetas? causas? autos diligencias sumarios? resoluci[óo]n(?:es)?
    providencias? p[óo]lizas? modelos? asuntos? procedimientos? radicados? radicaci[óo]n referencias? ref\.?
    series? lotes? versi[óo]n(?:es)? c[óo]digos? art[íi]culos? productos? piezas? tickets? casos? fichas?
    [óo]rden(?:es)? boletos? reserva localizador apunte pnr cuentas? clientes? socios? isbn issn diligencia
    acuerdos? cartas? notas? informe memorando memor[áa]ndum prove[íi]dos? convenios? licitaci[óo]n concursos?
    quejas? denuncias? reclam(?:o|aci[óo]n) incidencia remitos? comprobantes? boletas? rollos? legajos? tomos?
    escrituras? sentencias? autos? juicios? rol rit certificados? dict[áa]menes dictamen cheques? transacci[óo]n
    operaci[óo]n transferencia placas? chasis medidor suministro contador claims? requests? ean upc gtin sku
    asin imei pmid id uuid oid files? records? invoices? orders? cases? codes? serial batch lots? items? parts?
    products? models? versions? builds? receipts? shipments? tracking reference docket patents? patentes?
    timestamps? epoch unix commit revision bug issue registration entry bar.?codes? barras
"""
"""Files, goods and records: the number after one is its number."""
_FILE_WORD = "|".join(_FILE_WORDS.split())
_QUALIFIED = (
    r"(?: (?:de|del|of|la|el|los) (?:la )?[^\W\d_]{2,20}| (?:administrativ|intern|judicial|electr[óo]nic"
    r"|p[úu]blic|general"
    r"|oficial|original|adjunt|anterior|siguiente|nuev|digital|fiscal|penal|civil|disciplinari|sancionador)[^\W\d_]{0,5})?"
)
_FILED = re.compile(
    rf"(?i)(?<![^\W_])(?:{_FILE_WORD}){_QUALIFIED}[ \t:=.,(\[]{{0,3}}(?:(?:{_NUMBERED})[ \t:.]{{0,2}})?"
    r"(?:[0-9][\w.-]*(?:[,;/]|[,;]? (?:y|e|o|and|or|a|al|to))\s?){0,12}$"
)
"""A word for a file, with its qualifiers, a sign for a number, and the numbers before it in a list."""
_RECORDED = re.compile(
    r"(?i)(?<![^\W_])(?:expedientes?|exptes?\.?|registros?|documentos?|oficios?|facturas?|files?|records?|documents?)"
    rf"(?:[ \t]{{1,2}}[^\W\d_]{{1,20}}){{1,5}}[ \t:=.,(\[]{{0,3}}(?:(?:{_NUMBERED})[ \t:.]{{0,2}})?$"
)
"""A word for a record, and up to five qualifiers: `el Registro General de Entrada 12345678901`."""
_JUST_NUMBERED = re.compile(rf"(?i)(?<![^\W_])(?:{_NUMBERED})[ \t:.]{{0,2}}$")
_BEHIND_A_WORD = re.compile(
    r"(?:(?<![^\W_])(?:[a-záéíóúñü]{4,}"
    r"|(?i:el|la|los|las|un|una|en|al|del?|con|por|ver|fue|es|son|the|see|in|of|with|is|was))[ \t]"
    rf"|[^\W\d_][ \t]?:)[ \t:]{{0,2}}(?:(?:{_NUMBERED})[ \t:.]{{0,2}})?(?:[0-9]{{6,}}[,;]? (?:y |e "
    rf"|o |and |or )?){{0,12}}$"
)
_NUMBER_SIGN = re.compile(r"(?i)(?<![^\W_])(?:n\.?[ºo°]s?\.?|n[úu]m\.?|nro\.?|no\.|#)[ \t:.]{0,2}$")
_NUMBER_WORD = re.compile(r"(?i)(?<![^\W_])(?:n[úu]meros?|numbers?)[ \t:]{1,3}$")
_WINDOW = 160

_DATE = re.compile(
    r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])|(?:0[1-9]|[12]\d|3[01])(?:0[1-9]|1[0-2])(?:19|20)\d\d"
)
_TIMESTAMP = 18
"""Digits of a date with microseconds, nearly: longer numbers that begin with a year are accounts."""
_YEAR = re.compile(r"19[5-9]\d|20[0-3]\d")
_REFERENCE = re.compile(
    r"(?i)\b10\.\d{4,9}/|\b(?:doi|arxiv|urn|ark|hdl|isbn|issn|pmid|pmc)[:/. ]|[a-z]{2,10}://|\bwww\.|^[\w-]+(?:\.[\w-]+)+/"
)
_DIALLED = re.compile(r"(?i)(?:wa\.me/|phone=|tel:|callto:)\+?$")

GROUPED = re.compile(r"[1-9][0-9]{0,2}([ .'])[0-9]{3}(?:\1[0-9]{3})+")
"""An amount in groups of three digits."""


def is_counted(text: str, start: int, end: int, nouns: bool = True) -> bool:
    """Tell whether a currency precedes the number, or a unit, currency or (with `nouns`) a counted noun follows it."""
    counted = _COUNTED_BEHIND.match(text, end) if nouns else _MEASURED_BEHIND.match(text, end)
    return bool(counted or _CURRENCY_BEFORE.search(text[max(0, start - 10) : start]))


def is_amount(text: str, start: int, end: int) -> bool:
    """Tell whether the number is counted, ends in thousands, or follows a word for an amount."""
    return (
        text.endswith("000", start, end)
        or is_counted(text, start, end)
        or bool(_COUNT_BEFORE.search(text[max(0, start - 30) : start]))
    )


def is_filed(text: str, start: int, numbered: bool = False) -> bool:
    """Tell whether a word for a file precedes the number; or, with `numbered`, only `n.º`, or a record with a long
    description."""
    before = text[max(0, start - _WINDOW) : start].rpartition("\n\n")[2]
    if numbered and (_JUST_NUMBERED.search(before) or _RECORDED.search(before)):
        return True
    return bool(_FILED.search(before))


def is_numbered(text: str, start: int) -> bool:
    """Tell whether a sign for a number (`n.º`, `#`) directly precedes it: one calls a telephone, and numbers a
    thing."""
    return bool(_NUMBER_SIGN.search(text[max(0, start - 8) : start]))


def is_called_number(text: str, start: int) -> bool:
    """Tell whether the word `número` directly precedes it, which a telephone's number has, too."""
    return bool(_NUMBER_WORD.search(text[max(0, start - 12) : start]))


def begins_with_date(text: str, start: int, digits: str) -> bool:
    """Tell whether the digits begin with a date (20240315…, 15032024…), or with a year and stand in a sentence or after
    a label.

    A Peruvian company's tax number begins with 20, as does that of most men in Argentina: in brackets, in a list or a
    table, a year is no evidence.
    """
    if _DATE.match(digits):
        return True
    return (
        len(digits) < _TIMESTAMP
        and bool(_YEAR.match(digits))
        and bool(_BEHIND_A_WORD.search(text[max(0, start - _WINDOW) : start]))
    )


def in_reference(text: str, start: int) -> bool:
    """Tell whether the number is part of a DOI, an arXiv or web address, or another identifier with a scheme."""
    line = text[max(0, start - _WINDOW) : start]
    token = re.split(r"[\s<>\"“”«»]", line)[-1]
    return bool(_REFERENCE.search(token)) and not _DIALLED.search(token)
