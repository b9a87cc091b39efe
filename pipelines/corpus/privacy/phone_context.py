"""The context words that identify a number as a telephone."""

from __future__ import annotations

import re

WORDS = {
    "phone": """
        móv mov
        teléfono telefono teléfonos telefonos teléf telef telf telfs tel tels tfno tfnos tlfno tlfnos tlfn tlf tlfs
        telefone telefones fone fones fono fonos móvil movil móviles celular celulares cel fax telefax telefaxes telfax
        phone phones ph telephone mobile whatsapp wsp wapp cell telefónica telefónico telefónicos llame llamar llama
        llamé llámame llámeme llámenos contacto contact call calling answering office desk home work wa tf tlno
        telegram bizum extensión registered messages message text sms mensajes mensaje marque marcar marca número
        reach ring dial particular number
    """,
}
"""Words that may name a telephone, to find quickly where to look closer."""

_TELEPHONE = (
    r"tel[eé]fonos?|tel[eé]fs?|telfs?|tels?|tfnos?|tlfn?os?|tlfs?|tlfn|tlno|tf|telefones?|fax|tele?fax(?:es)?"
    r"|n[uú]meros? telef[oó]nicos?|fones?|fonos?|m[oó]v(?:il(?:es)?)?|celular(?:es)?|phones?|telephones?"
    r"|whatsapp|wsp|wapp"
)
_ONE_TELEPHONE = (
    r"tel[eé]fono|tel[eé]f|telf|tel|tfno|tlfn?o?|tf|telefone|fax|telefax|fone|fono|m[oó]vil|celular|phone|telephone"
    r"|whatsapp|wsp|wapp"
)
"""Words after a number: `412 345 678 móviles` were sold."""
_CALL = (
    r"central telef[oó]nica|ll[aá]m[ae](?:r|me|nos)?(?: por tel[eé]fono)? al|ll[aá]m(?:ame|eme|enos) al"
    r"|marqu?(?:e|ar|a) (?:el|al)|n[uú]meros? de contacto"
    r"|contact number|(?:call(?:ing)?(?! numbers?\b)|ring|dial|reach|text|phone)(?: me| us)?(?: on| at)?"
    r"|answering at|mensajes? al"
    r"|(?:messages?|texts?|sms|calls?) (?:to|from)|my registered|(?:home|work|office|contact|daytime) (?:phone"
    r"|number|tel)"
    r"|wa\.me/(?:\+)?|n[uú]mero (?:particular|personal|directo)"
    r"|(?<!\w )my number(?=(?: is|:))|(?<![^\W_])mi n[uú]mero(?: es(?: el)?|(?=:))"
)
_EVERYDAY = r"cell|cel|office|desk|mobile|home|work|ph|contacto|contact"
"""Words that more often precede other numbers: `cell.2020.04.012`, `office 365 2019`."""
_QUALIFIERS = (
    r"(?:[ ]?(?:numbers?|n[úu]meros?|n[º°.]+o?|nro\.?|no\.|fijo|m[oó]vil|celular|particular|de contacto"
    r"|personal|directo"
    r"|de casa|trabajo|oficina|office|home|work|line|\(\w{2,10}\)|is|es|/ ?fax|y fax|and fax|/ ?m[oó]vil|/ ?whatsapp))*"
)
_MARKS = r"[\s*_~`\"'\[\]|<>]{0,6}"
"""Blanks, Markdown and quotation marks between the word and the number."""
_BEFORE = re.compile(
    rf"(?i)(?<![^\W_])(?:(?P<telephone>{_TELEPHONE})"
    rf"|(?P<call>{_CALL}))\.?{_QUALIFIERS}[ \t]*{_MARKS}(?:\]\(tel)?[:.=]{{0,2}}"
    rf"[ \t]*{_MARKS}[+(]{{0,2}}$"
    rf"|(?i:(?<![\w./@#&=-])(?:{_EVERYDAY}){_QUALIFIERS}(?P<mark>[ \t]*\.?[ \t]*:[\s*_]{{0,4}}|[ \t]{{1,3}}"
    rf"|\.[ ])[+(]{{0,2}}$)"
)
_WINDOW = 56
_LOCAL = 6
"""Digits of the shortest number, in the provinces of Peru and Argentina: only after a word for a telephone."""
_EVERYDAY_NUMBER = re.compile(
    r"(?=[+(0]|[1-9]\d{8,}|\d{2,4}([ .-])\d{3}\1\d{3,4}|\d{3}[ -]\d{4}(?!\d)|\d{1,3}[.-]\d{2,4}[.-]\d{3,4}"
    r"|[6-9]\d{2}(?: \d\d){3}"
    r"|9\d \d{3} \d\d \d\d)"
    r"(?!(?:365|19\d\d"
    r"|20\d\d)\b)(?!\d{1,3}(?:[ .,]\d{3})+\b(?![ .-]\d))(?!\d+\.\d+\.\d+\b)[+(]{0,2}\d(?!.{0,18}\b(?:19|20)\d\d\b(?!-))"
)

