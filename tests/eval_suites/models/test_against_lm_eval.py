"""Log-likelihoods and first choices against lm-eval, where it is installed: `pip install 'desdecero[bench]'`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from small_models import byte_level, language_model, texts

from desdecero.eval_suites.models.decoding import Decoding
from desdecero.eval_suites.models.interface import LanguageModel

pytest.importorskip("lm_eval")
pytestmark = pytest.mark.filterwarnings("ignore")  # of lm-eval and of what it imports

KINDS = ["llama", "qwen3", "gpt2"]
PAIRS = [
    ("", "The values are returned."), ("", "The values is returned."), ("", "The list of files are here."),
    ("", "The list of files is here."), ("", "Return it."), ("", "Return it, or return it"), ("", "A"), ("", "The "),
]  # fmt: skip
CHOICES = [
    (context, ending)
    for context in ("Return the number of", "If the directory tree does not exist, it is created, and")
    for ending in (" values", " files in it", " x", ", or None if there is none.")
]


def model(architecture: str) -> LanguageModel:
    return language_model(architecture, context_length=64)


def lm_eval(ours: LanguageModel, size: int = 4) -> Any:
    from lm_eval.models.huggingface import HFLM

    return HFLM(pretrained=ours.model, tokenizer=ours.tokenizer, device="cpu", batch_size=size)


def loglikelihood(ours: LanguageModel, items: Sequence[tuple[str, str]]) -> list[tuple[float, bool]]:
    """lm-eval begins a text with a token only where the context is empty: elsewhere it is written into the context."""
    begin = ours.decode(ours.begin)
    return list(lm_eval(ours).loglikelihood(
        requests("loglikelihood", [(context and begin + context, ending) for context, ending in items]), True
    ))  # fmt: skip


def requests(kind: Any, arguments: Sequence[tuple[str, ...]]) -> list[Any]:
    from lm_eval.api.instance import Instance

    return [Instance(request_type=kind, doc={}, arguments=each, idx=0) for each in arguments]


@pytest.mark.parametrize("architecture", KINDS)
@pytest.mark.parametrize("items", [PAIRS, CHOICES], ids=["pairs", "choice"])
def test_pairs_and_choices_have_lm_evals_likelihoods(architecture: str, items: list[tuple[str, str]]) -> None:
    ours = model(architecture)
    found = ours.score(*zip(*items, strict=True))
    expected = loglikelihood(ours, items)
    assert found.log_likelihood == pytest.approx([score for score, _ in expected], rel=1e-4)
    assert found.greedy.tolist() == [hit for _, hit in expected]


@pytest.mark.parametrize("architecture", KINDS)
def test_a_cloze_is_hit_where_lm_eval_says_so(architecture: str) -> None:
    ours, items = model(architecture), list[tuple[str, str]]()
    for context in (text[:60].rstrip() for text in texts()):
        (answer,), before = ours.generate([context], Decoding(1)), ours.prompt_ids(context)
        for word in (" value", ours.decode(answer.written[0])):
            # lm-eval counts the context's tokens: it cuts elsewhere where these change as a word follows. And it makes
            # special tokens of their names in a text.
            if ours.prompt_ids(context + word)[: len(before)] == before and "<|" not in word:
                items.append((context, word))
    found = ours.score(*zip(*items, strict=True))
    expected = loglikelihood(ours, items)
    assert found.greedy.tolist() == [hit for _, hit in expected]
    assert 0 < found.greedy.sum() < len(items)
    assert found.log_likelihood == pytest.approx([score for score, _ in expected], rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("architecture", KINDS)
def test_rolling_text_has_lm_evals_likelihood(architecture: str) -> None:
    ours, sample = model(architecture), texts()[::4]
    assert max(len(ids) for ids in byte_level()(sample)["input_ids"]) > 2 * ours.context_length
    found = [-score.nll for score in ours.score_documents(sample, overlap=0.0)]
    asked = requests("loglikelihood_rolling", [(text,) for text in sample])
    assert found == pytest.approx(lm_eval(ours).loglikelihood_rolling(asked, disable_tqdm=True), rel=1e-4)
