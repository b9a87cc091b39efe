"""A conversation in the terminal: each line is answered with what was said before in view."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
import torch
from helpers import desdecero
from small_models import random_model, reading

from desdecero.eval_suites.models.decoding import Decoding
from desdecero.eval_suites.models.interface import LanguageModel
from desdecero.eval_suites.models.load import load
from desdecero.model_cards.words import say
from desdecero.pipelines.commands.chat import converse, main, shown
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.recipe import Chat
from desdecero.pipelines.tokenizer.chat import add_chat

RECIPE = """
name: tiny
purpose: To converse.
languages: [es, en]
corpus:
  sources: [{kind: files, path: /texts}]
  domain: {name: helper, where: {path: "*"}}
model: {architecture: ARCHITECTURE, layers: 2, hidden_size: 32, heads: 2, context_length: 96}
pretrain: {budget: {steps: 40}}
finetune: {}
"""
HOW = Decoding(12, temperature=0.8, top_k=50)


def save(folder: Path, architecture: str, chat: bool) -> None:
    model, tokenizer = random_model(architecture, context_length=96), copy.deepcopy(reading(architecture))
    if chat:
        add_chat(tokenizer, Chat())
        torch.manual_seed(0)
        model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base that knows no conversations, and an adapter, as merged into it, that does."""
    folder = tmp_path_factory.mktemp("chat") / "run"
    save(folder / "model", "llama", chat=False)
    save(folder / "adapters/helper/merged", "llama", chat=True)
    (folder / "recipe.yaml").write_text(RECIPE.replace("ARCHITECTURE", "llama"))
    return folder


@pytest.fixture(scope="module")
def model(run: Path) -> LanguageModel:
    return load(run / "adapters/helper/merged")


def said(model: LanguageModel, *lines: str, system: str | None = None, how: Decoding = HOW) -> list[str]:
    """What is printed after each line that another one is asked for after."""
    out, printed = StringIO(), list[str]()

    def typed() -> Iterator[str]:
        for line in lines:
            before = out.tell()
            yield line + "\n"
            printed.append(out.getvalue()[before:])

    converse(model, typed(), out, system, how, 3, "en")
    assert out.getvalue() == "".join(printed)
    return printed


def answer(model: LanguageModel, messages: list[dict[str, str]], seed: int) -> str:
    *_, last = model.stream_reply(messages, HOW, seed)
    return last.text


def message(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def test_each_line_is_answered_with_what_was_said_before_in_view(model: LanguageModel) -> None:
    messages = [message("system", "Be brief."), message("user", "Return the list.")]
    first = answer(model, messages, seed=3)
    second = answer(model, [*messages, message("assistant", first), message("user", "And it?")], seed=4)
    assert second != answer(model, [messages[0], message("user", "And it?")], seed=4)  # the history makes a difference
    printed = said(model, "Return the list.", "  ", "And it?", system="Be brief.")
    assert printed == [f"{shown(first)}\n", "", f"{shown(second)}\n"]


def test_reset_forgets_all_but_the_system_message_and_exit_ends(model: LanguageModel) -> None:
    fresh = answer(model, [message("system", "Be brief."), message("user", "And it?")], seed=4)
    printed = said(model, "Return the list.", "/reset", "And it?", "/exit", "More?", system="Be brief.")
    assert printed[1:] == [say("en", "chat.reset") + "\n", f"{shown(fresh)}\n"]


def test_a_long_conversation_goes_on_and_says_once_that_its_beginning_is_left_out(model: LanguageModel) -> None:
    printed = said(model, *["Return the first value of the list."] * 6, how=Decoding(20, 0.8, 50, min_tokens=20))
    told = [say("en", "chat.left_out") in part for part in printed]
    assert told.count(True) == 1 and 0 < told.index(True) < 5 and all(part.strip() for part in printed)


def test_a_system_message_that_fills_the_context_is_refused_in_a_sentence(model: LanguageModel) -> None:
    with pytest.raises(UserError, match=r"no answer is possible: the system message .* shorten the system message"):
        said(model, "Return", system="Be brief. " * 40)


def test_what_is_not_printable_does_not_reach_the_terminal() -> None:
    assert shown("a\x1b[31m\n\tb\u2060ñ") == "a\\x1b[31m\n\tbñ"


def test_the_command_answers_lines_of_a_pipe(run: Path, model: LanguageModel) -> None:
    words = ["chat", run, "--adapter", "helper", "--max-tokens", "12", "--seed", "3", "--temperature", "0"]
    lines = b"Return the list.\n/reset\nAnd \xff it?".decode("latin-1")
    finished = desdecero(*words, cwd=run.parent, input=lines, encoding="latin-1")
    assert finished.returncode == 0, finished.stderr
    expected = []
    for content in ("Return the list.", "And \N{REPLACEMENT CHARACTER} it?"):
        *_, last = model.stream_reply([message("user", content)], Decoding(12))
        expected.append(shown(last.text))
    printed = finished.stdout.encode("latin-1").decode()
    assert printed == f"{expected[0]}\n{say('es', 'chat.reset')}\n{expected[1]}\n" and finished.stderr == ""


def test_a_model_that_cannot_hold_a_conversation_is_refused_in_a_sentence(run: Path, tmp_path: Path) -> None:
    def refused(*words: str) -> str:
        with pytest.raises(UserError) as error:
            main([str(run), *words])
        return str(error.value)

    assert "trained on no conversations, and has no chat template: train an adapter of task chat" in refused()
    assert "no adapter 'legal' (it has helper): add it with" in refused("--adapter", "legal")
    assert "--max-tokens 96: give a number from 1 to 95" in refused("--adapter", "helper", "--max-tokens", "96")
    assert "--temperature nan: give a number from 0 to 10" in refused("--temperature", "nan")
    assert "--seed -1: give a number" in refused("--seed", "-1")
    assert "--system is empty" in refused("--system", " ")
    masked = tmp_path / "masked"
    (masked / "model").mkdir(parents=True)
    (masked / "recipe.yaml").write_text(RECIPE.replace("ARCHITECTURE", "bert"))
    with pytest.raises(UserError, match=r"no model there yet; make it with `desdecero run .* --until pretrain`"):
        main([str(masked)])
    save(masked / "model", "bert", chat=False)
    with pytest.raises(UserError, match="a bert fills gaps and writes no text"):
        main([str(masked)])


def test_a_base_whose_tokenizer_has_a_template_answers_without_an_adapter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save(tmp_path / "model", "t5", chat=True)
    (tmp_path / "recipe.yaml").write_text(RECIPE.replace("ARCHITECTURE", "t5"))
    monkeypatch.setattr("sys.stdin", StringIO("Return the list.\n"))
    assert main([str(tmp_path), "--max-tokens", "8", "--temperature", "0"]) == 0
    *_, last = load(tmp_path / "model").stream_reply([message("user", "Return the list.")], Decoding(8))
    assert capsys.readouterr().out == f"{shown(last.text)}\n"