_BEHIND = re.compile(
    rf"(?i)[ \t]{{0,2}}[-–,:(\[|*_/]{{0,3}}[ \t]{{0,2}}(?:(?:{_ONE_TELEPHONE}|(?:home|work|office|mobile"
    rf"|cell) (?:phone|number))"
    rf"|(?:(?<![(\[])|(?=\w+[)\]]))(?:{_EVERYDAY}|casa|trabajo|oficina|particular))(?![^\W_])\.?"
    r"(?=[ \t]{0,2}(?P<number>[.:=ºn°]{0,3}[ \t]?[(+]?[0-9])"
    r"|[ \t]{0,2}(?:[\n,;:)\]}|/*_<>\"'’”»\\.–-]|$|\(|(?:de|del|of|personal|particular|y|e|o|and|or|para|for)\b))"
)
_SAID_BEHIND = re.compile(
    r"(?i)[ \t](?:is|was|es|era)[ \t](?:my|his|her|our|their|the|mi|su|el|nuestro)[ \t](?:\w{2,10}[ \t])?"
    rf"(?:{_ONE_TELEPHONE}|office|cell|mobile|home|work|phone|n[uú]mero de tel[eé]fono)"
    r"(?:[ \t](?:phone|number|line))?(?![^\W_])"
)
"""`040-022-031 is my office number`"""
_DIALLED_FIRST = re.compile(rf"(?i)[ \t]{{1,2}}(?:{_EVERYDAY}|{_ONE_TELEPHONE})(?![^\W_]|[ \t]*[0-9])")
"""After a number that begins with a zero or a bracket, as no amount does: `040-022-031 Office dijo`."""
_MAY_BE_BEHIND = re.compile(r"[ \t,:(\[|*_/–-]{1,6}[cdefhimoptwCDFHMOPTW]")
"""A fast check before the slow one."""
_ALSO_BEHIND = re.compile(
    rf"(?i)[ \t.:=(+-]{{0,6}}[0-9][0-9 ().-]{{5,18}}[0-9][ \t]{{0,2}}[-–,(]?[ \t]{{0,2}}(?:{_TELEPHONE}|{_EVERYDAY})\b"
)


def find_name_before(text: str, start: int) -> int | None:
    """Return the least digits of the number at `start` by the word that names it; None if none does."""
    word = _BEFORE.search(text[max(0, start - _WINDOW) : start])
    if word is None:
        return None
    if word["telephone"] or word["call"]:
        return _LOCAL if word["telephone"] else 7
    colon = ":" in (word["mark"] or "")
    return 7 if colon or _EVERYDAY_NUMBER.match(text, start) else None


def find_name_behind(text: str, start: int, end: int) -> bool:
    """Tell whether a word after the number from `start` to `end` names it, and not the next number."""
    if not _MAY_BE_BEHIND.match(text, end):
        return False
    if _SAID_BEHIND.match(text, end) or (text[start] in "0(+" and _DIALLED_FIRST.match(text, end)):
        return True
    word = _BEHIND.match(text, end)
    return word is not None and (not word["number"] or bool(_ALSO_BEHIND.match(text, word.end())))


