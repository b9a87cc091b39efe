"""Words begin where the tokenizer cuts the text before it looks for tokens."""

from __future__ import annotations

import sysconfig
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from transformers import PreTrainedTokenizerFast

from desdecero.pipelines.recipe import Tokenizer
from desdecero.pipelines.tokenizer.training import train
from desdecero.pipelines.training.data.word_starts import Words

SPANISH = """\
—¿Quién va? —preguntó el capitán, que aún no había visto a nadie—. ¡Alto ahí! Más de 1.250 soldados, 3 cañones y
    20 caballos cruzaron el río en 1898; ninguno volvió. «Así fue», escribió después don Íñigo (su señoría).
"""


@pytest.mark.parametrize("kind", ["bpe", "unigram", "wordpiece"])
def test_words_are_those_of_the_tokenizers_own_cut(
    prose: list[str], kind: Literal["bpe", "unigram", "wordpiece"]
) -> None:
    library = Path(sysconfig.get_paths()["stdlib"])
    code = [(library / f"{name}.py").read_text(encoding="utf-8") for name in ("heapq", "textwrap", "dis")]
    tokenizer = train(Tokenizer(kind=kind, vocab_size=1500), [*prose, *[SPANISH] * 5])
    words, right, seen = Words(tokenizer), 0, 0
    for text in [*prose, *code, SPANISH]:
        encoding = tokenizer.backend_tokenizer.encode(text, add_special_tokens=False)
        pieces = np.array(encoding.word_ids)  # of `tokenizers`, by what it cut
        cut = np.diff(pieces, prepend=-1) != 0
        right += (words.begin(np.array([encoding.ids]))[0] == cut).sum()
        seen += len(cut)
    assert 0.2 < cut.mean() < 0.9
    assert right / seen > (0.999 if kind != "wordpiece" else 0.99999)


def test_special_tokens_are_words_of_their_own(prose: list[str]) -> None:
    tokenizer: PreTrainedTokenizerFast = train(Tokenizer(kind="bpe", vocab_size=400), prose)
    end, padding = tokenizer.eos_token_id, tokenizer.pad_token_id
    letters = tokenizer.convert_tokens_to_ids(["a", "b"])
    begins = Words(tokenizer).begin(np.array([[*letters, end, *letters, padding, padding, *letters]]))
    assert begins[0].tolist() == [True, False, True, True, False, True, True, True, False]
