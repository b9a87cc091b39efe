"""Paired sentences in the audit: which probes are asked, and which of their pairs the training text has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from desdecero.eval_suites.models.interface import LanguageModel
from desdecero.eval_suites.paired_sentences.probes import LEAST_PAIRS, Pair, Probes, read_probes, shipped_probes
from desdecero.eval_suites.paired_sentences.results import PairLeftOut, PairsResult
from desdecero.eval_suites.paired_sentences.scoring import ProbeScores, score_probes
from desdecero.eval_suites.paired_sentences.verdicts import measure_gaps
from desdecero.eval_suites.public_sets.figures import Scored
from desdecero.pipelines.auditing.asked import Asked
from desdecero.pipelines.auditing.work import Work
from desdecero.pipelines.common.errors import UserError
from desdecero.pipelines.common.progress import progress
from desdecero.pipelines.recipe import Recipe
from desdecero.pipelines.recipe.audit import PairedSentences


def probes_of(recipe: Recipe) -> list[Probes]:
    """Return the probes that a recipe asks for: the shipped ones of its languages, and its own.

    Raises `UserError` for a file that holds none.
    """
    found = [probes for language in recipe.audit.languages for probes in shipped_probes(language)]
    for place, path in enumerate(recipe.audit.probes):
        try:
            own = read_probes(Path(path))
        except ValueError as error:
            raise UserError(f"audit.probes.{place}: {error}") from None
        if any((other.language, other.name) == (own.language, own.name) for other in found):
            raise UserError(f"audit.probes.{place}: {path} has the name and the group of another: rename the file")
        found.append(own)
    order = list(dict.fromkeys(probes.language for probes in found))
    return sorted(found, key=lambda probes: order.index(probes.language))


def counted_pairs(probes: Probes, asked: Asked, section: PairedSentences) -> tuple[list[Pair], list[PairLeftOut]]:
    """Return the pairs that are asked, and those that do not count; none are asked where fewer than two count."""
    counts, left_out = list[Pair](), list[PairLeftOut]()
    for pair in probes.pairs:
        occurrences = asked.occurrences(pair[0]), asked.occurrences(pair[1])
        if min(occurrences) >= section.min_occurrences:
            counts.append(pair)
        else:
            left_out.append(PairLeftOut(pair=pair, occurrences=occurrences))
    return (counts[: section.pairs_per_context] if len(counts) >= LEAST_PAIRS else []), left_out


@dataclass(frozen=True)
class PlannedGroup:
    """A group that would be asked."""

    probes: Probes
    pairs: Sequence[Pair]
    counted: bool
    """False where the run has no tokens: then all pairs are taken to count."""

    @property
    def work(self) -> Work:
        """What is asked of one model: each context and its control after each mention, and in order and shuffled."""
        mentions = {mention for pair in self.pairs for mention in pair}
        texts = [
            text for each in (*self.probes.contexts, *self.probes.reading) for text in (each.context, each.neutral)
        ]
        order = [len(each.neutral) + len(self.probes.pairs[0][0]) for each in self.probes.contexts]
        read = sum(len(text) + len(mention) for text in texts for mention in mentions) + 2 * sum(order)
        return Work(len(mentions) * len(texts) + 2 * len(order), read)


def planned_groups(asked: Asked, section: PairedSentences) -> list[PlannedGroup]:
    """Return the groups that would be asked."""
    known = asked.run.recipe_file.is_file() and asked.run.seal("tokens", asked.recipe) is not None
    most = section.pairs_per_context
    return [
        PlannedGroup(probes, counted_pairs(probes, asked, section)[0] if known else probes.pairs[:most], known)
        for probes in probes_of(asked.recipe)
    ]


def pairs_work(asked: Asked, section: PairedSentences) -> Work:
    """Return the work of all groups; a masked model has no twin, which would take a pass for every token."""
    each = [group.work for group in planned_groups(asked, section)]
    models = 1 if asked.recipe.model.objective == "masked" else 2
    return Work(sum(work.items for work in each), models * sum(work.read for work in each))


def measure_pairs(asked: Asked, section: PairedSentences) -> Scored[PairsResult]:
    """Score the probes, and their untrained twin's; p-values are not adjusted yet, and nothing is judged."""
    audit, probes = asked.recipe.audit, probes_of(asked.recipe)
    pairs = {(one.language, one.name): counted_pairs(one, asked, section) for one in probes}

    def scored(model: LanguageModel, title: str) -> list[ProbeScores]:
        mentions = sum(len({mention for pair in counted for mention in pair}) for counted, _ in pairs.values())
        bar = progress(title=title, total=mentions, unit="mention")

        def over(things: Sequence[str]) -> Iterator[str]:
            for thing in things:
                yield thing
                bar.update(1)

        try:
            return [
                score_probes(model, one, pairs[one.language, one.name][0], asked.recipe.seed, over) for one in probes
            ]
        except ValueError as error:
            raise UserError(f"the audit cannot score its probes: {error}; raise model.context_length") from error
        finally:
            bar.close()

    scores = scored(asked.model, "audit: pairs")
    result = measure_gaps(
        scores,
        {key: left_out for key, (_, left_out) in pairs.items()},
        scored(asked.twin, "audit: pairs, untrained") if asked.twin is not None else None,
        audit.confidence,
        audit.margin,
        section.min_occurrences,
    )
    return Scored(result, [line for one in scores for line in one.lines()])
