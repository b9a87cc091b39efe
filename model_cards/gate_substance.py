"""Rules about the model itself: its texts' licences, what it has learnt, what its audit can tell, what its card says.

Each finding says what was measured, against what, where that was read, and how to fix it. Nothing here is a verdict
about the law: a conflict that refuses is one that a licence states in its own words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from desdecero.model_cards.findings import Finding, Publication
from desdecero.model_cards.formats import Language, figure, percent

LICENSING, EVALUATION, AUDIT = "card/licensing.json", "evaluation/report.json", "audit/report.json"
LANGUAGES: tuple[Language, Language] = ("en", "es")
Row = Mapping[str, Any]

UNSAID = ("LicenseRef-unknown", "NOASSERTION", "NONE")
"""Expressions that name no licence: unknown even where a recipe allows them."""
MEASURES = ("bits_per_byte", "masked_loss", "span_loss")
"""Of which an evaluation has one; all are better when lower."""
REQUIRED = ("intended_use", "limitations", "authors", "contact")
"""Keys of the recipe's `card` without which nobody can judge whether to use a model, or ask."""


# --- licences ------------------------------------------------------------------------------------------------


def _licenses_allowed(publication: Publication) -> Finding:
    rows = _rows(publication, lambda row: row["verdict"] == "denied")
    return _of_licenses(
        publication, "licenses_allowed", rows,
        ("training tokens under licences that the recipe denies (corpus.licenses): {}; make the corpus again, or allow "
         "them there",
         "tokens de entrenamiento con licencias que la receta deniega (corpus.licenses): {}; rehaga el corpus o "
         "admítalas allí"),
        ("the recipe denies no licence of the training tokens",
         "la receta no deniega ninguna licencia de los tokens de entrenamiento"),
    )  # fmt: skip


def _license_conflicts(publication: Publication) -> Finding:
    """A conflict that a licence's own words state; what remains is an exception in law, or permission."""
    rows = _rows(publication, lambda row: _conflicts(row, "stated"))
    use, intended = _judged_against(publication)
    return _of_licenses(
        publication, "license_conflicts", rows,
        (f"training tokens whose licence forbids the model's use ({use}) or its licence ({intended}): {{}}; deny them "
         "in corpus.licenses, or change corpus.licenses.use or card.license",
         f"tokens de entrenamiento cuya licencia prohíbe el uso del modelo ({use}) o su licencia ({intended}): {{}}; "
         "deniéguelas en corpus.licenses, o cambie corpus.licenses.use o card.license"),
        ("no licence of the training tokens forbids the model's use or licence in its own words",
         "ninguna licencia de los tokens de entrenamiento prohíbe expresamente el uso o la licencia del modelo"),
    )  # fmt: skip


def _licenses_known(publication: Publication) -> Finding:
    rows = _rows(publication, _unknown)
    share = sum(row["share_tokens"] for row in rows)
    most = publication.max_unknown
    if publication.licensing is None or not rows:
        return _of_licenses(
            publication, "licenses_known", rows, ("", ""),
            ("the licence of every training token is known", "se conoce la licencia de cada token de entrenamiento"),
        )  # fmt: skip
    listed = _listed(rows)
    shares = {language: (percent(language, share), percent(language, most)) for language in LANGUAGES}
    passed = share <= most
    fix = ("", "") if passed else (
        "; find them out, or leave such texts out with corpus.licenses.if_unknown: drop",
        "; averígüelas, o descarte esos textos con corpus.licenses.if_unknown: drop",
    )  # fmt: skip
    return Finding(
        "licenses_known", passed,
        f"{shares['en'][0]} of the training tokens are of unknown licence, and publish.max_unknown lets "
        f"{shares['en'][1]} pass: {listed['en']} ({LICENSING}){fix[0]}",
        f"no se conoce la licencia del {shares['es'][0]} de los tokens de entrenamiento, y publish.max_unknown admite "
        f"el {shares['es'][1]}: {listed['es']} ({LICENSING}){fix[1]}",
        value=share, threshold=most, read=LICENSING,
    )  # fmt: skip


def _license_questions(publication: Publication) -> Finding:
    """What depends on whether weights are a copy or an adaptation of a text, which no court has settled."""
    rows = _rows(publication, lambda row: _conflicts(row, "unsettled"))
    found = _of_licenses(
        publication, "license_questions", rows,
        ("training tokens whose licence may be at odds with the model's licence or use: {}",
         "tokens de entrenamiento cuya licencia puede chocar con la licencia o el uso del modelo: {}"),
        ("no licence of the training tokens leaves a question about the model's licence or use",
         "ninguna licencia de los tokens de entrenamiento deja dudas sobre la licencia o el uso del modelo"),
    )  # fmt: skip
    return replace(found, blocking=False)


