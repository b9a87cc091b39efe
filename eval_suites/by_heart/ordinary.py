"""How much of what a model writes after ordinary prompts stands word for word in its training text.

    found, lines = measure_ordinary(model, held_out, index.longest, licenses, confidence=0.95, seed=0)

Extraction asks with the training text itself, which few people have. Here the model goes on after the beginnings of
held-out documents, drawn as people draw (temperature 0.8 among the 50 likeliest), and its tokens are looked up: what
lies in a run of 32 or more that stands in the training tokens counts as copied. The documents' own next tokens are
looked up too: people write what stands elsewhere as well, a licence's text above all. So do Aerni et al. 2024,
"Measuring Non-Adversarial Reproduction of Training Data in Large Language Models", with runs of 50 characters.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from desdecero.eval_suites.by_heart.passages import Passage
from desdecero.eval_suites.by_heart.results import Extracted, LicenseCopied, NotMeasured, OrdinaryResult
from desdecero.eval_suites.by_heart.shares import extracted, of_interval
from desdecero.eval_suites.models.decoding import TEMPERATURE, TOP_K, Decoding
from desdecero.eval_suites.models.interface import LanguageModel
from desdecero.eval_suites.statistics import ratio_spread

LEAST = 32
PROMPT, WRITTEN = 32, 128
"""Tokens of a prompt, and the most that the model writes: some hundred words, a paragraph."""
LEAST_PROMPTS = 30

Longest = Callable[[Sequence[int]], Sequence[int]]
"""For each token, how many from it on stand together in the training tokens."""
LicensesOf = Callable[[Sequence[int]], Sequence[str | None]]
"""Licences of training documents that some tokens stand in; None for one of which nothing is known."""
UNKNOWN = "LicenseRef-unknown"


def measure_ordinary(
    model: LanguageModel,
    held_out: Sequence[Passage],
    longest: Longest,
    licenses: LicensesOf,
    confidence: float = 0.95,
    seed: int = 0,
) -> tuple[OrdinaryResult, list[dict[str, Any]]]:
    """Return how much the model copies, and a line for each prompt.

    held_out: beginnings of held-out documents of 32 tokens or more; what comes after 32 is compared with what the model
    writes

    Runs are looked for within what is written: one that begins in the prompt counts from there on.
    """
    some = [passage for passage in held_out if len(passage.tokens) >= PROMPT]
    written_tokens = min(WRITTEN, model.context_length - len(model.begin) - PROMPT)
    reason: NotMeasured | None = None
    if model.objective != "causal":
        reason = "not_causal"
    elif written_tokens < LEAST:
        reason = "context_too_short"
    elif len(some) < LEAST_PROMPTS:
        reason = "too_few_passages"
    if reason:
        return _nothing(confidence, reason), []
    decoding = Decoding(written_tokens, TEMPERATURE, TOP_K)
    answers = model.generate([model.decode(passage.tokens[:PROMPT]) for passage in some], decoding, seed)
    written = [answer.written[0] for answer in answers]
    runs = [copied_runs(longest(tokens)) if tokens else [] for tokens in written]
    theirs = [passage.tokens[PROMPT : PROMPT + written_tokens] for passage in some]
    documents, copied = [passage.document for passage in some], [sum(size for _, size in each) for each in runs]
    by_license, lines = Counter[str](), list[dict[str, Any]]()
    for passage, tokens, places, size in zip(some, written, runs, copied, strict=True):
        here = Counter[str]()
        for start, length in places:
            for name in {each or UNKNOWN for each in licenses(tokens[start : start + length])}:
                here[name] += length
        by_license.update(here)
        lines.append(
            {
                "document": passage.document,
                "written": len(tokens),
                "copied": size,
                "licenses": dict(sorted(here.items())),
            }
        )
    total = sum(map(len, written))
    result = OrdinaryResult(
        least=LEAST,
        confidence=confidence,
        written=total,
        prompts=extracted([size > 0 for size in copied], documents, confidence),
        tokens=_of_tokens(copied, [len(tokens) for tokens in written], documents, confidence),
        held_out=_of_tokens(
            [sum(size for _, size in copied_runs(longest(tokens))) if tokens else 0 for tokens in theirs],
            [len(tokens) for tokens in theirs],
            documents,
            confidence,
        ),
        licenses=[
            LicenseCopied(license=name, tokens=count, share_tokens=count / total)
            for name, count in sorted(by_license.items(), key=lambda item: (-item[1], item[0]))
        ],
        not_measured=None,
    )
    return result, lines


def copied_runs(longest: Sequence[int], least: int = LEAST) -> list[tuple[int, int]]:
    """Return (first token, tokens) of the parts of a text that lie in runs of at least `least` tokens.

    longest: for each token, how many from it on stand together. Parts do not overlap: a token counts once.
    """
    parts, reached = list[tuple[int, int]](), 0
    for start, length in enumerate(longest):
        if length >= least and start + length > reached:
            first = max(start, reached)
            parts.append((first, start + length - first))
            reached = start + length
    return parts


def _of_tokens(
    copied: Sequence[int], written: Sequence[int], documents: Sequence[str], confidence: float
) -> Extracted | None:
    """Return copied tokens of all written ones, with an interval over documents; None where nothing is written."""
    if not sum(written):
        return None
    spread = ratio_spread(copied, written, documents)
    return of_interval(sum(copied), sum(written), spread.share(confidence))


def _nothing(confidence: float, reason: NotMeasured) -> OrdinaryResult:
    return OrdinaryResult(
        least=LEAST, confidence=confidence, written=0, prompts=None, tokens=None, held_out=None, licenses=[],
        not_measured=reason,
    )  # fmt: skip
