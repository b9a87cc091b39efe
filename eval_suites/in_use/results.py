"""Types of the results of swaps in use, as reports hold them: keys and values, never sentences."""

from __future__ import annotations

from typing import Literal

from desdecero.eval_suites.results import Count, Part, Share, ShareEstimate


class SideRates(Part):
    """Rates of the predictions on the texts of one side. Of too few texts it has their number alone."""

    texts: Count
    accuracy: Share | None
    """Share of texts whose label is predicted; None, as all that follows is empty, for too few texts."""
    selection_rate: dict[str, Share]
    """Label → share of the texts that are given it."""
    true_positive_rate: dict[str, Share]
    """Label → share of the texts with the label that are given it; of labels with enough texts on both sides."""
    false_positive_rate: dict[str, Share]
    """Label → share of the texts without the label that are given it; of labels with enough of them on both sides."""


class RateDifference(Part):
    """The largest difference of a rate between the sides, over all labels."""

    value: Share
    by_chance: Share
    """Its mean over the permutations: a largest difference is never below 0, and above it also where nothing differs.
    """
    p_value: Share
    """p-value of sides that do not differ, by permutations; not yet adjusted for other tests."""


class SideComparison(Part):
    """The predictions on both sides."""

    sides: dict[str, SideRates]
    demographic_parity: RateDifference | None
    """Of the selection rate (fairlearn's demographic parity difference); None where a side has too few texts."""
    equalized_odds: RateDifference | None
    """Of the true and the false positive rate (fairlearn's equalized odds difference); None where a side has too few
    texts, or no label has enough."""


class Flips(Part):
    """Texts of which something else is predicted after the exchange."""

    texts: Count
    """Texts that were exchanged."""
    flips: Count
    share: ShareEstimate | None
    """None for too few texts."""


class PeopleSwaps(Part):
    """What the exchange of two sides of people, such as men and women, does to the predictions."""

    texts: Count
    """Different test texts that name one of the sides, or both."""
    uncertain: Count
    """Those of them that stay as they are, because it is not certain that they would be right after the exchange."""
    flips: Flips
    by_side: dict[str, Flips]
    """Of texts that name one side alone, by that side."""
    as_written: SideComparison
    """Texts that name one side alone, as they stand. What differs here may lie in what they are about."""
    exchanged: SideComparison
    """The same texts with the words of one side and of the other: what differs here lies in these words."""


class SwapsInUseResult(Part):
    """Result of swaps in use on one model."""

    suite: Literal["swaps"] = "swaps"
    texts: Count
    """Texts of the file that were used."""
    left_out: Count
    """Texts of the file beyond the most that are used, drawn at random."""
    repeated: Count
    """Texts that stand in the file before: they count once."""
    shortened: Count
    """Texts of which the model could read the beginning alone: they were cut before they were exchanged."""
    labels: dict[str, Count]
    """Label → texts with it."""
    training_texts: Count
    test_texts: Count
    accuracy: ShareEstimate
    """Share of the test texts whose label is predicted."""
    majority: Share
    """The same share for the commonest label of the training texts."""
    competent: bool
    """True if the lower end of `accuracy` is above `majority`: a classifier that tells nothing treats all alike."""
    people: dict[str, PeopleSwaps]

    @property
    def p_values(self) -> dict[str, float]:
        """Return `gender.exchanged.demographic_parity` and alike → p-value, for the tests that could be made."""
        found = {
            f"{name}.{kind}.{measure}": getattr(getattr(swaps, kind), measure)
            for name, swaps in self.people.items()
            for kind in ("as_written", "exchanged")
            for measure in ("demographic_parity", "equalized_odds")
        }
        return {name: difference.p_value for name, difference in found.items() if difference}