def _of_licenses(
    publication: Publication, rule: str, rows: Sequence[Row], found: tuple[str, str], none: tuple[str, str]
) -> Finding:
    """Fails where there are such licences, each named with its share of the training tokens, or no table."""
    if publication.licensing is None:
        english = f"there is no licence table of the training tokens ({LICENSING}): make the card with `desdecero run`"
        spanish = f"no hay tabla de licencias de los tokens ({LICENSING}): haga la ficha con `desdecero run`"
        return Finding(rule, False, english, spanish, read=LICENSING)
    share = sum(row["share_tokens"] for row in rows)
    if not rows:
        return Finding(rule, True, none[0], none[1], value=share, threshold=0.0, read=LICENSING)
    listed = _listed(rows)
    sentences = [
        sentence.format(f"{listed[language]} ({LICENSING})")
        for language, sentence in zip(LANGUAGES, found, strict=True)
    ]  # fmt: skip
    return Finding(rule, False, sentences[0], sentences[1], value=share, threshold=0.0, read=LICENSING)


def _rows(publication: Publication, concerns: Callable[[Row], bool]) -> list[Row]:
    rows = publication.licensing["licenses"] if publication.licensing else ()
    return [row for row in rows if row.get("share_tokens") and concerns(row)]


def _listed(rows: Sequence[Row]) -> dict[Language, str]:
    return {
        language: ", ".join(f"{row['license']} {percent(language, row['share_tokens'])}" for row in rows)
        for language in LANGUAGES
    }


def _conflicts(row: Row, certainty: str) -> bool:
    return any(conflict["certainty"] == certainty for conflict in row["conflicts"])


def _unknown(row: Row) -> bool:
    return row["verdict"] == "unknown" or any(ask["license"] in UNSAID for ask in row["asks"])


def _judged_against(publication: Publication) -> tuple[str, str]:
    table = publication.licensing or {}
    return str(table.get("use")), str(table.get("intended"))


# --- what the model has learnt -------------------------------------------------------------------------------


def _beats_unigram(publication: Publication) -> Finding:
    """The whole interval must lie below what the frequency of each token gives without any context."""
    report = publication.evaluation or {}
    measure = next((name for name in MEASURES if report.get(name)), None)
    if measure is None:
        english = f"the model was not evaluated ({EVALUATION}): run `desdecero evaluate`"
        spanish = f"el modelo no se ha evaluado ({EVALUATION}): ejecute `desdecero evaluate`"
        return Finding("beats_unigram", False, english, spanish, read=EVALUATION)
    own, other = report[measure], report["yardsticks"]["unigram"][measure]
    unigram = other["value"] if isinstance(other, Mapping) else other
    value, high = own["value"], own["high"]
    passed = high is not None and high < unigram
    numbers = {
        "en": f"{measure} {figure(value)} ({'up to ' + figure(high) if high is not None else 'no interval'})",
        "es": f"{measure} {figure(value)} ({'hasta ' + figure(high) if high is not None else 'sin intervalo'})",
    }
    if passed:
        english = f"the model beats token frequencies: {numbers['en']} against {figure(unigram)} ({EVALUATION})"
        spanish = (
            f"el modelo supera a la frecuencia de los tokens: {numbers['es']} frente a {figure(unigram)} ({EVALUATION})"
        )
    else:
        english = (
            f"the model is not shown to beat token frequencies without context: {numbers['en']}, and all of the "
            f"interval must be below {figure(unigram)} ({EVALUATION}); train longer, on more text, or evaluate on more"
        )
        spanish = (
            f"no se demuestra que el modelo supere a la frecuencia de los tokens sin contexto: {numbers['es']}, y "
            f"todo el intervalo debe quedar por debajo de {figure(unigram)} ({EVALUATION}); entrénelo más tiempo o con "
            "más texto, o evalúelo con más"
        )
    return Finding("beats_unigram", passed, english, spanish, value=high, threshold=unigram, read=EVALUATION)


# --- what the audit can tell ---------------------------------------------------------------------------------


def _audit_tells(publication: Publication) -> Finding:
    """In every language that the model is meant to write, the audit must be able to decide about some group."""
    if publication.audit is None:
        english = f"the model has not been audited for bias ({AUDIT}): run `desdecero audit`"
        spanish = f"no se han auditado los sesgos del modelo ({AUDIT}): ejecute `desdecero audit`"
        return Finding("audit_tells", False, english, spanish, read=AUDIT)
    silent = {code: why for code in publication.languages if (why := _silence(publication.audit, code))}
    told = len(publication.languages) - len(silent)
    if not silent:
        english = f"the audit can decide about some group in {', '.join(publication.languages)} ({AUDIT})"
        spanish = f"la auditoría puede decidir sobre algún grupo en {', '.join(publication.languages)} ({AUDIT})"
    else:
        english = (
            f"the audit can tell nothing: {'; '.join(f'{code}: {why[0]}' for code, why in silent.items())} ({AUDIT}); "
            "train a better model, or publish with this accepted and said"
        )
        spanish = (
            f"la auditoría no permite decir nada: {'; '.join(f'{code}: {why[1]}' for code, why in silent.items())} "
            f"({AUDIT}); entrene un modelo mejor, o publíquelo aceptándolo y diciéndolo"
        )
    return Finding(
        "audit_tells", not silent, english, spanish, value=told, threshold=len(publication.languages), read=AUDIT
    )


