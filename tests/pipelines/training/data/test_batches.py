"""Batches are a function of the seed and the step, and of nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from desdecero.eval_suites.models.batching import IGNORED
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.recipe import Tokenizer
from desdecero.pipelines.tokenizer.training import train
from desdecero.pipelines.training.data.batches import Batches, Blocks, Collator
from desdecero.pipelines.training.data.collators import Causal, Masked
from desdecero.pipelines.training.data.word_starts import Words

LENGTH, PADDING = 8, 998


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Two shards that hold the numbers 0 … 199."""
    numbers = np.arange(200, dtype="<u2")
    for name, part in (("a.bin", numbers[:75]), ("b.bin", numbers[75:])):
        part.tofile(tmp_path / name)
    return [tmp_path / "a.bin", tmp_path / "b.bin"]


def batches(files: list[Path], seed: int = 0, collator: Collator | None = None) -> Batches:
    return Batches(files, "<u2", collator or Causal(LENGTH, PADDING), 4, seed, vocab_size=1000)


def test_blocks_cover_each_shard_in_order_without_crossing_it(files: list[Path]) -> None:
    blocks = Blocks(files, "<u2", LENGTH + 1, LENGTH)
    assert len(blocks) == 74 // 8 + 124 // 8
    assert blocks[0].tolist() == list(range(9))
    assert blocks[9].tolist() == list(range(75, 84))


def test_causal_target_is_the_next_token(files: list[Path]) -> None:
    inputs, targets = batches(files).batch(0)
    assert inputs.shape == targets.shape == (4, LENGTH)
    assert torch.equal(targets, inputs + 1)


def test_padding_is_asked_for_nothing_and_never_asked_for(tmp_path: Path) -> None:
    """Blocks that documents were fitted into do not share tokens: 9 for a causal row of 8."""
    block = np.array([0, 5, 6, 0, PADDING, 7, 8, 0, PADDING], "<u2")
    block.tofile(tmp_path / "a.bin")
    inputs, targets = batches([tmp_path / "a.bin"], collator=Causal(LENGTH, PADDING, fitted=True)).spread(1)
    assert inputs[0].tolist() == block[:-1].tolist()
    assert targets[0].tolist() == [5, 6, 0, IGNORED, IGNORED, 8, 0, IGNORED]
    np.tile(block, 3).tofile(tmp_path / "b.bin")
    assert len(batches([tmp_path / "b.bin"], collator=Causal(LENGTH, PADDING, fitted=True)).blocks) == 3
    np.tile(block[:8], 40).tofile(tmp_path / "c.bin")
    inputs, targets = batches([tmp_path / "c.bin"], collator=Masked(LENGTH, 999, PADDING, 0.3)).spread(40)
    assert torch.equal(inputs == 999, targets != IGNORED)
    assert not (targets == PADDING).any() and (inputs == 999).float().sum(dim=1).min() > 0


def test_held_out_sequences_are_spread_over_all_of_the_text(files: list[Path]) -> None:
    data = batches(files)
    everything = data.spread(len(data.blocks))[0]
    assert torch.equal(data.spread(4)[0], everything[[0, 6, 12, 18]])
    assert torch.equal(data.spread(99)[0], everything)


def test_each_epoch_sees_every_block_once_in_another_order(files: list[Path]) -> None:
    data = batches(files)
    number = len(data.blocks)
    places = data.order(np.arange(2 * number)).tolist()
    assert sorted(places[:number]) == sorted(places[number:]) == list(range(number))
    assert places[:number] != places[number:]


def test_a_step_is_the_same_whether_or_not_earlier_steps_were_asked_for(files: list[Path]) -> None:
    walked = batches(files, collator=Masked(LENGTH, 999, PADDING, 0.3))
    for step in range(20):
        expected = walked.batch(step)
    fresh = batches(files, collator=Masked(LENGTH, 999, PADDING, 0.3)).batch(19)
    assert all(torch.equal(a, b) for a, b in zip(expected, fresh, strict=True))


def test_seed_changes_the_order(files: list[Path]) -> None:
    assert not torch.equal(batches(files).batch(0)[0], batches(files, seed=1).batch(0)[0])


def test_masked_targets_are_the_hidden_tokens_and_only_those(files: list[Path]) -> None:
    data = batches(files, collator=Masked(LENGTH, 999, PADDING, 0.3))
    shares = []
    for step in range(200):
        inputs, targets = data.batch(step)
        hidden = inputs == 999
        assert torch.equal(hidden, targets != IGNORED)
        assert bool(hidden.any(dim=1).all())
        shares.append(hidden.float().mean().item())
    assert np.mean(shares) == pytest.approx(0.3, abs=0.02)


