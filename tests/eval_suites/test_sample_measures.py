"""What is measured of samples, on texts whose measures can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from desdecero.eval_suites.sample_measures import longest_copy, measure_samples


def test_repetition_and_variety_are_counted_in_words() -> None:
    measures = measure_samples(["a b c d a b c d", "one two three"], [[1], [2]], None)
    assert measures.repetition == pytest.approx(1 / 5)  # runs of four: abcd bcda cdab dabc abcd
    assert measures.distinct_1 == pytest.approx(7 / 11)
    assert measures.distinct_2 == pytest.approx(6 / 9)
    assert measures.longest_copy is None and measures.samples == 2


def test_texts_that_are_too_short_have_no_measure() -> None:
    measures = measure_samples(["", "a"], [[], [1]], lambda: iter([np.arange(5, dtype=np.uint16)]))
    assert measures.repetition is None and measures.distinct_2 is None
    assert measures.longest_copy == 1


@pytest.mark.parametrize("length", [1, 2, 3, 7, 16, 33])
def test_the_longest_copied_stretch_is_found_wherever_it_stands(length: int) -> None:
    rng = np.random.default_rng(length)
    tokens = rng.integers(100, 8000, size=50_000).astype(np.uint16)
    stretch = tokens[20_000 : 20_000 + length].tolist()
    text = [1, 2, *stretch, 3]
    pieces = [tokens[:30_000], tokens[29_000:]]
    assert longest_copy([[4, 5], text], lambda: iter(pieces)) == length
    assert longest_copy([[4, 5, 6]], lambda: iter(pieces)) == 0
