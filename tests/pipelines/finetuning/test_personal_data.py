"""Personal data in examples are counted by form, and replaced while spans stay on their text."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from desdecero.pipelines.finetuning.example import Example, Message, Span
from desdecero.pipelines.finetuning.examples import count_personal_data, read_examples
from desdecero.pipelines.finetuning.personal_data import Redactor
from desdecero.pipelines.recipe.finetune_data import FinetuneData

PIECES = [
    ("Escriba a ana.garcia@empresa.es", "Escriba a <email>"),
    ("tel. 612 345 678", "tel. <phone>"),
    ("Ana García", "Ana García"),
    ("DNI 12345678Z", "DNI <national_id>"),
    ("vive en Lima", "vive en Lima"),
    ("", ""),
]
"""Text → what is left of it when personal data are replaced."""


@pytest.fixture(scope="module")
def redactor() -> Redactor:
    return Redactor()


def test_every_span_covers_what_has_become_of_its_own_text(redactor: Redactor) -> None:
    for seed in range(60):
        chance = random.Random(seed)
        text, expected, spans, wanted = "", "", [], []
        for n in range(12):
            before, after = chance.choice(PIECES)
            if before and chance.random() < 0.6:
                spans.append(Span(len(text), len(text) + len(before), f"l{n}"))
                wanted.append((f"l{n}", after))
            text, expected = f"{text}{before}. \n", f"{expected}{after}. \n"
        found = redactor.redact(Example(text=text, spans=tuple(spans)))
        assert found.text == expected
        assert [(span.label, found.text[span.start : span.end]) for span in found.spans] == wanted


@pytest.mark.parametrize(
    ("bounds", "expected", "covered"),
    [
        ([(11, 16)], "Escriba a <email><email><email> ya", ["<email>"]),
        ([(0, 15)], "Escriba a <email><email> ya", ["Escriba a <email>"]),
        ([(10, 15), (15, 30)], "Escriba a <email><email> ya", ["<email>", "<email> ya"]),
        ([(0, 30)], "Escriba a <email> ya", ["Escriba a <email> ya"]),
        ([], "Escriba a <email> ya", []),
    ],
)
def test_personal_data_over_the_end_of_a_span_are_replaced_on_either_side(
    bounds: list[tuple[int, int]], expected: str, covered: list[str], redactor: Redactor
) -> None:
    text = "Escriba a ana.g@empresa.es ya"
    spans = tuple(Span(start, min(end, len(text)), "l") for start, end in bounds)
    found = redactor.redact(Example(text=text, spans=spans))
    assert found.text == expected
    assert [found.text[span.start : span.end] for span in found.spans] == covered


def test_all_texts_of_an_example_are_redacted(redactor: Redactor) -> None:
    mail = "Escriba a ana.garcia@empresa.es"
    found = redactor.redact(
        Example(text=mail, text_b=mail, messages=(Message("user", mail), Message("assistant", mail)))
    )
    assert found.content.count("<email>") == 4 and "@" not in found.content


def test_personal_data_are_counted_by_form_and_gone_when_redacted(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = [
        f"El caso número {n} es de {['uno', 'dos', 'tres', 'cuatro', 'cinco'][n % 5]} por {n * 7}" for n in range(20)
    ]
    rows[3] += " y escriba a ana.garcia@empresa.es"
    rows[5] += " y escriba a eva.perez@empresa.es o al tel. 612 345 678"
    rows[7] += " con DNI 12345678Z"
    path.write_text("text\n" + "".join(f"{row}\n" for row in rows), encoding="utf-8")

    def counted(**section: Any) -> dict[str, int]:
        return count_personal_data(read_examples("text", FinetuneData(train=str(path), **section), 0), ["es"])

    found = counted()
    assert sum(count for form, count in found.items() if form.startswith("email/")) == 2
    assert found["national_id/es_dni"] == 1 and sum(n for form, n in found.items() if form.startswith("phone/")) == 1
    assert counted(personal_data="redact") == {}
    examples = read_examples("text", FinetuneData(train=str(path)), 0)
    assert "national_id/es_dni" not in count_personal_data(examples, ["pt"])
    assert count_personal_data(examples, ["fr"]) == count_personal_data(examples, [])
