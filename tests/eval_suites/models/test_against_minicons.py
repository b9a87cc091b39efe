"""Both pseudo-log-likelihoods against minicons, where it is installed: `pip install 'desdecero[dev]'`."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from small_models import random_model, texts, wordpiece
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

from desdecero.eval_suites.models.masked import Masked

pytest.importorskip("minicons")
pytestmark = pytest.mark.filterwarnings("ignore")  # of minicons and of what it imports

SENTENCES = ["The values are returned.", "The values is returned.", "Return it.", *(text[:80] for text in texts()[:6])]


class WithBatchEncodePlus:
    """A tokenizer with the method that minicons calls and that transformers 5 no longer has."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        self._tokenizer = tokenizer

    def __getattr__(self, name: str) -> Any:
        return self._tokenizer if name == "batch_encode_plus" else getattr(self._tokenizer, name)


@pytest.mark.parametrize(("within_words", "form"), [(False, "original"), (True, "within_word_l2r")])
def test_pseudo_log_likelihoods_are_those_of_minicons(within_words: bool, form: str) -> None:
    from minicons.scorer import MaskedLMScorer

    tokenizer = copy.deepcopy(wordpiece())
    tokenizer.add_special_tokens({"cls_token": "[CLS]", "sep_token": "[SEP]"})
    frame = [(token, tokenizer.convert_tokens_to_ids(token)) for token in ("[CLS]", "[SEP]")]
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=frame)
    network = random_model("bert", context_length=64)
    network.resize_token_embeddings(len(tokenizer))
    ours = Masked(network, tokenizer)
    ours.within_words = within_words
    several = [ids for ids in tokenizer(SENTENCES)["input_ids"] if len(ids) > len(tokenizer.decode(ids).split()) + 2]
    assert several  # words of more than one token, where the two forms differ
    found = ours.log_likelihood([""] * len(SENTENCES), SENTENCES)
    peer = MaskedLMScorer(network, device="cpu", tokenizer=WithBatchEncodePlus(tokenizer))
    expected = peer.sequence_score(SENTENCES, lambda each: each.sum(0).item(), PLL_metric=form)
    assert found.tolist() == pytest.approx(expected, rel=1e-5)
