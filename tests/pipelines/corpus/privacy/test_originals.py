"""What was taken out of a corpus is found in its sources again, with the text before it as the corpus has it."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.corpus.documents import read_documents
from desdecero.pipelines.corpus.privacy.originals import MADE_UP, OF_A_DOCUMENT, withheld
from desdecero.pipelines.corpus.privacy.replacement import alike
from desdecero.pipelines.corpus.privacy.synthetic import GENERATORS
from desdecero.pipelines.recipe import Recipe, load_recipe
from desdecero.pipelines.run.chain import run_chain
from desdecero.pipelines.run.run_dir import RunDir

RECIPE = """\
name: originals
purpose: To test.
languages: [en]
corpus:
  sources: [{kind: files, path: texts, license: CC0-1.0}]
  quality: {min_words: 5}
  validation: 0.1
tokenizer: {vocab_size: 600}
pretrain: {budget: {steps: 1}}
"""
PEOPLE = 12


def value(number: int) -> str:
    return GENERATORS["email"].make(Random(number))[0].replace("gmail", f"correo{number}")


@pytest.fixture(scope="module")
def built(prose: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus of 60 texts, of which 12 have an e-mail address and a telephone, and one a list of ten addresses."""
    home = tmp_path_factory.mktemp("originals")
    (home / "texts").mkdir()
    texts = list(prose[:60])
    for number in range(PEOPLE):
        texts[number] += f"\n\nWrite to her at {value(number)} or call, tel. 612 345 6{number:02}, in the morning.\n"
    texts[PEOPLE] += "\n" + "\n".join(value(100 + number) for number in range(10))
    for number, text in enumerate(texts):
        (home / "texts" / f"{number:02}.txt").write_text(text, encoding="utf-8")
    (home / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    run_chain(load_recipe(home / "recipe.yaml"), RunDir(home / "run"), last="corpus")
    return home


def opened(home: Path, words: Sequence[str] = ()) -> tuple[Recipe, RunDir]:
    return load_recipe(home / "recipe.yaml", list(words)), RunDir(home / "run")


def test_values_come_with_the_text_that_stands_before_them_in_the_corpus(built: Path) -> None:
    recipe, run = opened(built)
    texts = {row["id"]: row["text"] for row in read_documents(run, "train")}
    found = withheld(recipe, run, most=200)
    assert found.altered == 0 and found.documents >= 9
    known = {value(number) for number in [*range(PEOPLE), *range(100, 110)]}
    for one in found.values:
        assert f"{one.before}<{one.kind}>" in texts[one.document]
        assert (one.value in known) == (one.kind == "email") and one.value not in texts[one.document]
        assert len(set(one.made_up)) == MADE_UP and one.value not in one.made_up
        assert all(other[other.index("@") :] == one.value[one.value.index("@") :]
                   for other in one.made_up if one.kind == "email")  # fmt: skip
    by_kind = Counter(one.kind for one in found.values)
    assert set(by_kind) == {"email", "phone"}
    assert max(Counter(one.document for one in found.values).values()) <= OF_A_DOCUMENT


def test_the_seed_draws_and_nothing_shows_a_value(built: Path) -> None:
    recipe, run = opened(built)
    some = withheld(recipe, run, most=4)
    assert len(some.values) == 4 and some == withheld(recipe, run, most=4)
    other, _ = opened(built, ["seed=1"])
    assert some.values != withheld(other, run, most=4).values
    assert not any(one.value in repr(some) for one in some.values)


def test_documents_that_were_altered_are_counted_and_gone_sources_refused(built: Path, tmp_path: Path) -> None:
    home = Path(shutil.copytree(built, tmp_path / "home"))
    recipe, run = opened(home)
    whole = withheld(recipe, run, most=200)
    one, other = sorted({each.document for each in whole.values})[:2]
    (home / "texts" / one).write_text("Another text of some words, and no address.", encoding="utf-8")
    (home / "texts" / other).unlink()
    found = withheld(recipe, run, most=200)
    assert (found.documents, found.altered) == (whole.documents, 2)
    assert {each.document for each in found.values} == {each.document for each in whole.values} - {one, other}
    for path in (home / "texts").iterdir():
        path.write_text("Another text of some words, and no address.", encoding="utf-8")
    with pytest.raises(UserError, match="bring back the sources, or build the corpus anew"):
        withheld(recipe, run, most=200)
    shutil.rmtree(home / "texts")
    with pytest.raises(UserError, match="texts"):
        withheld(recipe, run, most=200)


def test_a_corpus_without_replacements_has_none_to_find(built: Path) -> None:
    recipe, run = opened(built, ["corpus.personal_data={kinds: []}"])
    found = withheld(recipe, run, most=200)
    assert (found.values, found.documents, found.altered) == ([], 0, 0)


@pytest.mark.parametrize("form", ["es_dni", "iban", "es_phone", "us_phone", "us_ssn", "ipv4", "ipv6", "email",
                                  "aws_key", "credit_card", "mx_curp", "person"])  # fmt: skip
def test_a_made_up_value_has_the_form_of_the_real_one(form: str) -> None:
    generator, chance = GENERATORS[form], Random(0)
    for writing in generator.make(Random(1)):
        others = [alike(generator.kind, form, writing, chance) for _ in range(20)]
        assert len(set(others)) > 10
        if generator.kind not in ("ip", "person", "email"):
            signs = ["".join(sign for sign in each if not sign.isalnum()) for each in (writing, *others)]
            assert len(set(signs)) == 1 and {len(each) for each in others} == {len(writing)}
        if generator.kind == "phone":
            assert len({"".join(filter(str.isdigit, each))[:-6] for each in (writing, *others)}) == 1
