"""Reports of a run as pieces of the page, in one language. Everything is read anew each time.

A stage that has not been sealed is shown as not made yet, with the command that makes it.
"""

from __future__ import annotations

import math
import re
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Literal, TypeVar

from markupsafe import Markup

from desdecero.app import markup
from desdecero.app.markup import Column, element, paragraph, section
from desdecero.eval_suites.results import Estimate, ShareEstimate
from desdecero.model_cards.formats import counted, grouped, percent, size
from desdecero.model_cards.words import Language, file_in, name, say
from desdecero.pipelines.common.errors import printable
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.recipe.texts import read_in
from desdecero.pipelines.run.reports import CorpusReport, TokensReport
from desdecero.pipelines.run.reports.base import Part
from desdecero.pipelines.run.reports.corpus import Dropped, Largest, Source
from desdecero.pipelines.run.reports.pretrain import Exposure
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.run.seals import AlteredFile, EarlierForm, reading
from desdecero.pipelines.run.stages import stages
from desdecero.pipelines.verification.seals import check_seal, digest_mismatches, read_seals

Report = TypeVar("Report", bound=Part)
Scale = Literal["plain", "signed", "percent"]


# --- any stage ---------------------------------------------------------------------------------------------


def of_stage(
    stage: str, of: type[Report], run: RunDir, recipe: Recipe, language: Language,
    show: Callable[[Report, Language], Markup],
) -> Markup:  # fmt: skip
    """Return `show` of a stage's report, with a warning where it is out of date; or that it is not made yet, or
    altered."""

    def shown() -> Markup:
        if not check_seal(run, recipe, stage):
            return not_made(stage, run, recipe, language)
        try:
            report = run.report(stage, recipe)
        except EarlierForm:
            return out_of_date(stage, run, recipe, language) + not_made(stage, run, recipe, language)
        assert isinstance(report, of)
        return out_of_date(stage, run, recipe, language) + show(report, language)

    return unless_altered(run, language, shown)


def unless_altered(run: RunDir, language: Language, show: Callable[[], Markup]) -> Markup:
    """Return what `show` does; in its place, where a file is not as it was sealed, a notice that names it."""
    try:
        return show()
    except AlteredFile as error:
        if error.__cause__:  # it hashes to its seal and cannot be shown: whoever serves the page may want to know more
            traceback.print_exception(error)
        return altered(error.name, run, language)


def altered(name: str, run: RunDir, language: Language) -> Markup:
    """Say that a file is not as it was sealed, with the command that checks all."""
    name = printable(name.removeprefix(f"{run.path}/"))
    words = element("strong", say(language, "page.altered", file=name))
    command = element("code", f"desdecero verify {run.path}")
    return element("div", words, element("p", say(language, "page.verify_it")), command, css="dd-notice dd-altered")


def not_made(stage: str, run: RunDir, recipe: Recipe, language: Language) -> Markup:
    """Say that a stage is not made yet, with the command that makes it."""
    asked = stages(recipe)[stage]
    command = element("code", asked.command(f"{run.recipe_file} --run-dir {run.path}"))
    words = element("strong", say(language, "page.not_made", stage=say(language, f"stage.{asked.kind}")))
    return element("div", words, element("p", say(language, "page.make_it")), command, css="dd-notice")


def out_of_date(stage: str, run: RunDir, recipe: Recipe, language: Language) -> Markup:
    """Warn where the stage would be made anew. A file that is not here (a Space has no corpus) is not a reason."""
    seal = run.seal(stage, recipe)
    fresh = seal is not None and seal.fingerprint == run.fingerprint(stages(recipe)[stage], recipe)[0]
    if not fresh:
        return paragraph(say(language, "page.stale"), "dd-notice")
    later = [one.later for one in digest_mismatches(recipe, read_seals(run, recipe)[0]) if one.stage == stage]
    return paragraph(say(language, "page.remade"), "dd-notice") if later else markup.NOTHING


def interval(language: Language, estimate: Estimate | ShareEstimate, scale: Scale = "plain") -> Markup:
    """Write a value and, smaller, its interval, with two digits of the interval's own width."""
    return Markup('{} <small class="dd-interval">{}</small>').format(*estimated(language, estimate, scale))


