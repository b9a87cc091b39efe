"""Wrong words are answered in one sentence with exit code 2, by every command."""

from __future__ import annotations

from pathlib import Path

import pytest

from desdecero.pipelines.cli import COMMANDS, main
from desdecero.pipelines.common.errors import EXIT_USER_ERROR
from desdecero.pipelines.run.stages import KINDS

WRONG = {
    "rum quickstart": "did you mean run?",
    "run": "required: recipe",
    "run smoke quickstart": "unrecognized arguments: quickstart",
    "run smoke --dry-rum": "did you mean --dry-run?",
    "run smoke --dry": "unrecognized arguments: --dry",
    "run smoke --form tokens": "did you mean --from?",
    "run smoke --until token": "did you mean tokens?",
    "run smoke --processes two": "invalid int value",
    "run smoke --processes 0": "at least one process",
    "run smoke --set": "expected one argument",
    "run smoke --set corpus": "write it as section.key=value",
    "run nothing": "no recipe 'nothing'",
    "run smok": "did you mean smoke?",
    "run .": "no recipe '.'",
    "recipes smoke": "unrecognized arguments: smoke",
    "status": "required: RUN",
    "status one two": "unrecognized arguments: two",
    "status nothing": "no run at nothing",
    "verify file.txt": "no run at file.txt",
    "verify .": "no run at .",
    "verify nothing --kye a": "did you mean --key?",
    "verify nothing --key a": "no run at nothing",
    "keygen": "required: NAME",
    "keygen s3://bucket/team": "is remote storage",
    "keygen keys/": "is no name for a key",
    "sign nothing": "required: --key",
    "sign nothing --key team.key": "no run at nothing",
    "mitigate smoke": "required: --method",
    "mitigate smoke --method fairness": "invalid choice: 'fairness'",
    "mitigate smoke --method goldfish --seeds two": "invalid int value",
    "gate nothing": "no run at nothing",
    "gate nothing --preset open": "invalid choice: 'open'",
    "publish nothing --accept bias": "unrecognized arguments: --accept",
    "publish nothing --pubic": "did you mean --public?",
    "publish nothing --dry-run": "no run at nothing",
    "publish nothing --what datset": "no run at nothing",
    "publish nothing --diff": "--diff belongs to --dry-run",
    "pull": "required: OWNER/NAME[@REV]",
    "pull name": "whose repository",
    "pull owner/name --what space": "invalid choice: 'space'",
    "forget nothing": "say what to forget",
    "forget nothing --document a --yess": "did you mean --yes?",
    "app nothing": "no run at nothing",
    "app nothing --port many": "invalid int value",
    "app nothing --language fr": "invalid choice",
    "export-gguf nothing": "required: out",
    "export-gguf nothing a.gguf": "no run at nothing",
    "card diff": "required: A, B",
    "card diff nothing else": "no card at nothing",
    "card diff a b --confidence 2": "--confidence between 0.5 and 1",
    "corpus inspect": "required: run",
    "corpus inspect nothing --reason a --document b": "not allowed with",
    "pretrain": "required: recipe",
    "card smoke --run-dir": "expected one argument",
    "audit smoke --run-dir nowhere": "audit needs tokens, which is missing",
}


@pytest.mark.parametrize("words", WRONG)
def test_wrong_words_get_one_sentence(
    words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file.txt").write_text("not a run")
    assert main(words.split()) == EXIT_USER_ERROR
    (sentence,) = capsys.readouterr().err.splitlines()
    assert sentence.startswith("desdecero: ") and WRONG[words] in sentence


@pytest.mark.parametrize("name", [*COMMANDS, *KINDS])
def test_help_names_every_command_and_each_has_its_own(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--help"])
    assert name in capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        main([*name.split(), "--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: desdecero {name} ")