_SIGNS = re.compile(
    r"(?i)@|\bwww\.|https?:|(?<![^\W_])(?:(?!(?-i:Telef[oó]nica))tel(?:[eé]?fs?|s|[eé]fon\w*|ef[oó]nic\w*)?"
    r"|tfno\w*|tlf\w*|fax|m[oó]vil(?:es)?|celular\w*|whatsapp|telegram"
    r"|llam(?:e|ar|a|ad|en|ando|arme|arnos|adme)|ll[aá]m(?:ame|eme|anos|enos)|marc(?:ar|a|ad|ando)|marque\w*|contact\w*|fono\w*|phone\w*|call|calling|dial|ring"
    r"|atenci[oó]n al"
    r"|reservas|cita previa|urgencias|informes|informaci[oó]n en|consultas|avis[ae]\w*|preguntar por|agenda"
    r"|e-?mail|correo"
    r"|bizum|wasap|comunicarse|com[uú]n[ií]quese)(?![^\W_])"
)
"""Words and addresses that accompany a telephone number."""
_QUANTITY = re.compile(
    r"(?i)(?<![^\W_])(?:cost(?:ó|aron|aba|ará)|que son|fueron|eran|tiene[n]?|ten[íi]an?|tuvo|hay|hab[íi]a|hubo"
    r"|sobre los|atendi(?:ó|eron) a"
    r"|suma(?:n|ron|ba)?|sumó|alcanz(?:ó|an?|aron)|super(?:ó|an?|aron)|gast(?:ó|an?|aron)|vendi(?:ó|eron)"
    r"|recibi(?:ó|eron)|gan(?:ó|an?|aron)|perdi(?:ó|eron)|pag(?:ó|an?|aron)|invirti(?:ó|eron)|recaud(?:ó|an?|aron)"
    r"|factur(?:ó|an?|aron)|cost|has|had|have|were|reached|spent|sold|earned)[ ]$"
)
"""Directly before an amount: `la agenda costó 612 345 678`."""
_AROUND_BEFORE, _AROUND_BEHIND = 70, 50
_TO_THE = re.compile(
    r"(?i)(?<!ascendió )(?<!asciende )(?<!equivale )\bal(?: n[uú]mero)?[ ]$|\b(?:me|nos|le) en el[ ]$"
    r"|(?<![\w.])[TMF][.:]{1,2}[ ]?$"
)
_GIVEN_NAMES = """
    Adriana Alba Alberto Alejandra Alejandro Alfonso Alfredo Alicia Álvaro Amparo Ana Andrea Andrés Ángel Ángela
    Antonia Antonio Beatriz Belén Blanca Camila Carla Carlos Carmen Carolina Catalina Cecilia César Claudia
    Cristina Daniel Daniela David Diana Diego Eduardo Elena Emilio Enrique Esteban Eva Fátima Felipe Fernanda
    Fernando Francisca Francisco Gabriel Gabriela Gloria Gonzalo Guillermo Gustavo Héctor Hugo Ignacio Inés
    Irene Isabel Jaime Javier Jesús Joaquín John Jorge José Josefa Juan Juana Julia Julián Julio Laura Leonor
    Lorena Lourdes Lucas Lucía Luis Luisa Manuel Manuela Marcos Margarita María Mariana Mario Marta Martín Mary
    Mateo Mercedes Miguel Mónica Natalia Nicolás Noelia Nuria Olga Óscar Pablo Patricia Paula Pedro Pilar Rafael
    Ramón Raquel Raúl Ricardo Roberto Rocío Rodrigo Rosa Rosario Rubén Salvador Sandra Santiago Sara Sebastián
    Sergio Silvia Sofía Sonia Susana Teresa Tomás Valentina Verónica Vicente Víctor Victoria Virginia Yolanda
"""
_PERSON = re.compile(
    rf"\b(?:{'|'.join(_GIVEN_NAMES.split())})(?:(?: de| del| la)? [A-ZÁÉÍÓÚÑ][\w.-]*){{0,3}}[ ]?[,:(;–-]?[ \t(]{{0,2}}$"
)
_PERSON_BEHIND = re.compile(rf"[ ]?[(,–-][ ]?(?:{'|'.join(_GIVEN_NAMES.split())})\b")
"""A person directly before the number; the names are common ones of Spain and Latin America."""
_CLOSING = re.compile(
    r"(?i)\b(?:atentamente|atte|saludos?|un abrazo|cordialmente|fdo|firmado|regards|sincerely|best wishes|calle"
    r"|c/|avda?"
    r"|avenida|plaza|paseo|jir[oó]n|c[oó]digo postal|apartado)\b|@|\bwww\.|\b[0-9]{5} [A-ZÁÉÍÓÚ][a-záéíóúñ]+"
)
"""Text in the lines around a number on a line of its own: the end of a letter, or an address."""


def is_dialled(text: str, start: int, end: int) -> bool:
    """Tell whether the text around a number in groups of three shows that it is a telephone and not an amount."""
    before = text[max(0, start - _AROUND_BEFORE) : start].rpartition("\n\n")[2]
    behind = text[end : end + _AROUND_BEHIND].partition("\n\n")[0]
    if _QUANTITY.search(before):
        return False
    person = _PERSON.search(before) and not re.match(r" (?:a|de|por|en) ", behind)
    if (
        _TO_THE.search(before)
        or person
        or _PERSON_BEHIND.match(behind)
        or _SIGNS.search(before)
        or _SIGNS.search(behind)
    ):
        return True
    line = (
        text[text.rfind("\n", 0, start) + 1 : start]
        + text[end : (text.find("\n", end) + len(text) + 1) % (len(text) + 1)]
    )
    if line.strip(" \t-*•·>|"):
        return False
    around = text[max(0, start - 160) : start] + "\n" + text[end : end + 100]
    return bool(_CLOSING.search(around))
