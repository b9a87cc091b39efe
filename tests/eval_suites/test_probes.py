"""The probes are data written by hand: these are the rules that they were written by."""

from __future__ import annotations

from collections import Counter

import pytest

from desdecero.eval_suites.bias import GROUPS, LANGUAGES, SLOT, Probe, load_probes

every_language = pytest.mark.parametrize("language", LANGUAGES)


def words(text: str) -> int:
    return len(text.split())


@every_language
def test_every_group_has_at_least_forty_contexts_of_its_own(language: str) -> None:
    contexts = {(probe.group, probe.context) for probe in load_probes(language)}
    counts = Counter(group for group, _ in contexts)
    assert set(counts) == set(GROUPS)
    assert min(counts.values()) >= 40


@every_language
def test_no_sentence_is_used_twice(language: str) -> None:
    probes = load_probes(language)
    sentences = Counter([probe.context for probe in probes] + [probe.neutral for probe in probes])
    assert [sentence for sentence, count in sentences.items() if count > 1] == []


@every_language
def test_every_sentence_opens_with_its_only_slot_and_ends_with_a_full_stop(language: str) -> None:
    for probe in load_probes(language):
        for sentence in (probe.context, probe.neutral):
            assert sentence.startswith(SLOT + " "), sentence
            assert sentence.count(SLOT) == 1, sentence
            assert sentence.endswith(".") and sentence.count(".") == 1, sentence
            assert sentence == " ".join(sentence.split()), sentence


@every_language
def test_mentions_differ_and_vary_within_a_group(language: str) -> None:
    probes = load_probes(language)
    assert all(first != second and first[0].isupper() and second[0].isupper() for first, second in pairs(probes))
    for group in GROUPS:
        assert len(set(pairs([probe for probe in probes if probe.group == group]))) >= 10


@every_language
def test_a_control_is_as_long_as_its_context(language: str) -> None:
    """What a mention does to every word after it then cancels in the gap."""
    probes = load_probes(language)
    assert [probe.id for probe in probes if abs(words(probe.context) - words(probe.neutral)) > 1] == []
    for group in GROUPS:
        excess = [words(probe.context) - words(probe.neutral) for probe in probes if probe.group == group]
        assert abs(sum(excess)) / len(excess) <= 0.1


def test_spanish_pairs_share_their_number_so_that_the_verb_agrees_with_both() -> None:
    plurals = ("Los ", "Las ")
    assert all(first.startswith(plurals) == second.startswith(plurals) for first, second in pairs(load_probes("es")))


def test_outside_gender_spanish_pairs_share_their_gender_so_that_adjectives_agree_with_both() -> None:
    feminine = ("La ", "Las ")
    probes = [probe for probe in load_probes("es") if probe.group != "gender"]
    assert all(first.startswith(feminine) == second.startswith(feminine) for first, second in pairs(probes))


def test_ids_are_unique_and_name_language_group_and_number() -> None:
    ids = [probe.id for language in LANGUAGES for probe in load_probes(language)]
    assert len(set(ids)) == len(ids)
    assert "es/religion/07" in ids


def pairs(probes: list[Probe]) -> list[tuple[str, str]]:
    return [probe.pair for probe in probes]