def estimated(language: Language, estimate: Estimate | ShareEstimate, scale: Scale) -> tuple[str, str]:
    """Write a value and its interval; no interval where too few documents give none."""
    if estimate.low is None or estimate.high is None:
        return number(language, estimate.value, scale, 3), say(language, "number.no_interval")
    width = (estimate.high - estimate.low) * (100 if scale == "percent" else 1)
    places = min(max(1 - math.floor(math.log10(width)), 0), 4) if width > 0 else 3
    value, low, high = (number(language, end, scale, places) for end in (estimate.value, estimate.low, estimate.high))
    return value, f"{low} {say(language, 'number.range')} {high}"


def number(language: Language, value: float, scale: Scale, places: int) -> str:
    """Write a number with a minus sign, not a hyphen."""
    if scale == "percent":
        return f"{100 * value:.{places}f}{say(language, 'number.percent')}"
    return f"{value:{'+' if scale == 'signed' else ''}.{places}f}".replace("-", "−")


# --- the top of the page -----------------------------------------------------------------------------------


def header(recipe: Recipe, language: Language) -> Markup:
    """Show name and purpose of the recipe, and a warning about generated text."""
    title, purpose = element("h1", recipe.name), paragraph(read_in(recipe.purpose, language), "dd-purpose")
    return element("header", title, purpose, paragraph(say(language, "page.notice"), "dd-warning"), css="dd-header")


def no_model(run: RunDir, recipe: Recipe, language: Language) -> Markup:
    """Say that there is no model yet; nothing, once there is one."""

    def shown() -> Markup:
        return markup.NOTHING if check_seal(run, recipe, "pretrain") else not_made("pretrain", run, recipe, language)

    return unless_altered(run, language, shown)


# --- data and licences -------------------------------------------------------------------------------------


def data(run: RunDir, recipe: Recipe, language: Language) -> Markup:
    """Describe what the model was trained on."""

    def show(report: CorpusReport, language: Language) -> Markup:
        tokens = run.report("tokens", recipe) if check_seal(run, recipe, "tokens") else None
        exposure = None
        with suppress(EarlierForm):
            exposure = run.report("pretrain", recipe).exposure if check_seal(run, recipe, "pretrain") else None
        return markup.NOTHING.join(
            (
                _what_went_in(report, tokens, language),
                _licenses(report, tokens, exposure, language),
                _sources(report, language),
                _drops(report, language),
                _personal_data(report, language),
            )
        )

    return of_stage("corpus", CorpusReport, run, recipe, language, show)


def _what_went_in(report: CorpusReport, tokens: TokensReport | None, language: Language) -> Markup:
    documents, sizes = report.documents, report.bytes
    of_read = say(language, "page.of_read", number=grouped(language, documents.read))
    entries = [
        (grouped(language, documents.kept), say(language, "term.documents_kept"), of_read),
        (size(sizes.kept), say(language, "term.text_kept"), say(language, "page.of_read", number=size(sizes.read))),
    ]
    if tokens:
        entries.append((grouped(language, tokens.splits["train"].tokens), say(language, "term.training_tokens"), ""))
    replaced = grouped(language, sum(report.edits.redacted.values()))
    entries.append((replaced, say(language, "page.replaced"), ""))
    return section(say(language, "page.what_went_in"), markup.tiles(entries))


def _licenses(
    report: CorpusReport, tokens: TokensReport | None, exposure: Exposure | None, language: Language
) -> Markup:
    """Write the licences of the kept text, with the share of the tokens that the weights read; before there are any,
    of those that training may read."""
    counted = exposure.licenses if exposure else tokens.licenses if tokens else []
    share_of_tokens = {row.license: row.share_tokens for row in counted}
    shares = ["term.text", "term.share_of_text", "card.share_of_tokens_read" if exposure else "term.share_of_tokens"]
    columns = [
        Column(say(language, "term.license")),
        *(Column(say(language, key), numeric=True) for key in shares),
        Column(say(language, "term.known_by")),
    ]
    rows = [
        (
            row.license,
            size(row.bytes),
            percent(language, row.share_bytes),
            percent(language, share_of_tokens[row.license]) if row.license in share_of_tokens else "–",
            _known_by(row.evidence, language),
        )
        for row in report.licenses
    ]
    parts = [paragraph(say(language, "page.licenses_explained"), "dd-aside"), markup.table(columns, rows)]
    if exposure:
        parts.append(paragraph(_read(exposure, language), "dd-aside"))
    elif tokens is None:
        parts.append(paragraph(say(language, "page.tokens_missing"), "dd-aside"))
    if counted and len(share_of_tokens) < len(rows):
        parts.append(paragraph(say(language, "page.none_read" if exposure else "term.no_tokens"), "dd-aside"))
    return section(say(language, "term.licenses"), *parts)


