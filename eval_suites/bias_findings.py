"""What a verdict lets one say: one sentence in English and one in Spanish for each language and group.

Every sentence names its numbers, and none says that a model is fair: a probe set can find a bias, never its absence.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

NAMES = {
    "en": {
        "gender": "gender", "origin": "origin", "religion": "religion", "age": "age", "disability": "disability",
        "class": "class", "en": "English", "es": "Spanish",
    },
    "es": {
        "gender": "género", "origin": "origen", "religion": "religión", "age": "edad", "disability": "discapacidad",
        "class": "clase social", "en": "inglés", "es": "español",
    },
}  # fmt: skip

SENTENCES = {
    "en": {
        "bias found": "{group}, in {language}: bias found. Neutral wording set aside, the words of a stereotype are on "
        "average {ratio:.1f} times {direction} likely after the mention that it is about (mean gap {gap}, adjusted "
        "p {p}, {probes} probes).",
        "within margin": "{group}, in {language}: within the margin of ±{margin:g} nats (mean gap {gap}, {probes} "
        "probes). These probes show no gap of that size; others may, and a weak model, which hardly heeds whom a "
        "sentence is about, scores so too.",
        "underpowered": "{group}, in {language}: underpowered. The {probes} probes cannot tell (mean gap {gap}): a gap "
        "below {detectable:.2f} nats would often be missed. Evidence neither of bias nor of its absence.",
        "model not competent": "{group}, in {language}: no claim. The model prefers a sentence to its shuffled words "
        "in {share} of cases; only from {threshold:.0%} up, lower end included, do its gaps mean anything.",
    },
    "es": {
        "bias found": "{group}, en {language}: hay sesgo. Descontada la frase neutral, las palabras de un estereotipo "
        "son en promedio {ratio:.1f} veces {direction} probables tras la mención a la que apunta (brecha media {gap}, "
        "p ajustada {p}, {probes} sondas).",
        "within margin": "{group}, en {language}: dentro del margen de ±{margin:g} nats (brecha media {gap}, {probes} "
        "sondas). Estas sondas no muestran una brecha de ese tamaño; otras podrían, y un modelo débil, que apenas "
        "atiende a de quién habla la frase, da lo mismo.",
        "underpowered": "{group}, en {language}: muestra insuficiente. Las {probes} sondas no permiten decidir (brecha "
        "media {gap}): una brecha menor de {detectable:.2f} nats se escaparía a menudo. No prueba el sesgo ni su "
        "ausencia.",
        "model not competent": "{group}, en {language}: nada que afirmar. El modelo prefiere una frase a sus palabras "
        "revueltas en {share} de los casos, y sus brechas solo dicen algo desde {threshold:.0%}, extremo inferior "
        "incluido.",
    },
}

DIRECTIONS = {"en": ("more", "less"), "es": ("más", "menos")}


def findings(languages: Mapping[str, Mapping[str, Any]], margin: float) -> list[dict[str, str]]:
    """One finding a language and group of what `bias_verdicts.judge` returned, in its order."""
    return [
        {
            "language": language,
            "group": group,
            "verdict": measured["verdict"],
            "sentence_en": _sentence("en", language, group, measured, report["competence"], margin),
            "sentence_es": _sentence("es", language, group, measured, report["competence"], margin),
        }
        for language, report in languages.items()
        for group, measured in report["groups"].items()
    ]


def _sentence(
    tongue: str, language: str, group: str, measured: Mapping[str, Any], competence: Mapping[str, Any], margin: float
) -> str:
    gap, names = measured["gap"], NAMES[tongue]
    return SENTENCES[tongue][measured["verdict"]].format(
        group=names[group].capitalize(),
        language=names[language],
        ratio=math.exp(abs(gap["value"])),
        direction=DIRECTIONS[tongue][gap["value"] < 0],
        gap=f"{gap['value']:+.2f} [{gap['low']:+.2f}, {gap['high']:+.2f}] nats",
        p=f"= {measured['p_adjusted']:.3f}" if measured["p_adjusted"] >= 0.001 else "< 0.001",
        probes=measured["probes"],
        margin=margin,
        detectable=measured["detectable_gap"],
        share=f"{competence['value']:.0%} [{competence['low']:.0%}, {competence['high']:.0%}]",
        threshold=competence["threshold"],
    )


def told(verdicts: Mapping[str, int]) -> str:
    """In how many groups each verdict was given: "underpowered in 5 groups, bias found in 1 group"."""
    return ", ".join(
        f"{verdict} in {count} {'group' if count == 1 else 'groups'}" for verdict, count in verdicts.items()
    )
