"""Answer a file of texts with an adapter of a run: labels with probabilities, labelled spans, or text.

    desdecero predict quickstart support tickets.csv --out answers.jsonl
    desdecero predict quickstart tickets.csv                      where the run has one adapter; JSONL is printed
    desdecero predict quickstart health notes/ --out spans.parquet

INPUT is a JSONL, CSV, TSV or Parquet file, or plain text (.txt, .md: each file is one text), or a folder of either. Its
columns have the names that they had in the adapter's own data, unless --text and --text-b say otherwise. Of each record
is written, by the adapter's task, to a JSONL, CSV, TSV or Parquet file:

    classification   its columns, `label`, `probability`, and `probabilities` by label; where a text may have several
                     labels, `labels` and `probabilities`
    tokens           its columns, and `spans`: [{start, end, label, probability}], in characters
    text, chat       `prompt` (or `messages`), its other columns, and the `text` that the model wrote; a model that
                     fills gaps, `[MASK]`, gives the prompt with its gaps filled

A column of the input that has the name of an answer is kept as `given_<name>`. The whole input is checked before the
model is loaded; it may be larger than the memory.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from desdecero.eval_suites.models.decoding import TOP_K, Decoding
from desdecero.eval_suites.models.interface import LanguageModel
from desdecero.eval_suites.models.labelled import Classifier, Tagger, load_labelled
from desdecero.eval_suites.models.load import load
from desdecero.eval_suites.models.prompts import GAP
from desdecero.pipelines.commands.writing import add_writing_options, answer_length, check_writing_options
from desdecero.pipelines.common.command_line import Arguments
from desdecero.pipelines.common.errors import EXIT_OK, UserError
from desdecero.pipelines.common.local_paths import local_path
from desdecero.pipelines.common.progress import progress
from desdecero.pipelines.finetuning.answer_files import Answer, check_out, write_answers, write_lines
from desdecero.pipelines.finetuning.questions import Question, read_questions
from desdecero.pipelines.finetuning.reading import Columns, columns_of
from desdecero.pipelines.recipe import Finetune, Recipe
from desdecero.pipelines.recipe.finetune_data import FinetuneData
from desdecero.pipelines.run.reports import FinetuneReport
from desdecero.pipelines.run.run_dir import RunDir, find_run
from desdecero.pipelines.run.stages import stage_name
from desdecero.pipelines.verification.files import model_faults

TOGETHER = 256
"""Texts that labels are given to at a time: enough for batches of texts of a length. A text is written at a time."""
DIGITS = 6
"""Decimals of a probability: those of a float32."""

Predict = Callable[[Sequence[Question], int], Iterator[dict[str, Any]]]
"""The answers to some questions, of which the first is that number of the input."""


# --- the adapter -------------------------------------------------------------------------------------------------


def find_adapter(run: RunDir, recipe: Recipe, name: str | None) -> str:
    """Return the name of an adapter whose model is as it was sealed; the only one for None. Raises `UserError`."""
    known = list(recipe.adapters)
    if name is None:
        if len(known) > 1:
            raise UserError(f"{run} has several adapters: name one before the input: {', '.join(known)}")
        name = next(iter(known), None)
    if name is None or name not in known:
        what = f"no adapter {name!r} (it has {', '.join(known)})" if known else "no adapters"
        raise UserError(f"{run}: {what}: add one with `desdecero finetune {run} --data …`")
    if run.seal(stage_name("finetune", name), recipe) is None:
        raise UserError(f"{run}: the adapter {name} is not trained: make it with `desdecero finetune {run} {name}`")
    if faults := model_faults(run, recipe, name):
        raise UserError(f"{run.model_with(name)} is not as it was sealed ({faults[0]}): see `desdecero verify {run}`")
    return name


def columns_for(section: Finetune, text: str | None, text_b: str | None) -> Columns:
    """Return the columns of an adapter's fields: those of its own data, or as they are named now."""
    data = section.data or FinetuneData(train=".")
    columns = dict(columns_of(section.task, data))
    if text is not None:
        columns["prompt" if section.task == "chat" else "text"] = text
        columns |= {"messages": text} if section.task == "chat" else {}
    if text_b is not None:
        if section.task != "classification":
            raise UserError(f"--text-b is for pairs of texts to classify, and the adapter is of task {section.task}")
        columns["text_b"] = text_b
    return columns


# --- answers -----------------------------------------------------------------------------------------------------


def labels_of(model: Classifier, questions: Sequence[Question], first: int) -> Iterator[dict[str, Any]]:  # noqa: ARG001
    """Yield the label, or labels, of each text, with the probabilities of all."""
    second = [question.text_b for question in questions]
    found = model.probabilities([question.text for question in questions], second if any(second) else None)
    for question, chosen, row in zip(questions, model.chosen(found), found.round(DIGITS).tolist(), strict=True):
        by_label = dict(zip(model.labels, row, strict=True))
        own = {"labels": list(chosen)} if model.several else {"label": chosen[0], "probability": by_label[chosen[0]]}
        yield _beside(question.values, {**own, "probabilities": by_label})


