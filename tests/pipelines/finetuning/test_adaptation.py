"""What the tasks of fine-tuning share: in which language a text's words are exchanged."""

from __future__ import annotations

from desdecero.pipelines.finetuning.adaptation import by_language

ENGLISH = "He asked his father whether the son of the neighbour had paid the rent for the month of May."
SPANISH = "No he visto al juez, y los plazos que fija la ley son los mismos para mi padre y para su hijo."


def test_words_of_a_language_are_exchanged_in_its_texts_alone() -> None:
    assert by_language([ENGLISH, SPANISH, ENGLISH]) == {"en": [0, 2], "es": [1]}


def test_a_text_too_short_to_tell_counts_as_one_of_the_commonest_language() -> None:
    assert by_language([SPANISH, "he", ENGLISH, SPANISH]) == {"en": [2], "es": [0, 1, 3]}
    assert by_language([]) == {"en": [], "es": []}
