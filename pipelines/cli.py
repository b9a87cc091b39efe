"""Command line: a table of commands. A stage is imported only when it is called, so `--help` is fast."""

from __future__ import annotations

import difflib
import importlib
import sys

from desdecero.pipelines.common.environment import quiet_environment
from desdecero.pipelines.common.errors import EXIT_OK, EXIT_USER_ERROR, UserError, guard
from desdecero.pipelines.run.stages import KINDS

HELP = f"""\
usage: desdecero COMMAND …

From your own text to your own language model, and the evidence to stand behind it.

a whole run
  run RECIPE         every stage that is missing or stale, in order; --dry-run lists them
  recipes            the recipes that come with the project
  domains [NAME]     the domain packs: task, data, metric, and what a model of the domain is not to be used for
  status RUN         which stages are sealed, stale or missing, and why
  corpus inspect RUN documents dropped, with the reasons, and the history of any document
  verify RUN|DIR     hash every sealed file again, of a run or of what `pull` brought; --key tells who signed
  keygen NAME        a key pair to sign with: NAME.key and NAME.pub
  sign RUN --key F   vouch for a run with a key: every sealed file, its seals and the gate's verdicts
  forget RUN         remove documents on request: find what holds them, and block them in later builds
  mitigate RECIPE    base and treated models over seeds: what a mitigation changes, and what it costs
  trace RUN TEXT     where the words of a text stand in the training text: document, source, licence
  gate RUN           whether the model may be published by its policy: each rule, value and limit, and how to fix it
  publish RUN        upload the model to the Hub, through the gate; --dry-run lists what would be uploaded
  pull O/NAME [DIR]  bring a published model back from the Hub at one commit, with its evidence
  score MODEL        any model on a recipe's suites and held-out text
  compare A B        which of two models is better on the same items, and is that more than chance
  card diff A B      what changed between two cards: data, licences, scores, verdicts
  adapters RUN       the adapters of a run, and what each gained and lost
  predict RUN FILE   answer a file of texts with an adapter: labels, spans or text
  chat RUN           converse with the model, or with an adapter of it, in the terminal
  export-gguf RUN F  write the model as one GGUF file, for llama.cpp
  app RUN            a page to try the model and read its reports

one stage alone
  {" ".join(KINDS)}     RECIPE

RECIPE is a shipped name or a YAML file; RUN is a run directory or its name below runs/, on this machine.
`desdecero COMMAND --help` tells more. Training on several devices: `desdecero run` finds them, or use
`accelerate launch pipelines/pretrain.py RECIPE`. A budget in minutes that has room for fewer than 50 steps is refused;
`--anyway` trains them.
"""


def main(argv: list[str] | None = None) -> int:
    """Run the command that `argv` names and return its exit code."""
    return guard(_dispatch, argv)


def _dispatch(argv: list[str]) -> int:
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(HELP, end="")
        return EXIT_OK if argv else EXIT_USER_ERROR
    name, *arguments = argv
    if " ".join(argv[:2]) in COMMANDS:
        name, arguments = " ".join(argv[:2]), argv[2:]
    modules = COMMANDS | {kind: stage.module for kind, stage in KINDS.items()}
    if name not in modules:
        near = difflib.get_close_matches(name, modules, n=1)
        raise UserError(f"no command {name!r}: " + (f"did you mean {near[0]}?" if near else "see `desdecero --help`"))
    quiet_environment()  # before the libraries that read it are imported
    code: int = importlib.import_module(modules[name]).main(arguments)
    return code


COMMANDS = {
    "run": "desdecero.pipelines.commands.run",
    "recipes": "desdecero.pipelines.commands.recipes",
    "adapters": "desdecero.pipelines.commands.adapters",
    "predict": "desdecero.pipelines.commands.predict",
    "chat": "desdecero.pipelines.commands.chat",
    "domains": "desdecero.pipelines.commands.domains",
    "status": "desdecero.pipelines.commands.status",
    "verify": "desdecero.pipelines.commands.verify",
    "keygen": "desdecero.pipelines.commands.keygen",
    "sign": "desdecero.pipelines.commands.sign",
    "forget": "desdecero.pipelines.commands.forget",
    "mitigate": "desdecero.pipelines.commands.mitigate",
    "trace": "desdecero.pipelines.commands.trace",
    "gate": "desdecero.pipelines.commands.gate",
    "publish": "desdecero.pipelines.commands.publish",
    "pull": "desdecero.pipelines.commands.pull",
    "score": "desdecero.pipelines.commands.score",
    "compare": "desdecero.pipelines.commands.compare",
    "export-gguf": "desdecero.pipelines.commands.export",
    "corpus inspect": "desdecero.pipelines.commands.inspect_corpus",
    "card diff": "desdecero.pipelines.commands.card_diff",
    "app": "desdecero.app.app",
}
"""Command → the module whose `main` it is. The stages are commands too: see `run/stages.py`."""

if __name__ == "__main__":
    sys.exit(main())
