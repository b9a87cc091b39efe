"""The words of a command: argparse, whose complaints are one sentence here, as all others."""

from __future__ import annotations

import argparse
import difflib
import re
from typing import Any, NoReturn

from desdecero.pipelines.common.errors import UserError


class Arguments(argparse.ArgumentParser):
    """A parser that raises `UserError` for words it does not take, and takes no abbreviated options."""

    def __init__(self, command: str, description: str | None):
        super().__init__(
            prog=f"desdecero {command}", description=description, allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip

    def add_run(self, **options: Any) -> None:
        """The run that a command is about."""
        self.add_argument("run", **{"help": "a run directory, or its name below runs/", **options})

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}{self._hint(message)}; `{self.prog} --help` lists what it takes")

    def _hint(self, message: str) -> str:
        """The option or choice that was perhaps meant."""
        if unknown := re.match(r"unrecognized arguments: (--?[\w-]+)", message):
            known, word = [option for option in self._option_string_actions if option != "-h"], unknown[1]
        elif choice := re.search(r"invalid choice: '(.*)' \(choose from (.*)\)", message):
            known, word = re.findall(r"[\w-]+", choice[2]), choice[1]
        else:
            return ""
        near = difflib.get_close_matches(word, known, n=1)
        return f" (did you mean {near[0]}?)" if near else ""