def spans_of(model: Tagger, questions: Sequence[Question], first: int) -> Iterator[dict[str, Any]]:  # noqa: ARG001
    """Yield the spans of each text."""
    found = model.spans([question.text for question in questions])
    for question, spans in zip(questions, found, strict=True):
        rounded = [{**asdict(span), "probability": round(span.probability, DIGITS)} for span in spans]
        yield _beside(question.values, {"spans": rounded})


def texts_of(
    model: LanguageModel, chat: bool, decoding: Decoding, seed: int, questions: Sequence[Question], first: int
) -> Iterator[dict[str, Any]]:
    """Yield what the model writes after each prompt or conversation; its random numbers start from the seed plus the
    question's number."""
    for number, question in enumerate(questions, start=first):
        try:
            text = _written(model, question, chat, decoding, seed + number)
        except ValueError as error:
            raise UserError(f"{question.place}: {error}") from None
        content = question.values[question.column]
        asked = "prompt" if isinstance(content, str) else "messages"
        others = {column: value for column, value in question.values.items() if column != question.column}
        yield {asked: content, **_beside(others, {"text": text}, taken=(asked,))}


def _written(model: LanguageModel, question: Question, chat: bool, decoding: Decoding, seed: int) -> str:
    if chat:
        messages = [{"role": message.role, "content": message.content} for message in question.messages]
        (answer,) = model.reply([messages], decoding, seed)
    elif not model.writes or (model.fills_gaps and GAP in question.text):
        (answer,) = model.fill([question.text], decoding, seed)
        return model.decode(answer.ids, skip_special_tokens=True)
    else:
        (answer,) = model.generate([question.text], decoding, seed)
    return model.decode(answer.written[0], skip_special_tokens=True)


def _beside(values: Mapping[str, Any], own: dict[str, Any], taken: Sequence[str] = ()) -> dict[str, Any]:
    """Return an answer after the columns of its record, which make way for it."""
    return {f"given_{key}" if key in own or key in taken else key: value for key, value in values.items()} | own


def answered(questions: Iterable[Question], predict: Predict, together: int) -> Iterator[list[Answer]]:
    """Yield the answers to all questions, some at a time."""
    waiting, first = iter(questions), 0
    while some := list(islice(waiting, together)):
        yield list(predict(some, first))
        first += len(some)


# --- the command -------------------------------------------------------------------------------------------------


def main(argv: list[str]) -> int:
    """Run `desdecero predict`."""
    arguments = _arguments(argv)
    path, out = Path(local_path(arguments.input)), arguments.out and Path(local_path(arguments.out))
    if out:
        check_out(out, path)
    run = find_run(arguments.run)
    recipe = run.recipe()
    name = find_adapter(run, recipe, arguments.name)
    report = run.report(stage_name("finetune", name), recipe)
    assert isinstance(report, FinetuneReport)
    try:
        columns = columns_for(recipe.adapters[name], arguments.text, arguments.text_b)

        def questions() -> Iterator[Question]:
            return read_questions(report.task, path, columns)

        total = sum(1 for _ in progress(questions(), title="predict: input", unit="text"))
        predict = _load(run.model_with(name), report, arguments)
        labels = report.task in ("classification", "tokens")
        bar = progress(questions(), title=f"predict: {name}", unit="text", total=total)
        answers = answered(bar, predict, arguments.batch if labels else 1)
        if out:
            write_answers(answers, out)
        else:
            write_lines(answers, sys.stdout)
    except ValueError as error:
        raise UserError(str(error)) from None
    if out:
        print(f"{out}: {total:,} {'answer' if total == 1 else 'answers'}")
    return EXIT_OK


def _load(folder: Path, report: FinetuneReport, arguments: argparse.Namespace) -> Predict:
    """Return what answers questions with the model in a folder."""
    if report.task in ("classification", "tokens"):
        labelled = load_labelled(folder)
        return partial(labels_of, labelled) if isinstance(labelled, Classifier) else partial(spans_of, labelled)
    model = load(folder)
    tokens = answer_length(arguments, model.context_length)
    decoding = Decoding(tokens, arguments.temperature, TOP_K if arguments.temperature else 0)
    return partial(texts_of, model, report.task == "chat", decoding, arguments.seed)


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = Arguments("predict", __doc__)
    parser.add_run()
    parser.add_argument("name", nargs="?", help="an adapter of the run; may be left out where it has one")
    parser.add_argument("input", help="a file of texts, or a folder of such files")
    parser.add_argument("--out", metavar="FILE", help="a .jsonl, .csv, .tsv or .parquet file (default: print JSONL)")
    parser.add_argument("--text", metavar="COLUMN", help="of the text, prompt or messages (default: as in training)")
    parser.add_argument("--text-b", metavar="COLUMN", help="of the second text of a pair (default: as in training)")
    parser.add_argument(
        "--batch", type=int, default=TOGETHER, metavar="N",
        help=f"texts that labels are given to at a time (default: {TOGETHER})",
    )  # fmt: skip
    add_writing_options(parser, 0.0, "a written text")
    arguments = parser.parse_intermixed_args(argv)
    check_writing_options(arguments)
    if arguments.batch < 1:
        raise UserError(f"--batch {arguments.batch}: give a number from 1 on")
    return arguments
