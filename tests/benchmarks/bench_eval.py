"""Scoring of texts through our interface, against lm-eval and minicons: `make bench-eval` (about half an hour).

    python tests/benchmarks/bench_eval.py                            every comparison
    python tests/benchmarks/bench_eval.py --only pairs choices       some of them
    python tests/benchmarks/bench_eval.py --rounds 1 --share 0.1     a tenth of the items: to see that it runs

Both sides get the same model (random weights, float32), the same tokenizer and the same texts, and one thread. Measured
is processor time, from the loaded model and a file of items to scores in a file. The peer has the batch size of 8 to
512 that was fastest on the first of the items. The sides take turns, and the least time of the
rounds counts. Each comparison is one JSON line: {"benchmark", "ours", "peer", "unit", "ratio", …}. `off` is the largest
relative difference of a log-likelihood. The exit status is 1 where one is above its limit, or where a verdict (the
better sentence, the best ending, whether a word was the first choice) differs.

    pairs           good and bad sentence, quickstart's model                    lm-eval: simple_evaluate
    pairs_alone     the same, without lm-eval's tasks                            HFLM.loglikelihood
    choices         four endings after 80 tokens, quickstart's model             simple_evaluate
    choices_alone   the same                                                     HFLM.loglikelihood
    pairs_large     as pairs, a GPT-2 of 124 million parameters and 50,257 tokens
    choices_large   as choices, the same model
    cloze           the last word after 40 tokens, quickstart's model            HFLM.loglikelihood
    rolling         documents of several contexts, quickstart's model            HFLM.loglikelihood_rolling
    pseudo          pseudo-log-likelihood, BERT of 4 × 192 and 8,192 words       minicons: MaskedLMScorer
    pseudo_words    its within-word form

The pairs are BLiMP's in the folder that DESDECERO_DATA names; without it, sentences of the documentation of installed
packages and the same with two words exchanged. The tasks are written as those that lm-eval ships for BLiMP and for
HellaSwag, but for the space that the former puts before each sentence: here both sides get the sentence as it is.
Before a context lm-eval has no token that begins a text, unless the tokenizer puts one there: it is written into it.
Identical pairs, which lm-eval counts as right, have no verdict. All other texts are of that documentation, and so is
the vocabulary.
"""

from __future__ import annotations

import argparse
import gzip
import json
import logging
import os
import random
import re
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import torch
from lm_eval import simple_evaluate
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager
from minicons.scorer import MaskedLMScorer
from tokenizers.processors import TemplateProcessing
from transformers import AutoConfig, PreTrainedTokenizerFast

from desdecero.eval_suites.models.interface import LanguageModel
from desdecero.eval_suites.models.load import kind_of
from desdecero.eval_suites.models.masked import Masked
from desdecero.pipelines.corpus.document import Document
from desdecero.pipelines.corpus.sources import installed_docs
from desdecero.pipelines.corpus.sources.extraction import prose
from desdecero.pipelines.recipe import InstalledDocs, Model, Tokenizer, load_recipe
from desdecero.pipelines.tokenizer.training import train
from desdecero.pipelines.training.model.build import build_config, build_model

BATCH_SIZES = (8, 16, 32, 64, 128, 256, 512)
LIMIT = 1e-4
"""Largest relative difference of two log-likelihoods."""
VOCABULARY_TEXT = 3_000_000
"""Characters that vocabularies are learnt from."""

SPECIAL = ("<|", "[MASK]", "[CLS]", "[SEP]", "[PAD]", "[UNK]")
"""Of these, lm-eval makes special tokens where a text holds them; here they are letters like others."""

Scores = list[list[float]]
"""Numbers of each item: log-likelihoods, or a log-likelihood and whether it was the first choice (-2) or not (-1)."""


# --- texts -----------------------------------------------------------------------------------------------------


@cache
def documents() -> list[str]:
    """Documentation of installed packages: `VOCABULARY_TEXT` characters of it."""
    found, size = list[str](), 0
    for item in installed_docs.read(InstalledDocs(kind="installed_docs", requirements_of="desdecero")):
        document = prose(item) if isinstance(item, Document) else None
        if isinstance(document, Document) and not any(token in document.text for token in SPECIAL):
            found.append(document.text)
            size += len(document.text)
        if size > VOCABULARY_TEXT:
            break
    return found


