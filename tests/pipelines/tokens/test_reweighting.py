"""Groups are read as often as their shares ask, and never more often than is allowed."""

from __future__ import annotations

import pytest

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.tokens.reweighting import reached, reweight

SIZES = {"es": 800, "en": 150, "qu": 50}


def test_uniform_reads_the_largest_once_and_the_others_more_often() -> None:
    assert reweight({"a": 100, "b": 50}, "uniform", 4) == {"a": 1.0, "b": 2.0}
    assert reached({"a": 100, "b": 50}, {"a": 1.0, "b": 2.0}) == {"a": 0.5, "b": 0.5}


def test_no_group_is_read_more_often_than_allowed() -> None:
    epochs = reweight(SIZES, "uniform", 4)
    assert epochs == {"es": 1.0, "en": 4, "qu": 4}
    assert reached(SIZES, epochs) == pytest.approx({"es": 0.5, "en": 0.375, "qu": 0.125})


def test_shares_are_reached_and_the_unnamed_keep_their_proportions() -> None:
    epochs = reweight(SIZES, {"qu": 0.1}, 4)
    assert reached(SIZES, epochs) == pytest.approx({"qu": 0.1, "es": 0.9 * 800 / 950, "en": 0.9 * 150 / 950})
    assert epochs["es"] == pytest.approx(1.0) and epochs["en"] == pytest.approx(1.0)
    assert epochs["qu"] == pytest.approx(950 / 0.9 * 0.1 / 50)


def test_a_share_of_nothing_leaves_a_group_out() -> None:
    assert reweight(SIZES, {"en": 0.0, "es": 0.8, "qu": 0.2}, 4) == {"es": 1.0, "en": 0.0, "qu": 4}


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ({"fr": 0.5}, "no text of group 'fr': the groups are 'en', 'es', 'qu'"),
        ({"es": 0.8, "en": 0.5}, "add up to 1.3: make them add up to less than 1"),
        ({"es": 1.0}, "add up to 1, and leave nothing to en, qu"),
        ({"es": 0.2, "en": 0.2, "qu": 0.2}, "add up to 0.6: make them add up to 1"),
    ],
)
def test_shares_that_do_not_fit_are_refused(target: dict[str, float], message: str) -> None:
    with pytest.raises(UserError, match=message):
        reweight(SIZES, target, 4)


def test_nothing_is_refused() -> None:
    with pytest.raises(UserError, match="there is no training text"):
        reweight({"a": 0}, "uniform", 4)
