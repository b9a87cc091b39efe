"""The licence policy: what its lists mean for expressions, and what becomes of a document."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.corpus.document import Document
from desdecero.pipelines.corpus.draft import Draft
from desdecero.pipelines.corpus.licensing.policy import LicensePolicy, Policy
from desdecero.pipelines.recipe import Licenses, load_recipe, parse_recipe, shipped_recipes

RECIPE = """
name: policy
purpose: To judge licences.
languages: [es]
corpus:
  sources: [{kind: files, path: texts}]
  licenses: {LISTS}
pretrain: {budget: {steps: 1}}
"""


def draft(license: str, **meta: str) -> Draft:
    document = Document("1", "Un texto.", "laws", license, "declared", "es", meta)
    return Draft(document, document.text, document.language)


@pytest.mark.parametrize(
    ("lists", "expression", "verdict"),
    [
        ({}, "MIT", "allowed"),
        ({}, "CC-BY-NC-4.0", "allowed"),
        ({}, "LicenseRef-unknown", "unknown"),
        ({}, "NOASSERTION", "unknown"),
        ({}, "not ( a licence", "unknown"),
        ({}, "LicenseRef-our-own", "unknown"),
        ({}, "LicenseRef-PE-DL822-art9", "allowed"),
        ({"allowed": ["LicenseRef-our-own"]}, "LicenseRef-our-own", "allowed"),
        # A list of what is allowed denies the rest, and leaves open what is not known.
        ({"allowed": ["MIT"]}, "Apache-2.0", "denied"),
        ({"allowed": ["MIT"]}, "LicenseRef-unknown", "unknown"),
        # AND: the worst; OR: the best.
        ({"denied": ["GPL-3.0-only"]}, "GPL-3.0-only OR MIT", "allowed"),
        ({"denied": ["GPL-3.0-only"]}, "GPL-3.0-only AND MIT", "denied"),
        ({"denied": ["GPL-3.0-only"]}, "(GPL-3.0-only OR MIT) AND BSD-3-Clause", "allowed"),
        ({"review": ["MPL-2.0"]}, "MPL-2.0 AND MIT", "review"),
        ({"review": ["MPL-2.0"]}, "MPL-2.0 OR LicenseRef-unknown", "review"),
        ({}, "MIT AND LicenseRef-unknown", "unknown"),
        # A whole expression in a list is judged as a whole, whatever the order of its parts.
        ({"denied": ["MPL-2.0"], "allowed": ["MIT AND MPL-2.0"]}, "MPL-2.0 AND MIT", "allowed"),
        ({"denied": ["MPL-2.0"], "allowed": ["MIT AND MPL-2.0"]}, "MPL-2.0", "denied"),
        # WITH: by the pair, else by the base.
        ({"denied": ["GPL-2.0-only"]}, "GPL-2.0-only WITH Classpath-exception-2.0", "denied"),
        (
            {"denied": ["GPL-2.0-only"], "review": ["GPL-2.0-only WITH Classpath-exception-2.0"]},
            "GPL-2.0-only WITH Classpath-exception-2.0",
            "review",
        ),
        ({"allowed": ["Apache-2.0"]}, "Apache-2.0 WITH LLVM-exception", "allowed"),
        # Families are versions of one licence, not licences with longer names.
        ({"allowed": ["CC-BY-*"]}, "CC-BY-4.0", "allowed"),
        ({"allowed": ["CC-BY-*"]}, "CC-BY-3.0-IGO", "allowed"),
        ({"allowed": ["CC-BY-*"]}, "CC-BY-NC-4.0", "denied"),
        ({"denied": ["CC-BY-NC-*"]}, "CC-BY-NC-2.5", "denied"),
        ({"denied": ["CC-BY-NC-*"]}, "LicenseRef-CC-BY-NC-3.0-ES", "denied"),
        ({"denied": ["CC-BY-NC-*"]}, "LicenseRef-CC-BY-NC", "denied"),
        ({"denied": ["CC-BY-NC-*"]}, "CC-BY-NC-SA-4.0", "allowed"),
        ({"denied": ["GPL-*"]}, "GPL-2.0-or-later", "denied"),
        ({"denied": ["GPL-*"]}, "LGPL-2.1-only", "allowed"),
        # By what is asked.
        ({"denied": ["non_commercial"]}, "CC-BY-NC-SA-4.0", "denied"),
        ({"denied": ["non_commercial"]}, "LicenseRef-CC-BY-NC-ND-2.5-PE", "denied"),
        ({"denied": ["non_commercial"]}, "CC-BY-SA-4.0", "allowed"),
        ({"denied": ["non_commercial"]}, "CC-BY-NC-4.0 OR CC-BY-4.0", "allowed"),
        ({"denied": ["share_alike"], "review": ["CC-BY-SA-*"]}, "CC-BY-SA-3.0", "review"),
        ({"denied": ["share_alike"]}, "SSPL-1.0", "allowed"),
        ({"denied": ["use_limits"]}, "SSPL-1.0", "denied"),
        ({"denied": ["no_permission"]}, "LicenseRef-all-rights-reserved", "denied"),
        # "Or later" in a document is a choice; in a list, that version and those after it.
        ({"allowed": ["GPL-3.0-only"]}, "GPL-2.0-or-later", "allowed"),
        ({"allowed": ["GPL-2.0-only"]}, "GPL-3.0-or-later", "denied"),
        ({"denied": ["GPL-2.0-or-later"]}, "GPL-3.0-only", "denied"),
        ({"denied": ["GPL-2.0-or-later"]}, "GPL-2.0-only", "denied"),
        ({"denied": ["GPL-3.0-or-later"]}, "GPL-2.0-only", "allowed"),
        ({"denied": ["GPL-3.0-or-later"]}, "GPL-2.0-or-later", "allowed"),
        ({"denied": ["GPL-2.0-only", "GPL-3.0-only", "GPL-3.0-or-later"]}, "GPL-2.0-or-later", "denied"),
        ({"allowed": ["CC-BY-SA-3.0+"]}, "CC-BY-SA-4.0", "allowed"),
        ({"allowed": ["CC-BY-SA-3.0+"]}, "CC-BY-SA-2.0", "denied"),
        ({"allowed": ["CC-BY-SA-4.0"]}, "CC-BY-SA-3.0+", "allowed"),
    ],
)
def test_verdicts(lists: dict[str, Any], expression: str, verdict: str) -> None:
    assert Policy(Licenses.model_validate(lists)).verdict(expression) == verdict


@pytest.mark.parametrize(
    ("lists", "license", "reason", "text"),
    [
        ({}, "LicenseRef-unknown", None, "Un texto."),
        ({"if_unknown": "drop"}, "LicenseRef-unknown", "license_unknown", ""),
        ({"if_unknown": "quarantine"}, "LicenseRef-unknown", "license_unknown", "Un texto."),
        ({"denied": ["MIT"]}, "MIT", "license_denied", ""),
        ({"denied": ["MIT"], "if_denied": "quarantine"}, "MIT", "license_denied", "Un texto."),
        ({"review": ["MIT"]}, "MIT", None, "Un texto."),
        ({"review": ["MIT"], "if_review": "quarantine"}, "MIT", "license_review", "Un texto."),
        ({"allowed": ["MIT"], "if_unknown": "drop"}, "MIT", None, "Un texto."),
    ],
)
def test_a_dropped_text_is_not_kept_and_a_quarantined_one_is(
    lists: dict[str, Any], license: str, reason: str | None, text: str
) -> None:
    taken = draft(license)
    LicensePolicy(Licenses.model_validate(lists))(taken)
    assert (taken.reason, taken.text) == (reason, text)


@pytest.mark.parametrize(
    ("license", "stated", "disagreement", "reason"),
    [
        ("CC-BY-4.0", "https://creativecommons.org/licenses/by-nc-nd/4.0/", "CC-BY-NC-ND-4.0", "license_denied"),
        ("CC-BY-4.0", "Todos los derechos reservados", "LicenseRef-all-rights-reserved", None),
        ("CC-BY-4.0", "CC BY 4.0", None, None),
        ("CC-BY-4.0 AND MIT", "MIT", None, None),
        ("CC-BY-4.0", "see the imprint", None, None),
        ("LicenseRef-unknown", "CC BY 4.0", "CC-BY-4.0", "license_unknown"),
    ],
)
def test_a_document_that_contradicts_its_source_must_be_acceptable_by_both(
    license: str, stated: str, disagreement: str | None, reason: str | None
) -> None:
    taken = draft(license, stated_license=stated)
    LicensePolicy(Licenses(denied=("non_commercial",), if_unknown="quarantine"))(taken)
    assert taken.reason == reason
    assert [change.after for change in taken.changes] == ([disagreement] if disagreement else [])
    assert taken.edits["license_disagreement"] == (1 if disagreement else 0)


@pytest.mark.parametrize("entry", ["Apache", "GPL 3", "MIT AND", "CC-BY", "(MIT"])
def test_an_entry_that_is_no_licence_is_refused_in_a_sentence(entry: str) -> None:
    with pytest.raises(UserError, match=r"corpus\.licenses\.denied: .*spdx\.org"):
        Policy(Licenses(denied=(entry,)))


def test_what_licences_ask_allows_none() -> None:
    with pytest.raises(UserError, match=r"corpus\.licenses\.allowed: share_alike"):
        Policy(Licenses(allowed=("share_alike",)))


def test_an_entry_in_two_lists_is_refused_with_its_line() -> None:
    with pytest.raises(UserError, match=r"line 7: corpus\.licenses: MIT is both in allowed and in denied"):
        parse_recipe(RECIPE.replace("LISTS", "allowed: [MIT], denied: [MIT]"), "r.yaml", Path())


def test_an_expression_of_many_choices_is_judged_at_once() -> None:
    many = " AND ".join(f"(MIT OR LicenseRef-{number})" for number in range(400))
    assert Policy(Licenses()).verdict(many) == "allowed"


@pytest.mark.parametrize(
    "name", [name for name in sorted(shipped_recipes()) if not load_recipe(name).corpus.licenses.allowed]
)
def test_the_shipped_recipes_without_a_list_keep_what_they_read(name: str) -> None:
    step = LicensePolicy(load_recipe(name).corpus.licenses)
    for license in ("MIT", "GPL-3.0-only", "LicenseRef-unknown", "CC-BY-NC-4.0"):
        taken = draft(license)
        step(taken)
        assert taken.reason is None
