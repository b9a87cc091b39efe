"""Pages of the dossier: sealed evidence → Markdown, in English and in Spanish.

    public_summary      training content, in the order of the AI Office's template (Annex to C(2025) 5235, July 2025)
    annex_xi            technical documentation, in the order of Annex XI of Regulation (EU) 2024/1689
    copyright_policy    licences, reservations of rights, complaints (art. 53(1)(c))
    governance          who decides, and how data and model are governed: the two parts of BigCode's governance card
    obligations         which duties are obligatory, voluntary or not known, with their figures

They look everything up in an `Evidence` with the reports and seals that the card has, `licensing` among them. What
nobody stated and no report holds is printed as missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from desdecero.model_cards.card import license_rows
from desdecero.model_cards.dossier.cyclonedx import version
from desdecero.model_cards.dossier.obligations import FREE_LICENSES, MODIFICATION, Case, Duty, duties
from desdecero.model_cards.evidence import Evidence, Missing, View
from desdecero.model_cards.formats import percent, power
from desdecero.model_cards.pages import environment
from desdecero.model_cards.stated import quoted_line
from desdecero.model_cards.words import Language, name, say

PAGES = ("public_summary", "annex_xi", "copyright_policy", "governance", "obligations")
STAGES = ("corpus", "tokenizer", "tokens", "pretrain", "evaluate", "audit")
PUBLIC, CRAWLED = ("hub", "wikipedia", "installed_docs"), ("web_archive",)
"""Kinds of sources: public data sets, and pages of the web. Of files, nobody said where they are from."""
BILLION = 10**9
SMALL = 1e-4
"""Share below which a percentage would be mostly zeros."""
MEMORIZED_BY = "all"
"""Cells of the audit's extraction that count whole splits."""


def render(evidence: Evidence, page: str, language: Language, crawled: Mapping[str, Any] | None) -> str:
    """Render one page.

    crawled: the sites of crawled text, as `dossier/report.json` lists them
    """

    def stated(key: str) -> Any:
        """Look up what a person states: an empty text or list is missing."""
        value = evidence[key]
        return Missing(key) if value == "" or (isinstance(value, View) and not len(value)) else value

    def finalize(value: Any) -> Any:
        if not isinstance(value, Missing):
            return value
        evidence.note_missing(value)
        return say(language, "term.missing")

    templates = environment(language, finalize)
    templates.filters["quoted_line"] = lambda text: quoted_line(language, text)
    templates.globals["stated"] = stated
    templates.globals["answer"] = lambda key: _answer(evidence[key], language)
    views = {report: evidence.view(report) for report in ("recipe", *STAGES, "licensing")}
    return templates.get_template(f"dossier_{page}.md.jinja").render(
        views,
        language=language,
        crawled=crawled,
        seals={stage: evidence.view(f"seal.{stage}") for stage in STAGES},
        version=version(evidence, "pretrain"),
        licenses=license_rows(evidence),
        sources=by_section(evidence),
        size_class=_size_class(evidence["tokens:/splits/train/tokens"]),
        duties=[(duty, reason(duty, language)) for duty in duties(case_of(evidence))],
        third=_third(evidence["pretrain:/flops"]),
        extraction=[cell for cell in evidence["audit:/suites/memorization/extraction/cells"] if _whole_split(cell)],
    )


def case_of(evidence: Evidence) -> Case:
    """Return what decides the duties, as far as it is known."""
    flops, objective = evidence["pretrain:/flops"], evidence["pretrain:/objective"]
    demo = evidence["recipe:/dossier/public_demo"]
    return Case(
        flops=None if isinstance(flops, Missing) else flops,
        writes_text=None if isinstance(objective, Missing) else objective != "masked",
        on_market=None if isinstance(evidence["recipe:/dossier/market_date"], Missing) else True,
        free=_free(evidence),
        public_demo=None if isinstance(demo, Missing) else demo,
        uses=tuple(evidence["recipe:/dossier/uses"]),
    )


def _free(evidence: Evidence) -> bool | None:
    """Return whether the model is passed on in public under a free licence; None of a licence that is not known."""
    if evidence["recipe:/publish/private"] is not False or not evidence["recipe:/publish/repo_id"]:
        return False
    return True if evidence["recipe:/card/license"] in FREE_LICENSES else None


def reason(duty: Duty, language: Language) -> str:
    """Return why a duty has its status, with its figures."""
    figures = dict(duty.figures)
    for number in ("flops", "threshold"):
        if number in figures:
            figures[number] = power(figures[number])
    if "share" in figures:
        figures["share"] = _small_percent(language, figures["share"])
    if "area" in figures:
        figures["area"] = name(language, "area", figures["area"])
    return say(language, f"duty_reason.{duty.reason}", **figures)


def _small_percent(language: Language, share: float) -> str:
    """Format a share of a threshold: most models are so far below it that the percentage needs an exponent."""
    if share >= SMALL:
        return percent(language, share)
    return f"{power(100 * share)}{say(language, 'number.percent')}"


def by_section(evidence: Evidence) -> dict[str, list[Mapping[str, Any]]]:
    """Return the sources by the section of the public summary: public data sets, crawled, of unstated origin."""
    settings = {source["name"]: source for source in evidence["recipe:/corpus/sources"]}
    total = evidence["corpus:/bytes/kept"]
    found: dict[str, list[Mapping[str, Any]]] = {"public": [], "crawled": [], "other": []}
    for row in evidence["corpus:/sources"]:
        place = "public" if row["kind"] in PUBLIC else "crawled" if row["kind"] in CRAWLED else "other"
        setting = settings.get(row["name"], Missing(f"recipe:/corpus/sources/{row['name']}"))
        share = row["bytes"] / total if total else 0.0
        found[place].append({"row": row, "setting": setting, "share": share, "origin": _origin(row, setting)})
    return found


def _origin(row: Any, setting: Any) -> Any:
    """Return the version and the address of a source, as far as the recipe names them."""
    match row["kind"]:
        case "hub":
            revision = setting["revision"]
            place = f"https://huggingface.co/datasets/{setting['dataset']}"
            return place if isinstance(revision, Missing) else f"{place} ({revision})"
        case "wikipedia":
            return f"https://{setting['language']}.wikipedia.org ({setting['snapshot']})"
        case "installed_docs":
            return "https://pypi.org"
    return Missing(f"recipe:/corpus/sources/{row['name']}/origin")


def _size_class(tokens: Any) -> str:
    """Return the class of the template: below a billion tokens, up to ten trillion, above."""
    if isinstance(tokens, Missing):
        return "unknown"
    return "small" if tokens < BILLION else "medium" if tokens <= 10_000 * BILLION else "large"


def _third(flops: Any) -> Any:
    return flops if isinstance(flops, Missing) else flops * MODIFICATION


def _whole_split(cell: Any) -> bool:
    return bool(cell["by"] == MEMORIZED_BY and cell["greedy"])


def _answer(value: Any, language: Language) -> Any:
    return value if isinstance(value, Missing) else say(language, "term.yes" if value else "term.no")
