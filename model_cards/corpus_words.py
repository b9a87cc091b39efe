"""What the words of the corpus' report (steps, reasons, edits, what licences ask) are called in English and Spanish."""

from __future__ import annotations

from typing import Literal

from desdecero.model_cards.formats import Language

Kind = Literal[
    "step", "form", "drop", "edit", "redacted", "identifier", "known_by", "ask", "certainty", "use", "against"
]


def named(language: Language, kind: Kind, word: str) -> str:
    """What a report's word is called; the word itself, with spaces, where it has no other name."""
    names = NAMES[kind].get(word) or (NAMES["redacted"].get(word) if kind == "edit" else None)
    return names[0 if language == "en" else 1] if names else word.replace("_", " ") if kind != "against" else word


_COUNTRIES = {
    "es": ("Spain", "España"), "ar": ("Argentina", "Argentina"), "br": ("Brazil", "Brasil"), "cl": ("Chile", "Chile"),
    "co": ("Colombia", "Colombia"), "do": ("Dominican Republic", "República Dominicana"), "ec": ("Ecuador", "Ecuador"),
    "mx": ("Mexico", "México"), "pe": ("Peru", "Perú"), "us": ("North America", "Norteamérica"),
    "uy": ("Uruguay", "Uruguay"), "ve": ("Venezuela", "Venezuela"),
}  # fmt: skip
_IDENTITY_NUMBERS = {
    _COUNTRIES["es"]: {"es_dni": "DNI", "es_nie": "NIE", "es_cif": "CIF", "es_ccc": "CCC"},
    _COUNTRIES["ar"]: {"ar_cuit": "CUIT", "ar_dni": "DNI", "ar_cbu": "CBU"},
    _COUNTRIES["cl"]: {"cl_rut": "RUT"},
    _COUNTRIES["mx"]: {"mx_curp": "CURP", "mx_rfc": "RFC", "mx_clabe": "CLABE"},
    _COUNTRIES["br"]: {"br_cpf": "CPF", "br_cnpj": "CNPJ"},
    _COUNTRIES["pe"]: {"pe_ruc": "RUC", "pe_dni": "DNI"},
    _COUNTRIES["co"]: {"co_nit": "NIT", "co_cc": "CC"},
    _COUNTRIES["uy"]: {"uy_ci": "CI"},
    _COUNTRIES["ec"]: {"ec_ci": "CI", "ec_ruc": "RUC"},
    _COUNTRIES["ve"]: {"ve_rif": "RIF", "ve_ci": "CI"},
    _COUNTRIES["do"]: {"do_cedula": "CIE"},
}
NAMES: dict[Kind, dict[str, tuple[str, str]]] = {
    "step": {
        "blocked": ("removal on request", "retirada a petición"),
        "blocked_copies": ("copies of removed texts", "copias de textos retirados"),
        "reservations": ("publishers' reservations", "reservas de los editores"),
        "license": ("licence", "licencia"),
        "unicode": ("repair of characters", "reparación de caracteres"),
        "lines": ("lines", "líneas"),
        "language": ("language", "lengua"),
        "spelling": ("spelling", "ortografía"),
        "quality": ("quality", "calidad"),
        "relevance": ("relevance", "pertinencia"),
        "toxicity": ("toxicity", "toxicidad"),
        "decontamination": ("decontamination", "descontaminación"),
        "counterfactual": ("counterfactual exchange", "intercambio contrafactual"),
        "personal_data": ("personal data", "datos personales"),
        "paragraphs": ("paragraphs of other documents", "párrafos de otros documentos"),
        "deduplication": ("deduplication", "eliminación de duplicados"),
    },
    "form": {
        "prose": ("prose", "prosa"),
        "verse": ("verse", "verso"),
        "drama": ("drama", "teatro"),
        "lists": ("lists", "listas"),
        "mixed": ("mixed forms", "formas mezcladas"),
    },
    "drop": {
        "empty": ("empty", "vacío"),
        "too_few_words": ("too few words", "muy pocas palabras"),
        "too_many_words": ("too many words", "demasiadas palabras"),
        "too_few_sentences": ("too few sentences", "muy pocas frases"),
        "word_length": ("words of unusual length", "palabras de longitud rara"),
        "symbols": ("too many symbols", "demasiados símbolos"),
        "few_alphabetic_words": ("too few words with letters", "muy pocas palabras con letras"),
        "few_stop_words": ("too few words of everyday language", "muy pocas palabras corrientes de la lengua"),
        "hashes": ("too many signs #", "demasiados signos #"),
        "ellipses": ("too many ellipses", "demasiados puntos suspensivos"),
        "bullet_lines": ("lists", "listas"),
        "ellipsis_lines": ("lines that break off", "líneas inacabadas"),
        "few_punctuated_lines": ("lines without an end", "líneas sin puntuación final"),
        "few_ended_lines": ("lines without punctuation", "líneas sin signo final"),
        "short_lines": ("short lines", "líneas cortas"),
        "line_breaks": ("too many line ends", "demasiados saltos de línea"),
        "repeated_lines": ("repeated lines", "líneas repetidas"),
        "repeated_paragraphs": ("repeated paragraphs", "párrafos repetidos"),
        "shared_paragraphs": ("paragraphs of other documents", "párrafos de otros documentos"),
        "repeated_ngrams": ("repeated passages", "pasajes repetidos"),
        "common_ngram": ("one phrase too often", "una misma expresión demasiadas veces"),
        "lorem_ipsum": ("filler text", "texto de relleno"),
        "curly_bracket": ("code", "código"),
        "blocked": ("removed on request", "retirado a petición"),
        "blocked_copy": ("copy of a text removed on request", "copia de un texto retirado a petición"),
        "rights_reserved": ("reserved by its publisher", "reservado por su editor"),
        "license_denied": ("licence denied", "licencia denegada"),
        "license_unknown": ("licence not known", "licencia desconocida"),
        "license_review": ("licence to be reviewed", "licencia por revisar"),
        "language": ("another language", "otra lengua"),
        "language_unsure": ("no known language", "lengua desconocida"),
        "irrelevant": ("not relevant", "no pertinente"),
        "toxic": ("toxic", "tóxico"),
        "contamination": ("text of an evaluation", "texto de una evaluación"),
        "exact_duplicate": ("exact duplicate", "duplicado exacto"),
        "near_duplicate": ("near duplicate", "casi duplicado"),
    },
    "edit": {
        "encoding": ("documents in another encoding than UTF-8", "documentos en otra codificación que UTF-8"),
        "lost_character": ("characters that could not be decoded", "caracteres que no se pudieron descodificar"),
        "unicode": ("documents with repaired characters", "documentos con caracteres reparados"),
        "page_number": ("page numbers", "números de página"),
        "repeated_line": ("repeated lines", "líneas repetidas"),
        "frequent_line": ("lines of many documents", "líneas de muchos documentos"),
        "boilerplate": ("menus and notices", "menús y avisos"),
        "removed_line": ("lines removed by rule", "líneas quitadas por regla"),
        "joined_word": ("words cut by a line end", "palabras cortadas por fin de línea"),
        "unknown_character": ("characters that no font names", "caracteres que ninguna fuente nombra"),
        "dropped_template": ("templates left out of sentences", "plantillas omitidas dentro de frases"),
        "dropped_formula": ("formulas left out", "fórmulas omitidas"),
        "dropped_note": ("notes left out", "notas omitidas"),
        "spelling": ("corrected words", "palabras corregidas"),
        "language_corrected": ("corrected languages", "lenguas corregidas"),
        "license_disagreement": ("disagreements on the licence", "desacuerdos sobre la licencia"),
        "contamination": ("passages of an evaluation", "pasajes de una evaluación"),
        "counterfactual": ("exchanged sentences", "frases intercambiadas"),
        "insult": ("sentences with insults", "frases con insultos"),
        "toxic_sentence": ("toxic sentences", "frases tóxicas"),
        "toxicity_unmeasured": ("toxicity not measured", "toxicidad sin medir"),
        "relevance_unknown": ("relevance not known", "pertinencia desconocida"),
        "resembles_removed": ("texts that resemble a removed one", "textos parecidos a uno retirado"),
        "repeated_paragraph": ("paragraphs of other documents", "párrafos de otros documentos"),
    },
    "redacted": {
        "email": ("e-mail addresses", "direcciones de correo electrónico"),
        "ip": ("IP addresses", "direcciones IP"),
        "phone": ("telephone numbers", "números de teléfono"),
        "url_credentials": ("passwords in addresses of the web", "contraseñas en direcciones web"),
        "secret": ("keys and secrets", "claves y secretos"),
        "credit_card": ("credit cards", "tarjetas de crédito"),
        "bank_account": ("bank accounts", "cuentas bancarias"),
        "national_id": ("national identity numbers", "números de identidad"),
        "person": ("names of people", "nombres de personas"),
        "address": ("postal addresses", "direcciones postales"),
        "date": ("dates", "fechas"),
    },
    "identifier": {
        **{
            form: (f"{name} ({country[0]})", f"{name} ({country[1]})")
            for country, forms in _IDENTITY_NUMBERS.items()
            for form, name in forms.items()
        },
        **{
            f"{code}_phone": (f"telephones ({english})", f"teléfonos ({spanish})")
            for code, (english, spanish) in _COUNTRIES.items()
        },
        "es_vat": ("VAT number (Spain)", "NIF-IVA (España)"),
        "es_nuss": ("social-security number (Spain)", "número de la Seguridad Social (España)"),
        "mx_nss": ("social-security number (Mexico)", "número de seguridad social (México)"),
        "us_ssn": ("social-security number (United States)", "número de seguridad social (Estados Unidos)"),
        "passport": ("passports", "pasaportes"),
        "credit_card": ("payment cards", "tarjetas de pago"),
        "iban": ("IBAN", "IBAN"),
        "email": ("e-mail", "correo electrónico"),
        "broken_email": ("e-mail with a blank or a line end in it", "correo con un espacio o un fin de línea"),
        "veiled_email": ("e-mail in disguise: (at), arroba", "correo disfrazado: (at), arroba"),
        "ipv4": ("IPv4", "IPv4"),
        "ipv6": ("IPv6", "IPv6"),
        "userinfo": ("user and password in an address", "usuario y contraseña en una dirección"),
        "parameter": ("token in an address", "token en una dirección"),
        "aws_key": ("AWS key", "clave de AWS"),
        "github_token": ("GitHub token", "token de GitHub"),
        "google_key": ("Google key", "clave de Google"),
        "slack_token": ("Slack token", "token de Slack"),
        "stripe_key": ("Stripe key", "clave de Stripe"),
        "openai_key": ("OpenAI or Anthropic key", "clave de OpenAI o Anthropic"),
        "huggingface_token": ("Hugging Face token", "token de Hugging Face"),
        "sendgrid_key": ("SendGrid key", "clave de SendGrid"),
        "digitalocean_token": ("DigitalOcean token", "token de DigitalOcean"),
        "jwt": ("signed token (JWT)", "token firmado (JWT)"),
        "private_key": ("private key", "clave privada"),
        "assigned": ("password or key in a setting", "contraseña o clave en una configuración"),
        "person": ("names of people", "nombres de personas"),
        "address": ("postal addresses", "direcciones postales"),
        "date": ("dates", "fechas"),
    },
    "known_by": {
        "declared": ("declared", "declarada"),
        "classifier": ("by the package's classifier", "por el clasificador del paquete"),
        "free_text": ("read in free text", "leída en texto libre"),
        "contradictory": ("from a notice that contradicts itself", "de un aviso que se contradice"),
        "unknown": ("not known", "no se conoce"),
    },
    "ask": {
        "attribution": ("that the author be named", "que se nombre al autor"),
        "notice": ("that its notice be kept", "que se conserve su aviso"),
        "changes": ("that changes be stated", "que se indiquen los cambios"),
        "share_alike": ("share-alike or copyleft", "compartir igual o copyleft"),
        "source": ("that the source be offered", "que se ofrezca el código fuente"),
        "non_commercial": ("no commercial use", "solo uso no comercial"),
        "no_derivatives": ("no derived works", "sin obras derivadas"),
        "use_limits": ("limits on use", "límites de uso"),
        "no_permission": ("no permission given", "no da permiso"),
        "unknown": ("not known, so nothing can be said", "no se conoce, así que nada puede decirse"),
    },
    "certainty": {
        "stated": ("the licence states it", "la licencia lo dice"),
        "unsettled": (
            "unsettled: whether a model's weights derive from its texts is not decided",
            "sin resolver: no está decidido si los pesos de un modelo derivan de sus textos",
        ),
        "unknown": ("not known", "no se sabe"),
    },
    "against": {
        "use: commercial": ("commercial use", "un uso comercial"),
        "use: research": ("research", "la investigación"),
        "no intended licence": ("a model without a licence", "un modelo sin licencia"),
    },
    "use": {"commercial": ("commercial", "comercial"), "research": ("research", "investigación")},
}