def _read(exposure: Exposure, language: Language) -> str:
    numbers = {"read": exposure.read, "documents": exposure.documents, "never": exposure.never_read}
    said = say(language, "card.documents_read_of", **{key: grouped(language, count) for key, count in numbers.items()})
    return f"{say(language, 'card.documents_read')}: {said}"


def _known_by(evidence: Mapping[str, int], language: Language) -> str:
    return ", ".join(
        f"{name(language, 'known_by', kind)}: {grouped(language, number)}"
        for kind, number in evidence.items()
        if number
    )


def _sources(report: CorpusReport, language: Language) -> Markup:
    counts = [
        Column(say(language, "term.documents_kept"), numeric=True),
        Column(say(language, "term.text_kept"), numeric=True),
    ]
    columns = [Column(say(language, "term.source")), Column(say(language, "term.kind")), *counts]
    rows = [(row.name, name(language, "source", row.kind), *_counts(row, language)) for row in report.sources]
    largest = [(row.name, *_counts(row, language)) for row in report.largest]
    parts = [markup.table(columns, rows)]
    if largest:
        table = markup.table([Column(say(language, "term.name")), *counts], largest)
        parts.append(markup.details(say(language, "page.largest"), table))
    if report.domain:
        parts.append(paragraph(say(language, "page.domain", name=report.domain.name)))
    if report.quarantined:
        unread = [f"{item.place}: {item.reason}" for item in report.quarantined]
        parts.append(markup.details(say(language, "page.quarantined"), markup.bullets(unread)))
    return section(say(language, "term.sources"), *parts)


def _counts(row: Source | Largest, language: Language) -> tuple[str, str]:
    return grouped(language, row.documents), size(row.bytes)


def _drops(report: CorpusReport, language: Language) -> Markup:
    """Write each reason, which opens to examples of what it dropped."""
    drops = sorted(report.drops.items(), key=lambda item: -item[1].documents)
    if not drops:
        return section(say(language, "term.left_out"), paragraph(say(language, "page.no_drops")))
    return section(say(language, "term.left_out"), *(_drop(reason, drop, language) for reason, drop in drops))


def _drop(reason: str, drop: Dropped, language: Language) -> Markup:
    count = element("small", f"{counted(language, 'page.documents', drop.documents)}, {size(drop.bytes)}")
    examples = [element("div", element("code", one.id), element("pre", one.excerpt)) for one in drop.examples]
    return markup.details(Markup("{} {}").format(name(language, "drop", reason), count), *examples)


def _personal_data(report: CorpusReport, language: Language) -> Markup:
    columns = [Column(say(language, "term.kind")), Column(say(language, "term.found_and_replaced"), numeric=True)]
    rows = [
        (name(language, "personal_data", kind), grouped(language, number))
        for kind, number in report.edits.redacted.items()
    ]
    explained = paragraph(say(language, "page.personal_data_explained"), "dd-aside")
    return section(say(language, "term.personal_data"), explained, markup.table(columns, rows))


# --- card --------------------------------------------------------------------------------------------------

FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
OTHER_LANGUAGE = re.compile(r"^\*\[.*\]\(README[.\w]*\.md\)\*\n", re.MULTILINE)
PICTURE = re.compile(r"!\[([^\]]*)\]\(([\w.-]+\.png)\)")


def card(run: RunDir, recipe: Recipe, language: Language) -> str:
    """Return the card as Markdown, without the Hub's metadata and with its pictures carried in it."""

    def read(name: str) -> bytes:
        return run.sealed_bytes("card", recipe, f"card/{name}")

    def shown() -> Markup:
        if not check_seal(run, recipe, "card"):
            return not_made("card", run, recipe, language)
        with reading("card/README.md"):
            text = read(file_in(language, "README.md")).decode("utf-8")
        text = OTHER_LANGUAGE.sub("", FRONT_MATTER.sub("", text))
        carried = PICTURE.sub(lambda found: f"![{found[1]}]({markup.data_uri(read(found[2]))})", text)
        return Markup(f"{out_of_date('card', run, recipe, language)}\n\n{carried}")  # which gr.Markdown makes safe

    return unless_altered(run, language, shown)
