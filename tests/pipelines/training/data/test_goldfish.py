"""Some tokens are never asked for, the same ones wherever a passage lies; so it is not learnt by heart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from small_models import small

from desdecero.eval_suites.models.batching import IGNORED
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.recipe import Budget, Pretrain, Tokenizer, load_recipe
from desdecero.pipelines.tokenizer.training import train
from desdecero.pipelines.training.data.batches import Batches
from desdecero.pipelines.training.data.collators import Causal
from desdecero.pipelines.training.data.goldfish import Goldfish
from desdecero.pipelines.training.model_with_loss import ModelWithLoss

END, PADDING, CONTEXT = 0, 1, 13


def words(number: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(2, 60_000, number)


@pytest.mark.parametrize("k", [2, 4, 32])
def test_one_in_k_is_left_out(k: int) -> None:
    left_out = Goldfish(k, CONTEXT, END, PADDING).left_out(words(400_000)[None])[0]
    deviation = np.sqrt((1 - 1 / k) / k / 400_000)
    assert left_out[CONTEXT:].mean() == pytest.approx(1 / k, abs=4 * deviation)


def test_a_passage_lacks_the_same_tokens_wherever_it_lies(tmp_path: Path) -> None:
    """In a stream that is cut anywhere, and whatever stands before it: but for its first 13 tokens."""
    passage, length = words(500, seed=1), 64
    places = [100, 1037, 2001, 3333]
    stream = words(4000, seed=2)
    for place in places:
        stream[place : place + 500] = passage
    stream.astype("<u2").tofile(tmp_path / "train.bin")
    goldfish = Goldfish(4, CONTEXT, END, PADDING)
    data = Batches([tmp_path / "train.bin"], "<u2", Causal(length, PADDING, goldfish=goldfish), 4, 0, 60_000)
    inputs, targets = (part.numpy() for part in data.spread(len(data.blocks)))
    start = CONTEXT - 1  # the first tokens of a shard are only there to tell what is left out after them
    assert np.array_equal(inputs.ravel(), stream[start : start + inputs.size])
    asked = np.append(np.zeros(CONTEXT, bool), targets.ravel() != IGNORED)
    copies = [asked[place : place + 500][CONTEXT:] for place in places]
    assert all(np.array_equal(copies[0], copy) for copy in copies)
    assert 0.15 < 1 - copies[0].mean() < 0.35
    kept = targets != IGNORED
    assert np.array_equal(targets[kept], stream[start + 1 : start + 1 + targets.size].reshape(targets.shape)[kept])


def test_copies_of_a_document_lack_the_same_tokens_from_their_beginning_on() -> None:
    """However long it is, and whatever was before it: in a stream, and in blocks that documents were fitted into."""
    document = np.append(words(300, seed=3), END)
    rows = np.stack([np.concatenate([words(99, seed=seed), [END], document, words(50, seed=seed)]) for seed in (4, 5)])
    left_out = Goldfish(4, CONTEXT, END, PADDING).left_out(rows)[:, 100:401]
    assert np.array_equal(left_out[0], left_out[1])
    assert not left_out[:, :CONTEXT].any() and left_out.mean() > 0.15
    blocks = np.stack([np.concatenate([[END], document[:200]]), np.concatenate([document[200:], words(100)])])
    fitted = Causal(200, PADDING, fitted=True, goldfish=Goldfish(4, CONTEXT, END, PADDING))
    _, targets = fitted(blocks, np.random.default_rng(0))
    assert np.array_equal(targets[0] == IGNORED, left_out[0, :200])


def test_other_contexts_lack_other_tokens() -> None:
    """A hash, not a pattern: what is left out of one text says nothing about another."""
    goldfish = Goldfish(2, CONTEXT, END, PADDING)
    one, other = (goldfish.left_out(words(100_000, seed)[None])[0, CONTEXT:] for seed in (6, 7))
    for first, second in ((one, other), (one[1:], one[:-1])):
        assert np.corrcoef(first, second)[0, 1] == pytest.approx(0, abs=4 / np.sqrt(100_000))


def test_a_model_that_does_not_go_on_is_refused_in_a_sentence(tmp_path: Path) -> None:
    recipe = """\
name: fish
purpose: To test.
languages: [en]
corpus: {sources: [{kind: files, path: texts, license: PSF-2.0}]}
tokenizer: {kind: wordpiece}
model: {architecture: bert}
pretrain: {budget: {steps: 1}, goldfish: {}}
"""
    (tmp_path / "fish.yaml").write_text(recipe, encoding="utf-8")
    with pytest.raises(UserError, match=r"goldfish is for models that continue a text, which bert does not"):
        load_recipe(tmp_path / "fish.yaml")


@pytest.mark.slow
def test_a_passage_that_comes_often_is_given_back_without_and_not_with_it(prose: list[str], tmp_path: Path) -> None:
    tokenizer = train(Tokenizer(vocab_size=600), prose)
    passage = tokenizer(prose[0][:400])["input_ids"]
    rest = [tokenizer(text)["input_ids"] for text in prose[4:44]]
    stream = [token for text in rest for token in (*text, tokenizer.eos_token_id, *passage, tokenizer.eos_token_id)]
    np.array(stream, "<u2").tofile(tmp_path / "train.bin")
    special = tokenizer.eos_token_id, tokenizer.pad_token_id
    given_back = {}
    for name, goldfish in {"without": None, "with": Goldfish(4, CONTEXT, *special)}.items():
        collator = Causal(128, tokenizer.pad_token_id, goldfish=goldfish)
        data = Batches([tmp_path / "train.bin"], "<u2", collator, 8, 0, len(tokenizer))
        given_back[name] = share_given_back(data, passage)
    assert given_back["without"] > 0.9 > 0.5 > given_back["with"]


def share_given_back(data: Batches, passage: list[int]) -> float:
    """Train a small model; the share of a passage that it goes on with word for word, from its first 20 tokens."""
    model = small("llama", 128, overrides={"vocab_size": 600}).train()
    objective = ModelWithLoss(model, Pretrain(budget=Budget(steps=1)), context_length=128)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for step in range(120):  # without it, 80 are enough
        inputs, targets = data.batch(step)
        loss, _ = objective(inputs, targets)
        (loss / (targets != IGNORED).sum()).backward()
        optimizer.step()
        optimizer.zero_grad()
    model.eval()
    wanted = torch.tensor([passage[:120]])  # a sequence has 128
    found = model.generate(wanted[:, :20], max_new_tokens=wanted.shape[1] - 20, do_sample=False, eos_token_id=None)
    same = (found[0, 20:] == wanted[0, 20:]).long()
    return float(same.cumprod(0).sum() / len(same))
