"""The evidence of a card that is rendered without a run: the made-up reports of `sealed_run`, and seals."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from sealed_run import make_recipe, make_reports

from desdecero.model_cards.evidence import Evidence, Report
from desdecero.pipelines.corpus.licensing import summary
from desdecero.pipelines.recipe import Licenses
from desdecero.pipelines.run.gate import card_verdicts, facts_of

STATED = tuple(
    f"card.{statement}"
    for statement in (
        'version="0.3"',
        "contact=tester@example.org",
        "removal_contact=remove@example.org",
        "collected={en: Copied from disk in 2025., es: Se copiaron del disco en 2025.}",
        "intended_use={en: To test the card., es: Probar la ficha.}",
        "out_of_scope=All that is not a test of this project.",
        "limitations=It knows the words of the law and none of the sea.",
    )
)
"""Statements that the recipe of `sealed_run` leaves empty, as a card that is complete has them."""


def make_evidence(
    architecture: str = "llama",
    *overrides: str,
    without: tuple[str, ...] = (),
    changes: Mapping[str, Any] = MappingProxyType({}),
) -> Evidence:
    reports = {**make_reports(architecture), **changes}
    recipe = make_recipe(architecture, *STATED, *overrides)
    contents = {"recipe": recipe.model_dump(mode="json"), **reports}
    hardware = {"processor": "A Processor 9000", "cores": 2, "memory_bytes": 8_000_000_000}
    contents["licensing"] = summary.report(
        summary.holdings(reports["corpus"], reports["pretrain"]["exposure"]),
        Licenses(),
        contents["recipe"]["card"]["license"],
    )
    contents["gate"] = card_verdicts(recipe, facts_of(recipe, reports, contents["licensing"]), datetime.date.max)
    contents["config"] = {"dtype": "float32"}
    for name in reports:
        contents[f"seal.{name}"] = {
            "digest": "ab" * 32, "hardware": hardware, "libraries": {"torch": "2.13.0"},
            "finished": "2026-11-27T21:22:32Z",
            "outputs": {"model/model.safetensors": {"sha256": "9c" * 32, "bytes": 13824}},
        }  # fmt: skip
    return Evidence({name: Report(f"{name}.json", "", c) for name, c in contents.items() if name not in without})
