"""Train the tokenizer on the corpus' training documents.

    desdecero tokenizer quickstart
    python pipelines/train_tokenizer.py quickstart

Writes

    tokenizer/tokenizer.json  tokenizer_config.json    what AutoTokenizer.from_pretrained loads
    tokenizer/report.json                              bytes per token, fertility, coverage, dead tokens, bad splits
    tokenizer/report.md  report.es.md                  the same as a page, with bytes_per_token.png (.es.png)

Byte-level BPE and Unigram start from all 256 bytes and have no normalizer, so decoding returns any text unchanged:
`lossless` in the report is checked on held-out documents. WordPiece splits on spaces and does not keep them. The same
corpus gives the same tokenizer of any kind, byte for byte (see `tokenizer/byte_pairs.py`, `unigram.py`,
`wordpiece.py`), with the same releases of rustbpe, sentencepiece and tokenizers.

Memory: the distinct pieces of at most `tokenizer.max_training_bytes` of text.
"""

from __future__ import annotations

import sys

from transformers import PreTrainedTokenizerFast

from desdecero.model_cards import tokenizer_page
from desdecero.model_cards.words import LANGUAGES, file_in
from desdecero.pipelines.common.files import write_text
from desdecero.pipelines.recipe import Recipe, Tokenizer
from desdecero.pipelines.run.chain import stage_main
from desdecero.pipelines.run.reports import TokenizerReport, content_of
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.tokenizer.comparison import compare, load_peers
from desdecero.pipelines.tokenizer.picture import draw_bytes_per_token
from desdecero.pipelines.tokenizer.report import measure, read_held_out, token_use
from desdecero.pipelines.tokenizer.sample import Sample
from desdecero.pipelines.tokenizer.training import train
from desdecero.pipelines.tokenizer.wordpiece import LONGEST, count_long_words


def train_tokenizer(recipe: Recipe, run: RunDir, out: RunDir) -> str:
    """Train and measure the tokenizer; return its size and bytes per token in a sentence."""
    config = recipe.tokenizer
    peers = load_peers(config.compare_with)  # a missing one is an error now, not after the training
    sample = Sample(run, run.report("corpus", recipe).splits["train"].bytes, config.max_training_bytes)
    held_out, swept = read_held_out(run, config.variety_field), None
    if config.sweep:
        from desdecero.pipelines.tokenizer.size_search import sweep  # torch, and all that training takes

        tokenizer, swept = sweep(config, sample, held_out, recipe.seed)
    else:
        tokenizer = train(config, sample)
    tokenizer.save_pretrained(out.tokenizer)

    use = token_use(tokenizer, sample)  # reads all of the sample, and so completes `sample.read`
    report = TokenizerReport.model_validate(
        {
            "kind": config.kind,
            "vocab_size": len(tokenizer),
            "special_tokens": config.roles,
            "added_tokens": config.added_tokens,
            "training_bytes": sum(sample.read.values()),
            "training_share": sample.share,
            "training_sample": sample.report(),
            **measure(tokenizer, held_out),
            "use": use,
            "long_words": _long_words(config, sample),
            "sweep": swept,
            "compared_with": compare(peers, held_out),
            "examples": [_example(tokenizer, document.text) for document in held_out[:3]],
        }
    )
    out.write_report("tokenizer", recipe, report)
    for language in LANGUAGES:
        draw_bytes_per_token(report, out.tokenizer / file_in(language, "bytes_per_token.png"), language)
        page = tokenizer_page.render(content_of(report), recipe.name, language)
        write_text(out.tokenizer / file_in(language, "report.md"), page)
    return f"{len(tokenizer):,} tokens, {report.bytes_per_token:.2f} bytes per token on held-out text"


def _long_words(config: Tokenizer, sample: Sample) -> dict[str, int] | None:
    """Count words of the sample that are too long for WordPiece to learn from; None for other kinds."""
    if config.kind != "wordpiece":
        return None
    return {"letters": LONGEST, "occurrences": count_long_words(sample, config.lowercase)}


def _example(tokenizer: PreTrainedTokenizerFast, text: str) -> dict[str, object]:
    """Tokenize the first line of a document."""
    line = text.strip().splitlines()[0][:80]
    ids = tokenizer.encode(line, add_special_tokens=False, split_special_tokens=True)
    return {"text": line, "tokens": [tokenizer.decode([i]) for i in ids]}


def main(argv: list[str] | None = None) -> int:
    """Run `desdecero tokenizer`."""
    return stage_main("tokenizer", argv)


if __name__ == "__main__":
    sys.exit(main())
