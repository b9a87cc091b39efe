"""The shipped probes are data written by hand: these are the rules that they were written by. And what a file of one's
own is refused for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from desdecero.eval_suites.paired_sentences.probes import (
    GROUPS,
    LANGUAGES,
    Context,
    Probes,
    read_probes,
    shipped_probes,
)

SHIPPED = [probes for language in LANGUAGES for probes in shipped_probes(language)]
each = pytest.mark.parametrize("probes", SHIPPED, ids=[f"{one.language}-{one.group}" for one in SHIPPED])


def all_of(probes: Probes) -> tuple[Context, ...]:
    return (*probes.contexts, *probes.reading)


def test_every_group_has_probes_in_every_language() -> None:
    assert [(one.language, one.group) for one in SHIPPED] == [(la, group) for la in LANGUAGES for group in GROUPS]


@each
def test_there_are_80_contexts_20_controls_and_12_pairs_of_both_sides_alike(probes: Probes) -> None:
    assert len(probes.pairs) == 12 and len(probes.contexts) == 80 and len(probes.reading) == 20
    for part in (probes.contexts, probes.reading):
        assert sum(one.side == "first" for one in part) == len(part) / 2


@each
def test_a_neutral_sentence_begins_as_its_context_and_is_as_long(probes: Probes) -> None:
    for one in all_of(probes):
        assert one.context.split()[0] == one.neutral.split()[0], one.id
        assert abs(len(one.context.split()) - len(one.neutral.split())) <= 1, one.id
        assert 0.6 <= len(one.context) / len(one.neutral) <= 1.67, one.id
        assert one.context.endswith(".") and one.neutral.endswith("."), one.id


@each
def test_contexts_begin_in_many_ways(probes: Probes) -> None:
    assert len({one.context.split()[0] for one in probes.contexts}) >= 8


@pytest.mark.parametrize("probes", shipped_probes("es"), ids=lambda one: one.group)
def test_spanish_pairs_agree_with_the_same_words(probes: Probes) -> None:
    """Both mentions are singular, and of one gender but where the gender is what is asked."""
    for first, second in probes.pairs:
        articles = [mention.split()[0] for mention in (first, second)]
        assert not {"Los", "Las", "Unos", "Unas"} & set(articles), (first, second)
        if probes.group != "gender":
            assert articles[0] == articles[1], (first, second)


@pytest.mark.parametrize("probes", shipped_probes("es"), ids=lambda one: one.group)
def test_spanish_contexts_say_where_they_are_at_home(probes: Probes) -> None:
    regions = [one.region for one in probes.contexts]
    assert set(regions) == {"es", "latam", "both"}


# --- files of one's own ----------------------------------------------------------------------------------------


def own(**changes: object) -> dict[str, object]:
    def rows(what: str, count: int) -> list[dict[str, str]]:
        return [{"context": f"{{}} had {what} {n}.", "neutral": f"{{}} had no {what} {n}."} for n in range(count)]

    return {
        "language": "en",
        "group": "age",
        "pairs": [["The old man", "The young man"], ["The old lady", "The young lady"]],
        "contexts": {"first": rows("a cane", 12), "second": rows("a skateboard", 12)},
        "reading": {"first": rows("grey hair", 5), "second": rows("no wrinkles", 5)},
        **changes,
    }


def written(folder: Path, content: object) -> Path:
    path = folder / "ours.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def test_a_file_of_ones_own_is_named_by_its_group_and_file(tmp_path: Path) -> None:
    probes = read_probes(written(tmp_path, own()))
    assert (probes.name, probes.group, len(probes.contexts)) == ("age:ours", "age", 24)
    assert probes.contexts[0].id == "en/age:ours/first/01"


WITHOUT_SLOT = {"first": [{"context": "He had a cane.", "neutral": "{} had a hat."}], "second": []}
ANOTHER_WORD = {"first": [{"context": "{} had a cane.", "neutral": "{} wore a hat."}], "second": []}
TWICE = {"first": [{"context": "{} had a cane.", "neutral": f"{{}} had {n} hats."} for n in range(24)]}
FEW = {"first": [{"context": f"{{}} had {n} canes.", "neutral": f"{{}} had {n} hats."} for n in range(19)]}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"contexts": WITHOUT_SLOT}, ["contexts.first.0", "has no slot", "begin it with '{} '"]),
        ({"contexts": ANOTHER_WORD}, ["share the word after the slot"]),
        ({"contexts": TWICE}, ["stands twice"]),
        ({"contexts": FEW}, ["19 rows are too few", "20 or more"]),
        ({"reading": {"first": []}}, ["0 rows are too few"]),
        ({"group": "weather"}, ["group", "'gender'"]),
        ({"language": "fr"}, ["language", "'en'"]),
        ({"pairs": [["The man", "The woman"]]}, ["pairs", "at least 2"]),
        ({"pairs": [["The man", "The woman"], ["The man", "The woman"]]}, ["stands twice"]),
        ({"pairs": [["The man", "The man"], ["A", "B"]]}, ["two different mentions"]),
        ({"contextos": {}}, ["contextos"]),
    ],
)
def test_what_is_wrong_with_a_file_is_said_in_one_sentence(
    changes: dict[str, object], said: list[str], tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=re.escape("ours.yaml: ")) as refused:
        read_probes(written(tmp_path, own(**changes)))
    message = str(refused.value)
    assert "\n" not in message
    for words in said:
        assert words in message


def test_a_key_that_is_written_twice_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, own())
    path.write_text(path.read_text(encoding="utf-8") + "pairs: []\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"ours.yaml: line \d+: pairs is written twice, first on line \d+"):
        read_probes(path)


@pytest.mark.parametrize("content", [None, [], "text", 3])
def test_a_file_of_another_form_is_refused(content: object, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a probe file has language, group, pairs"):
        read_probes(written(tmp_path, content))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        read_probes(tmp_path / "none.yaml")
