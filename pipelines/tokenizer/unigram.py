"""Unigram (Kudo 2018) with byte fallback: the most probable split of each word, and bytes for unknown characters.

Trained by SentencePiece, because `tokenizers` sums its probabilities in the order of a hash table, so that its
vocabularies differ from run to run; SentencePiece sorts first, and sums in the order of a fixed number of threads: the
same text gives the same vocabulary. The text is pretokenized as for BPE (`recipe/pretokenization.py`), spaces stay
spaces and nothing is normalized, so decoding returns any text unchanged. Memory holds each distinct pretoken.
"""

from __future__ import annotations

import io
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import regex
import sentencepiece
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.recipe.pretokenization import PATTERN
from desdecero.pipelines.recipe.special_tokens import check_learnt_tokens

BYTE_TOKENS = [f"<0x{byte:02X}>" for byte in range(256)]
THREADS = 4  # the same on every machine: the sums depend on it
LONGEST = 32  # characters in a token; SentencePiece's default of 16 would split deep indentations
# SentencePiece reads lines of columns: separators are replaced by characters of Unicode's private use area.
_STANDS_FOR = {"\n": "\ue00a", "\t": "\ue009", "\r": "\ue00d"}
_HIDE, _SHOW = str.maketrans(_STANDS_FOR), str.maketrans({v: k for k, v in _STANDS_FOR.items()} | {"▁": " "})
_UNLEARNABLE = re.compile("[▁\ue00a\ue009\ue00d\0]")
"""The replacements, and SentencePiece's sign for a space: where a text has them, they are encoded as bytes."""


def train_unigram(texts: Iterable[str], size: int, before: Sequence[str], after: Sequence[str]) -> Tokenizer:
    """Train a tokenizer of `size` tokens, including special ones and 256 bytes.

    Raises `UserError` where the texts have too few pieces for this number of tokens.
    """
    counts = Counter[str]()
    for text in texts:
        counts.update(regex.findall(PATTERN, text))
    learnt = _learn(counts, size - len(before) - len(after) - len(BYTE_TOKENS))
    check_learnt_tokens(after, [*(token for token, _ in learnt), *BYTE_TOKENS])
    # A text is never split into special or byte tokens by probability, so theirs has no effect.
    least = min(score for _, score in learnt)
    pieces = [(token, least) for token in [*before, *BYTE_TOKENS]] + learnt + [(token, least) for token in after]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=0, byte_fallback=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(PATTERN), "isolated")
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    return tokenizer


def _learn(counts: Counter[str], size: int) -> list[tuple[str, float]]:
    """Learn `size` tokens and their log-probabilities from pieces and their numbers of occurrences."""
    written = io.BytesIO()
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "pieces.tsv"
        with table.open("w", encoding="utf-8") as file:
            for piece in sorted(counts):
                if not _UNLEARNABLE.search(piece) and len(piece) <= 1000:
                    file.write(f"{piece.translate(_HIDE)}\t{counts[piece]}\n")
        try:
            sentencepiece.SentencePieceTrainer.train(
                input=str(table),
                input_format="tsv",
                model_writer=written,
                model_type="unigram",
                vocab_size=size + 1,
                unk_id=0,
                bos_id=-1,
                eos_id=-1,
                pad_id=-1,
                normalization_rule_name="identity",
                add_dummy_prefix=False,
                remove_extra_whitespaces=False,
                split_by_whitespace=False,
                split_by_unicode_script=False,
                split_by_number=False,
                allow_whitespace_only_pieces=True,
                max_sentencepiece_length=LONGEST,
                required_chars="".join(map(chr, range(33, 127))),
                num_threads=THREADS,
                minloglevel=2,
            )
        except RuntimeError as error:
            if most := re.search(r"<= (\d+)", str(error)):
                raise UserError(
                    f"the corpus has only enough variety for {int(most[1]) - 1} unigram tokens, but the recipe asks "
                    f"for {size} in addition to special ones and bytes: lower tokenizer.vocab_size, or add text"
                ) from None
            raise
    model = sentencepiece.SentencePieceProcessor(model_proto=written.getvalue())
    return [(model.id_to_piece(i).translate(_SHOW), model.get_score(i)) for i in range(1, model.get_piece_size())]
