"""Parse a command's arguments with argparse; report what is wrong in one sentence, as the other errors are."""

from __future__ import annotations

import argparse
import difflib
import re
from typing import Any, NoReturn

from desdecero.pipelines.common.errors import UserError


class Arguments(argparse.ArgumentParser):
    """Parser that raises `UserError` for unknown arguments and accepts no abbreviated options."""

    def __init__(self, command: str, description: str | None):
        super().__init__(
            prog=f"desdecero {command}",
            description=description,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    def add_run(self, **options: Any) -> None:
        """Add the argument `run`: the run directory that the command works on."""
        self.add_argument("run", **{"help": "a run directory, or its name below runs/", **options})

    def error(self, message: str) -> NoReturn:
        """Raise `UserError` in place of argparse's usage message and exit."""
        raise UserError(f"{message}{self._hint(message)}; `{self.prog} --help` lists what it takes")

    def _hint(self, message: str) -> str:
        """Suggest the option or choice closest to an unknown one."""
        if unknown := re.match(r"unrecognized arguments: (--?[\w-]+)", message):
            known, word = [option for option in self._option_string_actions if option != "-h"], unknown[1]
        elif choice := re.search(r"invalid choice: '(.*)' \(choose from (.*)\)", message):
            known, word = re.findall(r"[\w-]+", choice[2]), choice[1]
        else:
            return ""
        near = difflib.get_close_matches(word, known, n=1)
        return f" (did you mean {near[0]}?)" if near else ""