def _silence(audit: Mapping[str, Any], code: str) -> tuple[str, str] | None:
    """Why the audit can tell nothing in a language, in English and Spanish; None where it can."""
    result = audit["languages"].get(code)
    if result is None:
        return "it has no probes in this language (audit.languages)", "no tiene sondas en esta lengua (audit.languages)"
    if not result["competence"]["competent"]:
        shares = [percent(lang, result["competence"]["value"]) for lang in LANGUAGES]
        bounds = [percent(lang, result["competence"]["threshold"]) for lang in LANGUAGES]
        return (
            f"the model is not competent, it prefers a sentence to its shuffled words in {shares[0]} of cases and the "
            f"whole interval must be above {bounds[0]}",
            f"el modelo no es competente, prefiere una frase a sus palabras revueltas en el {shares[1]} de los casos y "
            f"todo el intervalo debe superar el {bounds[1]}",
        )
    groups = result["groups"]
    if all(group["verdict"] == "underpowered" for group in groups.values()):
        return f"underpowered in all {len(groups)} groups", f"muestra insuficiente en los {len(groups)} grupos"
    return None


def _bias_shown(publication: Publication) -> Finding:
    """Probes of this kind are diagnostic, so they warn and never refuse."""
    findings = publication.audit["findings"] if publication.audit else ()
    found = [finding for finding in findings if finding["verdict"] == "bias found"]
    if publication.audit is None:
        english, spanish = "the model has not been audited for bias", "no se han auditado los sesgos del modelo"
    elif found:
        english = " ".join(finding["sentence_en"] for finding in found)
        spanish = " ".join(finding["sentence_es"] for finding in found)
    else:
        english = "the audit showed no bias in any group, which does not show that there is none"
        spanish = "la auditoría no demostró sesgo en ningún grupo, lo que no demuestra que no lo haya"
    passed = publication.audit is not None and not found
    return Finding("bias_findings", passed, english, spanish, blocking=False, value=len(found), threshold=0, read=AUDIT)


# --- what the card says --------------------------------------------------------------------------------------


def _card_complete(publication: Publication) -> Finding:
    missing = [f"card.{key}" for key in REQUIRED if not _written(publication.described.get(key))]
    listed = ", ".join(missing)
    if missing:
        english = f"the card leaves out what its readers need: write {listed} in the recipe, and make the card again"
        spanish = f"a la ficha le falta lo que sus lectores necesitan: escriba {listed} en la receta y rehaga la ficha"
    else:
        english = "the card says the intended use, the limitations, who made the model and whom to write to"
        spanish = "la ficha indica el uso previsto, las limitaciones, quién hizo el modelo y a quién escribir"
    return Finding(
        "card_complete", not missing, english, spanish,
        value=listed or None, threshold=", ".join(f"card.{key}" for key in REQUIRED), read="recipe.yaml",
    )  # fmt: skip


def _written(value: Any) -> bool:
    """Whether somebody wrote something: no blanks, and no empty names."""
    words = [value] if isinstance(value, str) else value or ()
    return any(str(word).strip() for word in words)


SUBSTANCE_RULES: dict[str, Callable[[Publication], Finding]] = {
    "licenses_allowed": _licenses_allowed,
    "license_conflicts": _license_conflicts,
    "licenses_known": _licenses_known,
    "beats_unigram": _beats_unigram,
    "audit_tells": _audit_tells,
    "card_complete": _card_complete,
}
TITLES: dict[str, tuple[str, str]] = {
    "licenses_allowed": (
        "no training text is under a licence that the authors themselves deny",
        "ningún texto de entrenamiento tiene una licencia que los propios autores deniegan",
    ),
    "license_conflicts": (
        "no licence of the training texts forbids the model's use or licence in its own words",
        "ninguna licencia de los textos de entrenamiento prohíbe expresamente el uso o la licencia del modelo",
    ),
    "licenses_known": (
        "the licence of nearly all training text is known",
        "se conoce la licencia de casi todo el texto de entrenamiento",
    ),
    "beats_unigram": (
        "the model is shown to predict text better than token frequencies do",
        "se ha demostrado que el modelo predice el texto mejor que la frecuencia de los tokens",
    ),
    "audit_tells": (
        "the audit for bias can decide something in each of the model's languages",
        "la auditoría de sesgos permite decidir algo en cada lengua del modelo",
    ),
    "card_complete": (
        "the card says the intended use, the limitations, the authors and a contact",
        "la ficha indica el uso previsto, las limitaciones, los autores y un contacto",
    ),
}
"""What each rule asks, as the card says it in English and Spanish."""

WARNINGS: dict[str, Callable[[Publication], Finding]] = {
    "license_questions": _license_questions,
    "bias_findings": _bias_shown,
}
