"""Each kind of tokenizer is the same every time, and what it loses is known."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.recipe import Tokenizer
from desdecero.pipelines.tokenizer.training import train

HARD_TEXTS = [
    "", " ", "\n\n\t  x  \r\n", "El ñandú comió pingüinos; ¿qué más? ¡Olé!", "日本語 ελληνικά עברית 🙂👩‍👩‍👧",
    "e\u0301 ≠ é", "a\u00a0b\u200bc\ufeff", "\x00\x01\x7f", "def f(x):\n    return x ** 2  # dos",
    "1.234.567,89 €", "<|endoftext|> [SEP]", "<0x0A> ▁ ▁a \ue00a", "«¿Don’t?» dijo—sin más—.",
]  # fmt: skip


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_every_text_comes_back_unchanged(kind: str, prose: list[str]) -> None:
    tokenizer = train(Tokenizer(kind=kind, vocab_size=800), prose)  # type: ignore[arg-type]
    for text in [*HARD_TEXTS, *prose]:
        ids = tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        assert tokenizer.decode(ids) == text
        assert not {tokenizer.eos_token_id, tokenizer.pad_token_id} & set(ids)


@pytest.mark.parametrize("kind", ["bpe", "wordpiece", "unigram"])
def test_the_same_texts_give_the_same_tokenizer_in_any_process(kind: str) -> None:
    """Hash orders differ from process to process, and so would what depends on them."""
    script = (
        "import hashlib; from helpers import docstrings; from desdecero.pipelines.recipe import Tokenizer\n"
        "from desdecero.pipelines.tokenizer.training import train\n"
        "texts = docstrings('argparse', 'typing', 'subprocess', 'statistics', 'random')\n"
        f"tokenizer = train(Tokenizer(kind={kind!r}, vocab_size=700), texts)\n"
        "print(hashlib.sha256(tokenizer.backend_tokenizer.to_str().encode()).hexdigest())"
    )
    digests = {
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True,
                       env={"PYTHONPATH": "tests", "OMP_NUM_THREADS": "1"}).stdout
        for _ in range(3)
    }  # fmt: skip
    assert len(digests) == 1 and len(digests.pop().strip()) == 64


@pytest.mark.parametrize("kind", ["bpe", "wordpiece", "unigram"])
def test_the_vocabulary_has_the_size_that_was_asked_for(kind: str, prose: list[str]) -> None:
    wanted = Tokenizer(kind=kind, vocab_size=700, sentinels=5)  # type: ignore[arg-type]
    tokenizer = train(wanted, prose)
    assert len(tokenizer) == tokenizer.backend_tokenizer.get_vocab_size() == 700
    opening = list(wanted.roles.values())
    assert tokenizer.convert_ids_to_tokens(range(len(opening))) == opening
    assert tokenizer.convert_ids_to_tokens(range(695, 700)) == list(wanted.sentinel_tokens)


def test_wordpiece_reads_words_whatever_the_case_where_told(prose: list[str]) -> None:
    tokenizer = train(Tokenizer(kind="wordpiece", vocab_size=600, lowercase=True), prose)
    assert tokenizer.encode("The VALUE") == tokenizer.encode("the value")


def test_a_token_is_as_frequent_as_the_recipe_asks(prose: list[str]) -> None:
    """The sentence names the largest vocabulary that would do: it does, and one more does not."""
    with pytest.raises(UserError, match="only enough variety") as refused:
        train(Tokenizer(vocab_size=8000, min_frequency=40), prose)
    possible = int(re.findall(r"\d+", str(refused.value))[0])
    assert 300 < possible < 8000
    assert len(train(Tokenizer(vocab_size=possible, min_frequency=40), prose)) == possible
    with pytest.raises(UserError, match="only enough variety"):
        train(Tokenizer(vocab_size=possible + 1, min_frequency=40), prose)
