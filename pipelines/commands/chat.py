"""Converse with the model of a run in the terminal.

    desdecero chat quickstart --adapter helper
    desdecero chat quickstart --adapter helper --system "Answer in one sentence." --temperature 0
    echo "What is a mode?" | desdecero chat quickstart --adapter helper

A line is a message. `/reset` begins a new conversation, `/exit` or the end of the input ends the command, and Ctrl-C
stops an answer. The model reads what was said before as far as its context goes: the earliest turns are lost first, the
system message never. An adapter of task chat was trained on conversations; without `--adapter` the base answers, if its
tokenizer has a chat template.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from io import TextIOWrapper
from typing import TextIO

from desdecero.eval_suites.models.chat import JOINER, Messages
from desdecero.eval_suites.models.decoding import TEMPERATURE, TOP_K, Decoding
from desdecero.eval_suites.models.interface import LanguageModel
from desdecero.model_cards.words import Language, reader_language, say
from desdecero.pipelines.commands.writing import add_writing_options, answer_length, check_writing_options
from desdecero.pipelines.common.command_line import Arguments
from desdecero.pipelines.common.errors import EXIT_OK, UserError, printable
from desdecero.pipelines.evaluation.models import NamedModel
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.run_dir import RunDir, find_run


def load_for_chat(run: RunDir, recipe: Recipe, adapter: str | None) -> LanguageModel:
    """Load a run's model, or the one that an adapter was merged into.

    Raises `UserError` for one that is not there, or that cannot hold a conversation.
    """
    if adapter is not None and adapter not in recipe.adapters:
        known = f"it has {', '.join(recipe.adapters)}" if recipe.adapters else "it has none"
        raise UserError(f"{run}: no adapter {adapter!r} ({known}): add it with `desdecero finetune {run} --data …`")
    folder = run.model_with(adapter)
    if not (folder / "config.json").is_file():
        make = f"desdecero run {run.recipe_file}" + (" --until pretrain" if adapter is None else "")
        raise UserError(f"{folder}: no model there yet; make it with `{make}`")
    name = str(run) if adapter is None else f"{run}, adapter {adapter}"
    model = NamedModel(name, folder).load()
    if not model.writes:
        raise UserError(f"{name}: a {recipe.model.architecture} fills gaps and writes no text: converse with another")
    if model.tokenizer.chat_template is None:
        other = "train an adapter of task chat, and name it with --adapter" if adapter is None else "name another one"
        raise UserError(f"{name}: it was trained on no conversations, and has no chat template: {other}")
    return model


def converse(
    model: LanguageModel, lines: Iterator[str], out: TextIO, system: str | None, decoding: Decoding, seed: int,
    language: Language,
) -> None:  # fmt: skip
    """Answer each line of a conversation, until `/exit` or the last one. The numbers drawn start from `seed` plus the
    number of answers so far."""
    beginning: Messages = [] if system is None else [{"role": "system", "content": system}]
    said, answers, told = [*beginning], 0, False
    for line in lines:
        match line.strip():
            case "":
                continue
            case "/exit":
                return
            case "/reset":
                said, told = [*beginning], False
                print(say(language, "chat.reset"), file=out, flush=True)
                continue
        said.append({"role": "user", "content": line.strip()})
        answer, left_out = _answer(model, said, out, decoding, seed + answers)
        said.append({"role": "assistant", "content": answer})
        answers += 1
        if left_out and not told:
            print(say(language, "chat.left_out"), file=out, flush=True)
            told = True


def _answer(model: LanguageModel, messages: Messages, out: TextIO, decoding: Decoding, seed: int) -> tuple[str, bool]:
    """Write an answer as it comes; return its text, and whether a part of the conversation was left out for it."""
    text, left_out = "", False
    try:
        for part in model.stream_reply(messages, decoding, seed):
            out.write(shown(part.text[len(text) :]))
            out.flush()
            text, left_out = part.text, part.left_out > 0
    except KeyboardInterrupt:
        out.write(" …")
    except ValueError as error:
        raise UserError(f"no answer is possible: {error}") from None
    print(file=out, flush=True)
    return text, left_out


def shown(text: str) -> str:
    """Return a part of an answer as a terminal may show it."""
    lines = text.replace(JOINER, "").split("\n")
    return "\n".join("\t".join(map(printable, line.split("\t"))) for line in lines)


def _typed(out: TextIO) -> Iterator[str]:
    """Yield the lines of standard input; a person is shown a mark where to type."""
    person = sys.stdin.isatty()
    while True:
        if person:
            out.write("> ")
            out.flush()
        line = sys.stdin.readline()
        if not line:
            if person:
                print(file=out)
            return
        yield line


def main(argv: list[str]) -> int:
    """Run `desdecero chat`."""
    parser = Arguments("chat", __doc__)
    parser.add_run()
    parser.add_argument("--adapter", metavar="NAME", help="an adapter of the run (default: the base)")
    parser.add_argument("--system", metavar="TEXT", help="a message of the system, before the conversation")
    add_writing_options(parser, TEMPERATURE, "an answer")
    arguments = parser.parse_args(argv)
    check_writing_options(arguments)
    if arguments.system is not None and not arguments.system.strip():
        raise UserError("--system is empty: write a message, or leave it out")
    run = find_run(arguments.run)
    recipe = run.recipe()
    model = load_for_chat(run, recipe, arguments.adapter)
    longest = answer_length(arguments, model.context_length)
    language = reader_language(recipe.languages, None)
    if sys.stdin.isatty():
        print(say(language, "chat.how"))
    if isinstance(sys.stdin, TextIOWrapper):  # what is no UTF-8 must not end the conversation
        sys.stdin.reconfigure(encoding="utf-8", errors="replace")
    decoding = Decoding(longest, arguments.temperature, TOP_K)
    converse(model, _typed(sys.stdout), sys.stdout, arguments.system, decoding, arguments.seed, language)
    return EXIT_OK
