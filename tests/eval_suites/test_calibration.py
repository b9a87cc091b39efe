"""Calibration against bins that are counted by hand, and a model that is calibrated by construction."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_models import language_model, texts

from desdecero.eval_suites.calibration import calibration
from desdecero.eval_suites.models.windows import BINS, DocumentScore, summed


def bins_of(sure: np.ndarray, right: np.ndarray) -> tuple[tuple[float, ...], ...]:
    which = np.minimum((sure * BINS).astype(int), BINS - 1)
    return tuple(
        (float((which == b).sum()), float(sure[which == b].sum()), float(right[which == b].sum())) for b in range(BINS)
    )


def of_draws(sure: np.ndarray, right: np.ndarray) -> float:
    found = calibration([DocumentScore(1.0, len(sure), 1, 1, 0, bins_of(sure, right))])
    assert found is not None and len(found.bins) == BINS
    return found.error


def test_a_model_that_is_right_as_often_as_it_is_sure_has_no_error() -> None:
    rng = np.random.default_rng(0)
    sure, draws = rng.uniform(0, 1, (2, 200_000))
    assert of_draws(sure, draws < sure) < 0.005
    assert of_draws(sure, draws < sure / 2) == pytest.approx(0.25, abs=0.005)


def test_scores_of_baselines_tell_nothing_of_it() -> None:
    assert calibration([DocumentScore(1.0, 3, 4, 1, 1)]) is None


@torch.no_grad()
def test_the_bins_are_those_of_the_models_first_choices() -> None:
    model = language_model("gpt2", context_length=64)
    sample = [text[:60] for text in texts()[:6]]
    scores = model.score_documents(sample, overlap=0.0)
    sure, right = [], []
    for text in sample:
        ids = model.prompt_ids(text)
        probabilities = model.model(input_ids=torch.tensor([[*model.begin, *ids[:-1]]])).logits[0].softmax(-1)
        sure += probabilities.max(-1).values.tolist()
        right += (probabilities.argmax(-1) == torch.tensor(ids)).tolist()
    found = calibration(scores)
    expected = calibration([DocumentScore(0.0, len(sure), 0, 0, 0, bins_of(np.array(sure), np.array(right)))])
    assert found is not None and expected is not None
    assert found.error == pytest.approx(expected.error, abs=1e-5)
    assert [each.tokens for each in found.bins] == [each.tokens for each in expected.bins]
    together = calibration(summed(scores, [0, 0, 1, 1, 2, 2]))
    assert together is not None and together.error == pytest.approx(found.error)
