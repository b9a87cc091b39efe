"""Audit the model: its leanings on people, what it knows by heart, personal data, and facts.

    desdecero audit quickstart
    desdecero audit quickstart --suite pairs          # measure these alone; the others are kept where they still hold
    desdecero audit quickstart --plan                 # what would be asked, with what power, in how many minutes
    python pipelines/audit_model.py quickstart

Reads model/ and tokens/ and writes (of a named adapter, with `--adapter NAME`, in adapters/NAME/audit/)

    audit/report.json     what each suite of audit.suites measured, with intervals, adjusted p-values and verdicts
    audit/<suite>.jsonl   every item with its scores: what a reviewer reads
    audit/documents.json  gaps of the training text itself, and the documents that carry most of each finding
    audit/<suite>.png     the estimates, as a picture; <suite>.es.png in Spanish
    audit/summary.md      tried, found, could not be told, and what it means; summary.es.md in Spanish

A suite is measured again only where its settings, its data, the model or the training tokens changed. Of an adapter,
the report also has the change of each gap against the model under it, on the same contexts and pairs.

The report is a diagnostic, not a certificate: it can find a bias that its suites ask about, and show that there is too
little of them, or of the model, to tell. It cannot show that a model is fair. Methods and their sources are in
docs/audits.md. On one machine the same model and seed give the same bytes, but for the salted hashes of personal data.
"""

from __future__ import annotations

import json
import sys
from collections import Counter

from desdecero.eval_suites.paired_sentences.changes import gap_changes
from desdecero.eval_suites.paired_sentences.corpus_results import CorpusGap
from desdecero.eval_suites.paired_sentences.results import PairsResult
from desdecero.eval_suites.paired_sentences.scoring import scores_of_lines
from desdecero.eval_suites.results import GapChange
from desdecero.model_cards.audit_sentences import audit_sentences, verdict_counts
from desdecero.model_cards.words import LANGUAGES, file_in
from desdecero.pipelines.auditing.asked import Asked
from desdecero.pipelines.auditing.documents import documents_json
from desdecero.pipelines.auditing.pictures import draw_suites
from desdecero.pipelines.auditing.plan import PLAN, print_plan
from desdecero.pipelines.auditing.suites import Measured, judged, measure
from desdecero.pipelines.auditing.summary import summary
from desdecero.pipelines.common.files import write_json, write_text
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.run.chain import stage_main
from desdecero.pipelines.run.reports import content_of
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.run.stages import stage_name


def audit_model(
    recipe: Recipe, run: RunDir, out: RunDir, adapter: str | None = None, suite: tuple[str, ...] = ()
) -> str:
    """Ask the suites and judge the results; return the number of each verdict in a sentence.

    suite: names of those that are asked where they are stale; all by default
    """
    stage, asked = stage_name("audit", adapter), Asked(recipe, run, adapter, locked=True)
    folder = out.folder(stage, recipe)
    measured = measure(asked, suite)
    report = judged(asked, measured)
    if adapter is not None and report.suites.pairs is not None:
        changes = changes_of(recipe, run, measured["pairs"], report.suites.pairs)
        report = report.model_copy(
            update={"changes": changes}
            if changes is not None
            else {"not_measured": {**report.not_measured, "changes": "other_probes"}}
        )
    if report.suites.pairs is not None:
        carried = documents_json(asked, report.suites.pairs, measured["pairs"].lines)
        write_json(folder / "documents.json", carried)
        report = report.model_copy(
            update={"corpus_gaps": {key: CorpusGap(**gap) for key, gap in carried["groups"].items()}}
        )
    out.write_report(stage, recipe, report)
    lines = {name: "".join(_line(line) for line in one.lines) for name, one in measured.items()}
    for name, text in lines.items():
        write_text(folder / f"{name}.jsonl", text)
    draw_suites(report, folder)
    for language in LANGUAGES:
        text = summary(language, recipe, report, lines.get("pairs", ""))
        write_text(folder / file_in(language, "summary.md"), text)
    counts = Counter(said.verdict for said in audit_sentences("en", content_of(report)) if said.suite == "pairs")
    return f"{', '.join(measured) or 'no suites'}; {verdict_counts('en', counts)}".removesuffix("; ")


def changes_of(recipe: Recipe, run: RunDir, measured: Measured, result: PairsResult) -> list[GapChange] | None:
    """Return what became of the gaps of the model under an adapter; None where it was audited with other probes."""
    known = run.report("audit", recipe).suites.pairs
    if known is None:
        return None
    sealed = run.sealed_bytes("audit", recipe, "audit/pairs.jsonl").decode()
    before, after = scores_of_lines(list(map(json.loads, sealed.splitlines()))), scores_of_lines(measured.lines)
    competent = {
        language
        for language, gaps in result.languages.items()
        if gaps.competence.competent and language in known.languages and known.languages[language].competence.competent
    }
    try:
        return gap_changes(before, after, competent, recipe.audit.confidence)
    except ValueError:
        return None


def _line(values: object) -> str:
    return json.dumps(values, ensure_ascii=False, allow_nan=False) + "\n"


def main(argv: list[str] | None = None) -> int:
    """Run `desdecero audit`."""
    words = sys.argv[1:] if argv is None else argv
    if PLAN in words:
        return print_plan([word for word in words if word != PLAN])
    names = {"suite": "measure this suite alone; may be repeated, and the others are kept where they still hold"}
    return stage_main("audit", argv, names=names)


if __name__ == "__main__":
    sys.exit(main())