def words_of_documents() -> list[str]:
    return " ".join(documents()).split()


def pairs(number: int) -> list[tuple[str, ...]]:
    """Empty contexts, good and bad sentences: an even sample of BLiMP's paradigms, or made from the documentation."""
    folder = os.environ.get("DESDECERO_DATA")
    if folder and (paths := sorted((Path(folder) / "eval" / "blimp").glob("*.jsonl.gz"))):
        found = []
        for path in paths:
            with gzip.open(path, "rt", encoding="utf-8") as file:
                items = map(json.loads, islice(file, -(-number // len(paths))))
                found += [("", item["sentence_good"], item["sentence_bad"]) for item in items]
        return random.Random(0).sample(found, number)
    draw, found = random.Random(0), []
    for sentence in re.findall(r"[A-Z][a-z]+(?: [a-z]+){5,11}\.", " ".join(documents())):
        words = sentence.split()
        place = draw.randrange(1, len(words) - 2)
        exchanged = [*words[:place], words[place + 1], words[place], *words[place + 2 :]]
        found.append(("", sentence, " ".join(exchanged)))
    return list(islice(found * -(-number // len(found)), number))


def contexts(tokenizer: PreTrainedTokenizerFast, tokens: int, number: int) -> list[str]:
    """Beginnings of documents of about so many tokens, which end where a word does."""
    found = []
    for text in documents():
        encoding = tokenizer(text[: 20 * tokens], add_special_tokens=False).encodings[0]
        # lm-eval gives blanks at the end of a context to what follows.
        ends = [end for _, end in encoding.offsets[tokens - 4 : tokens] if re.match(r"\w \w", text[end - 1 : end + 2])]
        if ends:
            found.append(text[: ends[-1]])
    return list(islice(found * -(-number // len(found)), number))


def choices(tokenizer: PreTrainedTokenizerFast, number: int) -> list[tuple[str, ...]]:
    """A context of 80 tokens and four endings of three to six words."""
    words, draw, found = words_of_documents(), random.Random(0), []
    for context in contexts(tokenizer, 80, number):
        places = [(draw.randrange(len(words) - 6), draw.randint(3, 6)) for _ in range(4)]
        found.append((context, *(" " + " ".join(words[place : place + size]) for place, size in places)))
    return found


def clozes(model: LanguageModel, number: int) -> list[tuple[str, ...]]:
    """A context of 40 tokens and a word; every second word is one that the model takes for the likeliest."""
    words, draw, found = words_of_documents(), random.Random(0), []
    for context in contexts(model.tokenizer, 40, number):
        word = " " + draw.choice(words)
        if len(found) % 2:
            with model.reading():
                logits = model.model(input_ids=torch.tensor([[*model.begin, *model.prompt_ids(context)]])).logits[0, -1]
            word = model.decode([int(logits.argmax())])
            # Nor does it notice where the context's tokens change as another follows.
            if word.isspace() or model.prompt_ids(context + word)[:-1] != model.prompt_ids(context):
                continue
        found.append((context, word))
    return found


# --- models ----------------------------------------------------------------------------------------------------


@cache
def quickstart() -> LanguageModel:
    """A model of the shape of the recipe `quickstart`, and a tokenizer of its kind and size."""
    recipe = load_recipe("quickstart")
    return built(recipe.model, train(recipe.tokenizer, documents()))


@cache
def large() -> LanguageModel:
    """GPT-2 of 124 million parameters, whose tokens are the first of its 50,257."""
    torch.manual_seed(0)
    tokenizer = quickstart().tokenizer
    return kind_of("gpt2")(build_model(AutoConfig.for_model("gpt2")).eval(), tokenizer)


@cache
def bert() -> LanguageModel:
    """BERT of 4 layers of width 192, and 8,192 words; a text stands between [CLS] and [SEP], as minicons wants it."""
    settings = Tokenizer(kind="wordpiece", vocab_size=8192, lowercase=True, special_tokens=("[CLS]",))
    tokenizer = train(settings, documents())
    frame = [(token, tokenizer.convert_tokens_to_ids(token)) for token in ("[CLS]", "[SEP]")]
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=frame)
    tokenizer.add_special_tokens({"cls_token": "[CLS]", "sep_token": "[SEP]"})
    return built(Model(architecture="bert", layers=4, hidden_size=192, heads=3, context_length=128), tokenizer)


def built(settings: Model, tokenizer: PreTrainedTokenizerFast) -> LanguageModel:
    torch.manual_seed(0)
    return kind_of(settings.architecture)(build_model(build_config(settings, tokenizer)).eval(), tokenizer)


# --- the sides -------------------------------------------------------------------------------------------------


def anew(model: LanguageModel) -> LanguageModel:
    """The model as it is loaded: what it found out about itself is forgotten."""
    return type(model)(model.model, model.tokenizer)


def ours(model: LanguageModel, items: Sequence[Sequence[str]], greedy: bool = False) -> Scores:
    """Scores of a context and its continuations; with `greedy`, of one, and whether it was the first choice."""
    found = anew(model).score(
        [item[0] for item in items for _ in item[1:]], [end for item in items for end in item[1:]]
    )
    if greedy:
        return [[score, -1.0 - hit] for score, hit in zip(found.log_likelihood, found.greedy, strict=True)]
    scores = iter(found.log_likelihood.tolist())
    return [list(islice(scores, len(item) - 1)) for item in items]


def begun(model: LanguageModel, context: str) -> str:
    """The context for lm-eval, which begins a text with a token only where the context is empty."""
    return context and model.decode(model.begin) + context


def loglikelihood(model: LanguageModel, size: int, items: Sequence[Sequence[str]], greedy: bool = False) -> Scores:
    """Scores by lm-eval's model, without its tasks."""
    peer = HFLM(pretrained=model.model, tokenizer=model.tokenizer, device="cpu", batch_size=size)
    asked = [(begun(model, item[0]), end) for item in items for end in item[1:]]
    found = iter(peer.loglikelihood(requests("loglikelihood", asked), disable_tqdm=True))
    if greedy:
        return [[score, -1.0 - hit] for score, hit in found]
    return [[score for score, _ in islice(found, len(item) - 1)] for item in items]


TASK = """
task: bench
dataset_path: json
dataset_kwargs: {{data_files: {{test: {data}}}}}
output_type: multiple_choice
test_split: test
num_fewshot: 0
target_delimiter: ""
doc_to_target: 0
metric_list: [{{metric: acc}}]
"""
FORMS = {
    "pairs": """
doc_to_text: ""
doc_to_choice: "{{[sentence_good, sentence_bad]}}"
""",
    "choices": """
doc_to_text: "{{begun}}"
doc_to_choice: choices
""",
}


class Task:
    """Items in a file, and a task of lm-eval that reads them."""

    def __init__(self, form: str, folder: Path, model: LanguageModel, items: Sequence[Sequence[str]]):
        self.form, self.folder, self.data = form, folder, folder / "items.jsonl"
        with self.data.open("w") as file:
            for context, *ends in items:
                pair = {"sentence_good": ends[0], "sentence_bad": ends[1]}
                choice = {"query": context, "begun": begun(model, context), "choices": ends}
                file.write(json.dumps(pair if form == "pairs" else choice) + "\n")
        (folder / "bench.yaml").write_text(TASK.format(data=self.data) + FORMS[form])

    def ours(self, model: LanguageModel, items: Sequence[Sequence[str]]) -> Scores:
        read = list[list[str]]()
        with self.data.open() as file:
            for item in map(json.loads, islice(file, len(items))):
                if self.form == "pairs":
                    read.append(["", item["sentence_good"], item["sentence_bad"]])
                else:
                    read.append([item["query"], *item["choices"]])
        return ours(model, read)

    def peer(self, model: LanguageModel, size: int, items: Sequence[Sequence[str]]) -> Scores:
        found = simple_evaluate(
            HFLM(pretrained=model.model, tokenizer=model.tokenizer, device="cpu", batch_size=size),
            tasks=["bench"], limit=len(items), verbosity="ERROR",
            task_manager=TaskManager(include_path=str(self.folder), include_defaults=False),
        )  # fmt: skip
        samples = sorted(found["samples"]["bench"], key=lambda sample: sample["doc_id"])
        return [[score for score, _ in sample["filtered_resps"]] for sample in samples]


def our_documents(model: LanguageModel, items: Sequence[Sequence[str]]) -> Scores:
    return [[-found.nll] for found in anew(model).score_documents([text for (text,) in items], overlap=0.0)]


def rolling(model: LanguageModel, size: int, items: Sequence[Sequence[str]]) -> Scores:
    peer = HFLM(pretrained=model.model, tokenizer=model.tokenizer, device="cpu", batch_size=size)
    return [[score] for score in peer.loglikelihood_rolling(requests("loglikelihood_rolling", items), True)]


def requests(kind: Any, arguments: Sequence[Sequence[str]]) -> list[Instance]:
    return [Instance(request_type=kind, doc={}, arguments=tuple(each), idx=0) for each in arguments]


def our_pseudo(model: LanguageModel, items: Sequence[Sequence[str]], within_words: bool) -> Scores:
    mine = anew(model)
    assert isinstance(mine, Masked)
    mine.within_words = within_words
    texts = [text for (text,) in items]
    return [[score] for score in mine.log_likelihood([""] * len(texts), texts).tolist()]


class OfOldTimes:
    """A tokenizer with the method that minicons calls and that transformers 5 no longer has."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        self._tokenizer = tokenizer

    def __getattr__(self, name: str) -> Any:
        return self._tokenizer if name == "batch_encode_plus" else getattr(self._tokenizer, name)


def minicons(model: LanguageModel, size: int, items: Sequence[Sequence[str]], form: str) -> Scores:
    """Scores by minicons, in batches in the order of the items, as its documentation has it."""
    peer = MaskedLMScorer(model.model, device="cpu", tokenizer=OfOldTimes(model.tokenizer))
    texts, found = [text for (text,) in items], list[float]()
    for start in range(0, len(texts), size):
        batch = texts[start : start + size]
        found += peer.sequence_score(batch, lambda each: each.sum(0).item(), PLL_metric=form)
    return [[score] for score in found]


# --- comparisons -----------------------------------------------------------------------------------------------


def timed(
    folder: Path, score: Callable[[Sequence[Sequence[str]]], Scores], items: Sequence[Sequence[str]]
) -> tuple[float, Scores]:
    """Processor seconds until the scores of all items are in a file, and the scores."""
    began = time.process_time()
    scores = score(items)
    with (folder / "scores.jsonl").open("w") as file:
        file.writelines(json.dumps({"scores": each}) + "\n" for each in scores)
    return time.process_time() - began, scores


def compare(
    benchmark: str,
    unit: str,
    items: Sequence[Sequence[str]],
    own: Callable[[Sequence[Sequence[str]]], Scores],
    peer: Callable[[int, Sequence[Sequence[str]]], Scores],
    *,
    trial: int,
    rounds: int,
    verdicts: Callable[[Scores], list[object]] = lambda _: [],
    limit: float = LIMIT,
) -> bool:
    """Print the line of a comparison; return whether log-likelihoods and verdicts agree.

    `trial` is the number of items on which the peer's batch size is chosen.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        timed(folder, partial(peer, BATCH_SIZES[0]), items[:8]), timed(folder, own, items[:8])  # to be warm
        tried = {size: timed(folder, partial(peer, size), items[:trial])[0] for size in BATCH_SIZES}
        best = min(tried, key=tried.__getitem__)
        mine, theirs = list[float](), list[float]()
        for _ in range(rounds):
            seconds, ours_found = timed(folder, own, items)
            mine.append(seconds)
            seconds, peer_found = timed(folder, partial(peer, best), items)
            theirs.append(seconds)
    one, other = (np.array(found) for found in (ours_found, peer_found))
    off = float(np.max(np.abs(one - other) / np.maximum(np.abs(other), 1e-9)))
    differ = [i for i, (a, b) in enumerate(zip(verdicts(ours_found), verdicts(peer_found), strict=True)) if a != b]
    differ = [i for i in differ if len(set(items[i])) == len(items[i])]  # identical texts have no verdict
    fine = off <= limit and not differ
    print(json.dumps({
        "benchmark": benchmark, "ours": len(items) / min(mine), "peer": len(items) / min(theirs), "unit": unit,
        "ratio": min(theirs) / min(mine), "items": len(items), "batch_size": best, "off": off,
        "other_verdicts": len(differ), "fine": fine, "seconds": [mine, theirs],
    }))  # fmt: skip
    sys.stdout.flush()
    return fine


def best_ending(scores: Scores) -> list[object]:
    """Index of the likeliest of each item's texts."""
    return [int(np.argmax(each)) for each in scores]


def first_choices(scores: Scores) -> list[object]:
    """Whether each item's word was the first choice."""
    return [hit for _, hit in scores]


def compare_task(form: str, name: str, model: LanguageModel, items: Sequence[Sequence[str]], **how: Any) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HF_DATASETS_CACHE"] = datasets.config.HF_DATASETS_CACHE = folder
        task = Task(form, Path(folder), model, items)
        own, peer = partial(task.ours, model), partial(task.peer, model)
        return compare(name, "items a second", items, own, peer, verdicts=best_ending, **how)


def compare_alone(name: str, model: LanguageModel, items: Sequence[Sequence[str]], **how: Any) -> bool:
    own, peer = partial(ours, model), partial(loglikelihood, model)
    return compare(name, "items a second", items, own, peer, verdicts=best_ending, **how)


def compare_cloze(name: str, model: LanguageModel, number: int, **how: Any) -> bool:
    own, peer = partial(ours, model, greedy=True), partial(loglikelihood, model, greedy=True)
    return compare(name, "items a second", clozes(model, number), own, peer, verdicts=first_choices, **how)


def compare_rolling(name: str, model: LanguageModel, number: int, **how: Any) -> bool:
    items = [(text[:2000],) for text in documents() if len(text) > 500][:number]
    return compare(name, "documents a second", items, partial(our_documents, model), partial(rolling, model), **how)


def compare_pseudo(name: str, model: LanguageModel, number: int, form: str, **how: Any) -> bool:
    items = [(sentence,) for _, sentence, _ in pairs(number)]
    own, peer = partial(our_pseudo, model, within_words=form != "original"), partial(minicons, model, form=form)
    return compare(name, "sentences a second", items, own, peer, **how)


COMPARISONS: dict[str, Callable[[float, int], bool]] = {
    "pairs": lambda share, rounds: compare_task(
        "pairs", "BLiMP pairs, quickstart", quickstart(), pairs(int(10_000 * share)), trial=500, rounds=rounds
    ),
    "pairs_alone": lambda share, rounds: compare_alone(
        "the same, HFLM alone", quickstart(), pairs(int(10_000 * share)), trial=500, rounds=rounds
    ),
    "choices": lambda share, rounds: compare_task(
        "choices", "four endings after 80 tokens, quickstart", quickstart(),
        choices(quickstart().tokenizer, int(1000 * share)), trial=200, rounds=rounds,
    ),
    "choices_alone": lambda share, rounds: compare_alone(
        "the same, HFLM alone", quickstart(),
        choices(quickstart().tokenizer, int(1000 * share)), trial=200, rounds=rounds,
    ),
    "pairs_large": lambda share, rounds: compare_task(
        "pairs", "BLiMP pairs, GPT-2 of 124M", large(), pairs(int(200 * share)), trial=64, rounds=rounds
    ),
    "choices_large": lambda share, rounds: compare_task(
        "choices", "four endings after 80 tokens, GPT-2 of 124M", large(),
        choices(large().tokenizer, int(40 * share)), trial=16, rounds=rounds,
    ),
    "cloze": lambda share, rounds: compare_cloze(
        "cloze, quickstart", quickstart(), int(1000 * share), trial=300, rounds=rounds
    ),
    "rolling": lambda share, rounds: compare_rolling(
        "rolling text, quickstart", quickstart(), int(200 * share), trial=50, rounds=rounds, limit=1e-6
    ),
    "pseudo": lambda share, rounds: compare_pseudo(
        "pseudo-log-likelihood, BERT of 4 × 192", bert(), int(1000 * share), "original", trial=300, rounds=rounds
    ),
    "pseudo_words": lambda share, rounds: compare_pseudo(
        "the same within words", bert(), int(1000 * share), "within_word_l2r", trial=300, rounds=rounds
    ),
}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=COMPARISONS, default=list(COMPARISONS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--share", type=float, default=1.0, help="of the items")
    args = parser.parse_args()
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    os.environ["TQDM_DISABLE"] = "1"
    torch.set_num_threads(1)
    datasets.disable_progress_bars()
    logging.disable(logging.WARNING)  # lm-eval advises against models that are already loaded
    fine = [COMPARISONS[name](args.share, args.rounds) for name in args.only]
    return int(not all(fine))


if __name__ == "__main__":
    sys.exit(main())
