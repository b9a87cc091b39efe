"""Train the tokenizer on the corpus' training documents.

    desdecero tokenizer quickstart
    python pipelines/train_tokenizer.py quickstart

Writes

    tokenizer/tokenizer.json  tokenizer_config.json    what AutoTokenizer.from_pretrained loads
    tokenizer/report.json                              bytes per token, fertility, coverage, dead tokens, bad cuts
    tokenizer/report.md  report.es.md                  the same for people, with bytes_per_token.png (.es.png)

Byte-level BPE and Unigram start from all 256 bytes and have no normaliser, so any text comes back unchanged: `lossless`
in the report is checked on held-out documents, not assumed. WordPiece splits on spaces and forgets them. The same
corpus gives the same tokenizer of any kind, byte for byte (`tokenizer/byte_pairs.py`, `unigram.py`, `wordpiece.py` say
how), with the same releases of rustbpe, sentencepiece and tokenizers.

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
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.tokenizer.comparison import compare, load_peers
from desdecero.pipelines.tokenizer.picture import draw_bytes_per_token
from desdecero.pipelines.tokenizer.report import measure, read_held_out, token_use
from desdecero.pipelines.tokenizer.sample import Sample
from desdecero.pipelines.tokenizer.training import train
from desdecero.pipelines.tokenizer.wordpiece import LONGEST, count_long_words


def train_tokenizer(recipe: Recipe, run: RunDir, out: RunDir) -> str:
    wanted = recipe.tokenizer
    peers = load_peers(wanted.compare_with)  # one that is not there is missed now, not after the training
    sample = Sample(run, run.report("corpus", recipe)["splits"]["train"]["bytes"], wanted.max_training_bytes)
    held_out, swept = read_held_out(run, wanted.variety_field), None
    if wanted.sweep:
        from desdecero.pipelines.tokenizer.size_search import sweep  # torch, and all that training takes

        tokenizer, swept = sweep(wanted, sample, held_out, recipe.seed)
    else:
        tokenizer = train(wanted, sample)
    tokenizer.save_pretrained(out.tokenizer)

    use = token_use(tokenizer, sample)  # reads all of it, and so fills in what `sample` says of itself
    report = {
        "kind": wanted.kind,
        "vocab_size": len(tokenizer),
        "special_tokens": wanted.roles,
        "added_tokens": wanted.added_tokens,
        "training_bytes": sum(sample.read.values()),
        "training_share": sample.share,
        "training_sample": sample.report(),
        **measure(tokenizer, held_out),
        "use": use,
        "long_words": _long_words(wanted, sample),
        "sweep": swept,
        "compared_with": compare(peers, held_out),
        "examples": [_example(tokenizer, document.text) for document in held_out[:3]],
    }
    out.write_report("tokenizer", recipe, report)
    for language in LANGUAGES:
        draw_bytes_per_token(report, out.tokenizer / file_in(language, "bytes_per_token.png"), language)
        page = tokenizer_page.render(report, recipe.name, language)
        write_text(out.tokenizer / file_in(language, "report.md"), page)
    return f"{len(tokenizer):,} tokens, {report['bytes_per_token']:.2f} bytes a token on held-out text"


def _long_words(wanted: Tokenizer, sample: Sample) -> dict[str, int] | None:
    """Words of the sample that WordPiece took nothing from, because they are too long; None for other kinds."""
    if wanted.kind != "wordpiece":
        return None
    return {"letters": LONGEST, "occurrences": count_long_words(sample, wanted.lowercase)}


def _example(tokenizer: PreTrainedTokenizerFast, text: str) -> dict[str, object]:
    """How the tokenizer cuts the first line of a document."""
    line = text.strip().splitlines()[0][:80]
    ids = tokenizer.encode(line, add_special_tokens=False, split_special_tokens=True)
    return {"text": line, "tokens": [tokenizer.decode([i]) for i in ids]}


def main(argv: list[str] | None = None) -> int:
    return stage_main("tokenizer", argv)


if __name__ == "__main__":
    sys.exit(main())
