"""What a reader asks of a model is answered by its card alone, in both languages, with the figures of the reports."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from card_evidence import make_evidence
from sealed_run import make_sealed_run, reseal

from desdecero.model_cards.card import render
from desdecero.model_cards.evidence import Evidence
from desdecero.model_cards.formats import filters
from desdecero.model_cards.words import LANGUAGES, Language
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.run.stages import stages
from desdecero.pipelines.verification.card import evidence_faults
from desdecero.pipelines.write_card import compare

WEIGHTS = "seal.pretrain:/outputs/model~1model.safetensors"


@dataclass(frozen=True)
class Question:
    """A question, and what answers it: figures of reports, each as a filter writes it, in a sentence or a row."""

    asked: str
    figures: tuple[tuple[str, str], ...]
    """(key of the evidence, filter)."""
    en: str
    es: str


QUESTIONS = (
    Question("Who made it?", (("recipe:/card/authors/0", "plain"),), "| Made by | {} |", "| Hecho por | {} |"),
    Question(
        "Whom do I ask?", (("recipe:/card/contact", "plain"),), "- Contact: {}", "- Contacto: {}",
    ),
    Question(
        "Where do I ask for a text to be removed?", (("recipe:/card/removal_contact", "plain"),),
        "| To have a text or personal data removed | {} |",
        "| Para pedir que se retire un texto o un dato personal | {} |",
    ),
    Question(
        "What is it for?", (("recipe:/card/intended_use/LANGUAGE", "plain"),),
        "| Intended use | {} |", "| Uso previsto | {} |",
    ),
    Question(
        "What is it not for?", (("recipe:/card/out_of_scope", "plain"),),
        "| Out of scope | {} |", "| Usos no previstos | En inglés, como lo escribieron los autores: «{}» |",
    ),
    Question(
        "May I use it?", (("recipe:/card/license", "plain"),),
        "| Licence of the model | {} |", "| Licencia del modelo | {} |",
    ),
    Question("Which version is it?", (("recipe:/card/version", "plain"),), "| Version | {} |", "| Versión | {} |"),
    Question(
        "When was it trained?", (("seal.pretrain:/finished", "day"),),
        "| End of training | {} |", "| Fin del entrenamiento | {} |",
    ),
    Question(
        "Of when are its texts?", (("seal.corpus:/finished", "day"), ("recipe:/card/collected/LANGUAGE", "plain")),
        "The texts were read on {}. When and how they were collected: {}",
        "Los textos se leyeron el {}. Cuándo y cómo se reunieron: {}",
    ),
    Question(
        "Which revision of the dataset was it?", (("recipe:/corpus/sources/1/revision", "plain"),),
        "| dataset of the Hub | {} | <https://huggingface.co/datasets/someone/some-data/tree/v2> |",
        "| conjunto de datos del Hub | {} | <https://huggingface.co/datasets/someone/some-data/tree/v2> |",
    ),
    Question(
        "How much was kept?",
        (("corpus:/documents/kept", "grouped"), ("corpus:/documents/read", "grouped"), ("corpus:/bytes/read", "size")),
        "{0} documents were kept of {1} that were read",
        "Se leyeron {1} documentos ({2} de texto) y se conservaron {0} (",
    ),
    Question(
        "How many near duplicates were left out?", (("corpus:/drops/near_duplicate/documents", "grouped"),),
        "| near duplicate | {} |", "| casi duplicado | {} |",
    ),
    Question(
        "What was changed in the texts?", (("corpus:/edits/kinds/page_number/edits", "grouped"),),
        "| page numbers | {} |", "| números de página | {} |",
    ),
    Question(
        "Are Argentine telephone numbers found?",
        (("corpus:/personal_data/planted/phone/forms/ar_phone/named/low", "percent"),
         ("corpus:/personal_data/planted/phone/forms/ar_phone/named/found", "grouped"),
         ("corpus:/personal_data/planted/phone/forms/ar_phone/named/planted", "grouped")),
        "| telephones (Argentina) | at least {} ({} of {}) |", "| teléfonos (Argentina) | al menos {} ({} de {}) |",
    ),
    Question(
        "Is it written in Spanish?", (("corpus:/languages/1/documents", "grouped"),),
        "| Spanish | {} |", "| español | {} |",
    ),
    Question(
        "How much of what it read forbids commercial use?", (("licensing:/asks/3/share_tokens", "percent"),),
        "- **no commercial use**: {} of the tokens read in training",
        "- **solo uso no comercial**: {} de los tokens leídos",
    ),
    Question(
        "How large is it?", (("pretrain:/parameters", "grouped"),),
        "| Parameters | {} (", "| Parámetros | {} (",
    ),
    Question(
        "Which are its weights?", ((f"{WEIGHTS}/bytes", "size"), (f"{WEIGHTS}/sha256", "plain")),
        "| `model/model.safetensors` | {} | `{}` |", "| `model/model.safetensors` | {} | `{}` |",
    ),
    Question(
        "In which precision are they stored?", (("config:/dtype", "plain"),),
        "They are stored as `{}`", "Están guardados como `{}`",
    ),
    Question(
        "How much memory did training take?", (("pretrain:/peak_memory_bytes", "size"),),
        "Training took up to {} of memory", "El entrenamiento ocupó hasta {} de memoria",
    ),
    Question(
        "How long was it trained?", (("pretrain:/steps", "grouped"), ("pretrain:/batch_size", "grouped")),
        "| Steps | {}, of {} sequences each", "| Pasos | {}, de {} secuencias cada uno",
    ),
    Question(
        "How many of its documents did it never read?", (("pretrain:/exposure/never_read", "grouped"),),
        "never read: {} |", "nunca leídos: {} |",
    ),
    Question(
        "How much text is it measured on?", (("evaluate:/text/items", "grouped"),), "On {} documents", "Sobre {} doc"
    ),
)  # fmt: skip
OF_CAUSAL = (
    Question(
        "How were the samples written?",
        (("evaluate:/decoding/top_k", "grouped"), ("evaluate:/decoding/tokens", "grouped"),
         ("evaluate:/decoding/seed", "grouped")),
        "among the {} likeliest; at most {} tokens, seed {}",
        "entre los {} más probables; {} tokens como mucho, semilla {}",
    ),
    Question(
        "Is a compressor better?", (("evaluate:/text/baselines/xz/bits_per_byte", "figure"),),
        "xz, a general-purpose compressor ({}).", "xz, un compresor de uso general ({}).",
    ),
)  # fmt: skip


@cache
def card_of(architecture: str, language: Language) -> tuple[str, Evidence]:
    evidence = make_evidence(architecture)
    return render(evidence, language), evidence


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("architecture", ["llama", "bert", "t5"])
def test_questions_are_answered_by_the_card_alone(architecture: str, language: Language):
    card, evidence = card_of(architecture, language)
    quoted = {quote["key"]: quote["value"] for quote in evidence.quotes}
    asked = [*QUESTIONS, *(OF_CAUSAL if architecture == "llama" else ())]
    assert len(asked) > 20
    unanswered = []
    for question in asked:
        values = [filters(language)[how](quoted[key.replace("LANGUAGE", language)]) for key, how in question.figures]
        if getattr(question, language).format(*values) not in card:
            unanswered.append((question.asked, values))
    assert unanswered == []


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunDir, Recipe]:
    return make_sealed_run(tmp_path_factory.mktemp("card") / "run")


CHANGED = 50


def numbers(run: RunDir) -> Iterator[dict[str, Any]]:
    """The numbers that the card quotes from the report of a stage."""
    for quote in json.loads((run.card / "evidence.json").read_text(encoding="utf-8")):
        if type(quote["value"]) in (int, float) and quote["report"].endswith("/report.json"):
            yield quote


def test_a_number_that_is_changed_in_a_report_and_not_on_the_card_is_found(sealed: tuple[RunDir, Recipe]):
    """Even where the report's own seal is made to fit."""
    run, recipe = sealed
    card = stages(recipe)["card"]
    assert list(evidence_faults(run, recipe, card)) == [] and all(compare(recipe, run).values())
    drawn = random.Random(0).sample(list(numbers(run)), CHANGED)
    not_found = []
    for quote in drawn:
        path, stage = run.path / quote["report"], quote["key"].partition(":")[0]
        kept = {file: file.read_bytes() for file in (path, Path(path.parent / "done.json"))}
        content = json.loads(kept[path])
        change(content, quote["pointer"])
        path.write_text(json.dumps(content, indent=2, ensure_ascii=False), encoding="utf-8")
        reseal(run, stage)
        named = any(quote["key"] in fault for fault in evidence_faults(run, recipe, card))
        if not named or compare(recipe, run)["card/evidence.json"]:
            not_found.append(quote["key"])
        for file, before in kept.items():
            file.write_bytes(before)
    assert not_found == []
    assert all(compare(recipe, run).values())


def change(content: Any, pointer: str) -> None:
    """Make a number another that its type allows."""
    *steps, last = (step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:])
    for step in steps:
        content = content[int(step) if isinstance(content, list) else step]
    value = content[last]
    content[last] = value + 1 if isinstance(value, int) else value / 2 if value else 0.125
