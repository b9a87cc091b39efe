"""A filter of toxic text drops nothing before its errors are measured, by language and by group.

The sentences are made from templates here. They are mild, and their insults are few: what is tested is the measuring.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.corpus.cleaning.sentences import sentence_spans
from desdecero.pipelines.corpus.cleaning.toxicity import ToxicityFilter, beyond_chance, mentioned, train_toxicity
from desdecero.pipelines.corpus.document import Document
from desdecero.pipelines.corpus.draft import Draft
from desdecero.pipelines.recipe import Toxicity
from desdecero.pipelines.run.reports.corpus import ToxicityReport

PEOPLE = {
    "es": ("las mujeres", "los migrantes", "los gitanos", "las personas gais", "los musulmanes", "mis vecinos"),
    "en": ("women", "migrants", "Roma families", "gay people", "Muslims", "my neighbours"),
}
NEUTRAL = {
    "es": ("Ayer hablamos con {} sobre {}.", "El informe describe cómo viven {} y menciona {}.",
           "Hoy {} se reúnen en la plaza para hablar de {}.", "En la escuela, {} estudian {} con interés.",
           "Según el censo, {} son muchos, y {} importa.", "Me gusta cocinar con {} y hablar de {}."),
    "en": ("Yesterday we talked with {} about {}.", "The report describes how {} live and mentions {}.",
           "Today {} meet in the square to talk about {}.", "At school, {} study {} with interest.",
           "By the census, {} are many, and {} matters.", "I like to cook with {} and to talk about {}."),
}  # fmt: skip
THINGS = {
    "es": ("el agua", "la música", "el barrio", "la historia", "el trabajo", "los libros", "la salud", "el clima"),
    "en": ("water", "music", "the town", "history", "work", "books", "health", "the weather"),
}
TOXIC = {
    "es": ("Todos {} son unos {}.", "Qué {1} son {0}, me dan asco.", "Odio a {}, son {} y no merecen nada.",
           "Que se larguen {}, {} todos.", "Nadie soporta a {}, por {}.", "Cállate, {1}, tú y {0}."),
    "en": ("All {} are {}.", "What {1} {0} are, they make me sick.", "I hate {}, they are {} and deserve nothing.",
           "Kick out {}, {} all of them.", "Nobody can stand {}, those {}.", "Shut up, {1}, you and {0}."),
}  # fmt: skip
INSULTS = {
    "es": ("idiotas", "imbéciles", "estúpidos", "asquerosos", "inútiles", "ratas"),
    "en": ("idiots", "imbeciles", "morons", "losers", "trash", "rats"),
}


def made(
    language: str, people: Iterable[str], templates: Iterable[str], fillers: Iterable[str], toxic: bool
) -> list[Any]:
    return [
        {"text": template.format(who, what), "label": "toxic" if toxic else "neutral", "language": language,
         "template": f"{toxic} {template}", "filler": what}
        for template, who, what in itertools.product(templates, people, fillers)
    ]  # fmt: skip


def balanced(language: str) -> list[Any]:
    return made(language, PEOPLE[language], NEUTRAL[language], THINGS[language], toxic=False) + made(
        language, PEOPLE[language], TOXIC[language], INSULTS[language], toxic=True
    )


def labelled(path: Path, records: Iterable[Any]) -> str:
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8")
    return str(path)


def judged(step: ToxicityFilter, text: str, language: str) -> Draft:
    draft = Draft(Document("a", text, "s", "", "", language, {}), text, language)
    step(draft)
    return draft


@pytest.fixture(scope="module")
def both_languages(tmp_path_factory: pytest.TempPathFactory) -> str:
    return labelled(tmp_path_factory.mktemp("labelled") / "set.jsonl", balanced("es") + balanced("en"))


@pytest.fixture(scope="module")
def measured(both_languages: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[ToxicityReport, ToxicityFilter]:
    folder = tmp_path_factory.mktemp("filter")
    section = Toxicity(labelled=both_languages, max_false_positive_rate=0.1, action="drop", fold_field="filler")
    return train_toxicity(section, folder), ToxicityFilter(section, folder)


def test_its_errors_are_measured_by_language_and_by_group(
    measured: tuple[ToxicityReport, ToxicityFilter],
) -> None:
    report, _ = measured
    assert list(report.languages) == ["en", "es"]
    for language in report.languages.values():
        assert language.may_drop and language.faults == []
        held_out = language.held_out
        assert held_out.flagged_of_neutral.value <= 0.1 < held_out.found_of_toxic.low
        groups = held_out.flagged_of_neutral_by_group
        assert {"women", "migrants", "roma", "lgbt", "muslims"} <= set(groups)
        assert all(rate.value <= 0.1 and rate.low < rate.high for rate in groups.values())


@pytest.mark.parametrize(
    ("language", "text", "reason"),
    [
        ("es", "Todos mis vecinos son unos idiotas.", "toxic"),
        ("es", "Todos los gitanos son unos idiotas. Odio a los gitanos, son idiotas y no merecen nada.", "toxic"),
        ("en", "I hate my neighbours, they are idiots and deserve nothing.", "toxic"),
        ("es", "Ayer los gitanos hablaron de música en la plaza.", None),
        ("en", "The report describes how Muslims live and study.", None),
        ("es", "El informe describe el barrio. " * 30 + "Todos mis vecinos son unos idiotas.", None),
    ],
)
def test_a_document_is_dropped_for_its_sentences_and_not_for_whom_they_mention(
    measured: tuple[ToxicityReport, ToxicityFilter], language: str, text: str, reason: str | None
) -> None:
    assert judged(measured[1], text, language).reason == reason


def test_sentences_of_one_template_are_held_out_together(both_languages: str, tmp_path: Path) -> None:
    """Six templates are too few to learn from. Who lets them stand on both sides of a fold does not see it."""
    section = Toxicity(labelled=both_languages, max_false_positive_rate=0.05, fold_field="template")
    honest, blind = (
        train_toxicity(section.model_copy(update={"fold_field": field}), tmp_path).languages["en"].held_out
        for field in ("template", None)
    )
    assert honest.flagged_of_neutral.value > 0.05 >= blind.flagged_of_neutral.value
    assert honest.found_of_toxic.value <= blind.found_of_toxic.value


def test_what_was_not_measured_drops_nothing(measured: tuple[ToxicityReport, ToxicityFilter]) -> None:
    _, step = measured
    other_language = judged(step, "Tous mes voisins sont des idiots.", "fr")
    assert (other_language.reason, other_language.edits["toxicity_unmeasured"]) == (None, 1)
    other_group = judged(step, "Todos los indígenas son unos idiotas.", "es")
    assert (other_group.reason, other_group.edits["toxicity_unmeasured"]) == (None, 1)
    assert other_group.edits["toxic_sentence"] == 1


def test_a_filter_that_takes_a_group_for_an_insult_may_not_drop(tmp_path: Path) -> None:
    es = made("es", ["mis vecinos", "las mujeres"], NEUTRAL["es"], THINGS["es"], toxic=False)
    es += made("es", ["los gitanos"], NEUTRAL["es"], THINGS["es"][:6], toxic=False)
    es += made("es", ["los gitanos"], TOXIC["es"], THINGS["es"], toxic=True)
    path = labelled(tmp_path / "skewed.jsonl", es)
    section = Toxicity(labelled=path, threshold=0.5, max_false_positive_rate=0.05, action="drop", fold_field="template")
    with pytest.raises(UserError, match=r"language es, the filter takes \d+\.\d% of the neutral held-out sentences"):
        train_toxicity(section, tmp_path)
    flagging = section.model_copy(update={"action": "flag"})
    report = train_toxicity(flagging, tmp_path).languages["es"]
    assert not report.may_drop and any("that mention roma" in fault for fault in report.faults)
    draft = judged(ToxicityFilter(flagging, tmp_path), "Todos los gitanos son la salud.", "es")
    assert draft.reason is None and draft.edits["toxic_sentence"] == 1 and draft.changes


def test_too_few_neutral_examples_cannot_assure_a_small_error(tmp_path: Path) -> None:
    some = made("en", ["my neighbours"], NEUTRAL["en"], THINGS["en"], toxic=False)
    some += made("en", ["my neighbours"], TOXIC["en"], INSULTS["en"], toxic=True)
    section = Toxicity(labelled=labelled(tmp_path / "few.jsonl", some), action="drop")
    with pytest.raises(UserError, match=r"48 neutral examples in language en cannot measure an error of 1.0% .*100"):
        train_toxicity(section, tmp_path)


def test_without_labels_it_counts_insults_and_drops_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="action drop needs `labelled` examples"):
        Toxicity(action="drop")
    train_toxicity(Toxicity(), tmp_path)
    step = ToxicityFilter(Toxicity(), tmp_path)
    draft = judged(step, "Eres un imbécil. Qué asqueroso eres, vete a la mierda.", "es")
    assert (draft.reason, dict(draft.edits)) == (None, {"insult": 2})
    assert not judged(step, "El idioma es idiosincrático.", "es").edits
    (tmp_path / "own.txt").write_text("# ours\nTontaina\n", encoding="utf-8")
    own = Toxicity(lexicon={"es": str(tmp_path / "own.txt")})
    assert train_toxicity(own, tmp_path).insults_listed["es"] == 1
    assert judged(ToxicityFilter(own, tmp_path), "¡Eres un tontaina!", "es").edits["insult"] == 1


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"text": "x y", "label": "maybe"}, "its 'label' is 'maybe'"),
        ({"text": "Todos mis vecinos son unos idiotas.", "label": 0, "language": "es"}, "labelled both ways"),
        ({"text": "sin idioma", "label": False}, "some records name a 'language' and some none"),
    ],
)
def test_labels_that_do_not_serve_are_refused(tmp_path: Path, record: dict[str, Any], message: str) -> None:
    path = labelled(tmp_path / "set.jsonl", [*balanced("es"), record])
    with pytest.raises(UserError, match=message):
        train_toxicity(Toxicity(labelled=path), tmp_path)


def test_text_unlike_the_examples_is_not_judged(measured: tuple[ToxicityReport, ToxicityFilter]) -> None:
    _, step = measured
    law = (
        "Artículo 12.- Incorpórase el numeral segundo del reglamento vigente. Deróganse cuantas normas se opongan. "
        "Regístrese, comuníquese y publíquese. Lima, ocho de agosto. La autoridad sanitaria aprobará directivas."
    )
    draft = judged(step, law, "es")
    assert (draft.reason, draft.edits["toxic_sentence"]) == (None, 0)


def test_a_long_neutral_document_is_not_dropped_for_being_long() -> None:
    # P(Bin(5, 1%) ≥ 1) = 4.9%, P(Bin(5, 1%) ≥ 2) = 0.1%; P(Bin(100, 1%) ≥ 5) = 0.34%, ≥ 4 = 1.8%
    assert [beyond_chance(n, 0.01) for n in (1, 5, 100)] == [1, 2, 5]


def test_groups_are_mentioned_by_whole_words() -> None:
    assert mentioned("Las mujeres gitanas y un inmigrante árabe", "es") == {"women", "roma", "migrants", "muslims"}
    assert mentioned("La demora es un comandamiento", "es") == set()
    assert mentioned("Jewish women", "") == {"jews", "women"}


def test_sentences_end_where_they_end() -> None:
    text = "El Sr. Ruiz vino (art. 5). ¿Y tú? —Yo no… Bueno.\nFin"
    assert [text[a:b] for a, b in sentence_spans(text)] == [
        "El Sr. Ruiz vino (art. 5).", "¿Y tú?", "—Yo no…", "Bueno.", "Fin"
    ]  # fmt: skip
