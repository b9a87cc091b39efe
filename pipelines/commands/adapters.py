"""List the adapters of a run, with what each gained in its domain and lost outside it (`desdecero adapters`).

    desdecero adapters quickstart            one line an adapter: state, rank, data, loss before and after
    desdecero adapters quickstart --json

An adapter is named in the recipe's `finetune`, or was added to the run by `desdecero finetune RUN --data …`.
"""

from __future__ import annotations

import json

from desdecero.pipelines.common.command_line import Arguments
from desdecero.pipelines.common.errors import EXIT_OK, UserError
from desdecero.pipelines.run.base_model import run_of_base
from desdecero.pipelines.run.reports import FinetuneReport, content_of
from desdecero.pipelines.run.run_dir import State, find_run
from desdecero.pipelines.run.stages import stage_name, stages


def main(argv: list[str]) -> int:
    """Run `desdecero adapters`."""
    parser = Arguments("adapters", __doc__)
    parser.add_run()
    parser.add_argument("--json", action="store_true", help="print the adapters' reports as JSON")
    arguments = parser.parse_args(argv)
    run = find_run(arguments.run)
    recipe = run.recipe()
    if not recipe.finetune and not arguments.json:
        raise UserError(f"{run} has no adapters: add one with `desdecero finetune {arguments.run} --data …`")
    rows = list[tuple[str, State, FinetuneReport | None]]()
    for name in recipe.adapters:
        stage = stages(recipe)[stage_name("finetune", name)]
        report = run.report(stage.name, recipe) if run.seal(stage.name, recipe) is not None else None
        assert report is None or isinstance(report, FinetuneReport)
        rows.append((name, run.state(stage, recipe), report))
    if arguments.json:
        found = {
            name: {"state": state.name, "report": content_of(report) if report else None}
            for name, state, report in rows
        }
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return EXIT_OK
    width = max(len(name) for name in recipe.finetune or {})
    for name, state, report in rows:
        told = f" ({state.reason})" if state.reason else ""
        print(f"{name:<{width}}  {state.name}{told}{f'  {_told(report)}' if report else ''}")
    for name, section in recipe.adapters_elsewhere.items():
        print(f"{name:<{width}}  on {section.base}, in {run_of_base(section.base)}")
    return EXIT_OK


def _told(report: FinetuneReport) -> str:
    """Return what an adapter is and what it changed."""
    data = "data of its own" if report.data else "the corpus' domain slice"
    told = [f"{report.task}, {report.method}{f' {report.rank}' if report.rank else ''}, {report.documents:,} of {data}"]
    if report.seeds:
        first = report.seeds[0]
        told.append(f"{report.measure} {first.score.value:.3f}, {first.change.value:+.3f} against {first.against}")
    if report.general:
        before, after = report.general.before.value, report.general.after.value
        told.append(f"{report.general_measure} of general text {before:.3f} → {after:.3f}")
    return "; ".join([*told, *([report.verdict] if report.verdict else [])])