@pytest.mark.parametrize("kind", ["bpe", "wordpiece"])
def test_whole_words_are_hidden_at_the_same_rate(prose: list[str], tmp_path: Path, kind: str) -> None:
    tokenizer = train(Tokenizer(kind=kind, vocab_size=700), prose)  # type: ignore[arg-type]
    ids = tokenizer("\n".join(prose[:60]), add_special_tokens=False)["input_ids"]
    np.array(ids, "<u2").tofile(tmp_path / "train.bin")
    words = Words(tokenizer)
    collator = Masked(64, tokenizer.mask_token_id, tokenizer.pad_token_id, 0.3, words)
    data = Batches([tmp_path / "train.bin"], "<u2", collator, 32, 0, len(tokenizer))
    shares, broken, within = [], 0, 0
    for step in range(300):
        inputs, targets = (part.numpy() for part in data.batch(step))
        hidden = targets != IGNORED
        begins = words.begin(np.where(hidden, targets, inputs))
        within += (~begins).sum()
        broken += (hidden[:, 1:] != hidden[:, :-1])[~begins[:, 1:]].sum()
        shares.append(hidden.mean())
    assert broken == 0 < within
    assert np.mean(shares) == pytest.approx(0.3, abs=4 * np.std(shares) / np.sqrt(len(shares)))
    assert np.std(shares) / np.sqrt(len(shares)) < 0.001


def test_too_little_text_for_one_sequence_is_refused(tmp_path: Path) -> None:
    np.arange(5, dtype="<u2").tofile(tmp_path / "short.bin")
    with pytest.raises(UserError, match=r"5 tokens do not fill one sequence of model\.context_length 8"):
        batches([tmp_path / "short.bin"])


def test_empty_shard_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.bin").touch()
    np.arange(50, dtype="<u2").tofile(tmp_path / "whole.bin")
    with pytest.raises(UserError, match=r"empty\.bin is empty: it was cut short; build the tokens again"):
        batches([tmp_path / "whole.bin", tmp_path / "empty.bin"])


def test_shard_cut_inside_a_token_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cut.bin").write_bytes(b"\1" * 51)
    with pytest.raises(UserError, match=r"cut\.bin has 51 bytes, not a whole number of 2-byte tokens"):
        batches([tmp_path / "cut.bin"])


def test_tokens_of_another_tokenizer_are_refused(tmp_path: Path) -> None:
    np.arange(1000, 1100, dtype="<u2").tofile(tmp_path / "other.bin")
    with pytest.raises(UserError, match=r"hold the id 1\d\d\d, and the vocabulary ends at 999: .* another tokenizer"):
        batches([tmp_path / "other.bin"]).batch(0)


def test_the_batch_that_processes_share_does_not_depend_on_their_number(files: list[Path]) -> None:
    """Each takes its part of one global batch, so two steps of 4 are the sequences of one step of 8."""
    halves = [batches(files).batch(step)[0] for step in (10, 11)]
    assert torch.equal(torch.cat(halves), Batches(files, "<u2", Causal(LENGTH, PADDING), 8, 0, 1000).batch(5)[0])


def test_a_corpus_of_100_gb_is_read_in_little_memory(tmp_path: Path) -> None:
    """Sparse files of that size, 50 billion tokens, take no room on the disk.

    What a process must have is its own memory: the system refuses more of it than 16 MB above what the first batch
    took. Pages of files lie in the system's cache, which gives them up when memory is wanted.
    """
    for number in range(10):
        with (tmp_path / f"train-{number}.bin").open("wb") as file:
            file.truncate(10_000_000_000)
    program = """
import pathlib, resource, sys
import numpy as np
from desdecero.pipelines.training.data.batches import Batches
from desdecero.pipelines.training.data.collators import Causal

def own(name):
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))

data = Batches(sorted(pathlib.Path(sys.argv[1]).glob("*.bin")), "<u2", Causal(256, 1), 16, 0, 1000)
data.batch(0)
before = own("RssAnon")
resource.setrlimit(resource.RLIMIT_DATA, ((own("VmData") << 10) + (16 << 20),) * 2)
for step in np.random.default_rng(0).integers(0, 12_000_000, 100).tolist():
    data.batch(step)
print(len(data.blocks), own("RssAnon") - before)
"""
    done = subprocess.run([sys.executable, "-c", program, tmp_path], capture_output=True, text=True, check=True)
    blocks, kibibytes = map(int, done.stdout.split())
    assert blocks == 10 * ((5_000_000_000 - 1) // 256)
    assert kibibytes < 16_000
