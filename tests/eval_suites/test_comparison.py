"""Two models on the same items: verdicts are wrong no more often than they say, and the numbers are those of others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from scipy.special import ndtri

from desdecero.eval_suites.comparison import ItemScores, SuiteScores, compare, compare_all
from desdecero.eval_suites.results import ModelComparison, PairedComparison
from desdecero.eval_suites.statistics import holm

DRAWS = 2000
LEAST, MOST = 0.93, 0.985
TOLD = ("first better", "second better")


def documents(losses: np.ndarray, sizes: np.ndarray) -> ItemScores:
    return ItemScores([f"document {i}" for i in range(len(losses))], losses, sizes)


def items(right: np.ndarray, clusters: int | None = None, strata: int | None = None) -> ItemScores:
    """Items in order, of so many clusters or strata of equal size."""
    n = len(right)
    labels = (None if parts is None else (np.arange(n) * parts // n).tolist() for parts in (clusters, strata))
    return ItemScores([str(i) for i in range(n)], right, np.ones(n), *labels)


def answers(
    generator: np.random.Generator,
    n: int,
    differ: float,
    ahead: float,
    clusters: int | None = None,
    within: float = 0.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Whether two models get items right: they differ on a share of them, and the first is ahead by a share.

    `within` is the correlation in a cluster of the normal variables that decide who is right.
    """
    latent = np.sqrt(1 - within) * generator.normal(size=n)
    if clusters:
        latent += np.sqrt(within) * np.repeat(generator.normal(size=clusters), n // clusters)
    only_first, only_second = latent > ndtri(1 - (differ + ahead) / 2), latent < ndtri((differ - ahead) / 2)
    both = generator.random(n) < 0.6
    return np.where(only_first, 1.0, both & ~only_second), np.where(only_second, 1.0, both & ~only_first)


def share(found: list[PairedComparison], *verdicts: str) -> float:
    return float(np.mean([one.verdict in verdicts for one in found]))


def coverage(found: list[PairedComparison], truth: float) -> float:
    ends = [one.difference.interval for one in found]
    return float(np.mean([between is not None and between[0] <= truth <= between[1] for between in ends]))


# --- verdicts, by simulation -----------------------------------------------------------------------------------

# items, clusters, strata, share on which the models differ, correlation within clusters
DESIGNS = [
    (100, None, None, 0.10, 0.0),
    (300, None, None, 0.05, 0.0),
    (280, None, 14, 0.20, 0.0),
    (200, 40, None, 0.30, 0.1),
    (200, 40, None, 0.30, 0.3),
    (280, 56, 7, 0.25, 0.2),
]


@pytest.mark.parametrize(
    ("n", "clusters", "strata", "differ", "within", "ahead"),
    [*((*design, 0.0) for design in DESIGNS), *((*design, 0.03) for design in DESIGNS[1::2])],
)
def test_verdicts_on_items_are_wrong_no_more_often_than_they_say(
    n: int, clusters: int | None, strata: int | None, differ: float, within: float, ahead: float
) -> None:
    generator, found = np.random.default_rng(n), []
    for _ in range(DRAWS):
        first, second = answers(generator, n, differ, ahead, clusters, within)
        found.append(compare(items(first, clusters, strata), items(second, clusters, strata), "higher", 0.03, 0.95))
    assert LEAST <= coverage(found, ahead) <= MOST
    if ahead:
        assert share(found, "same within the margin") <= 0.055 and share(found, "second better") <= 0.025
    else:
        assert share(found, *TOLD) <= 0.05


@pytest.mark.parametrize(("n", "sizes"), [(20, 0.6), (50, 1.0), (50, 1.2), (200, 1.2)])
@pytest.mark.parametrize("ahead", [0.0, 0.02])
def test_verdicts_on_documents_are_wrong_no_more_often_than_they_say(n: int, sizes: float, ahead: float) -> None:
    found = []
    for below, first, second in losses(np.random.default_rng(n), n, sizes, ahead):
        found.append(compare(documents(first, below), documents(second, below), "lower", 0.02, 0.95))
    told = [one for one in found if one.p_value is not None]
    assert len(told) > 0.9 * DRAWS
    assert LEAST <= coverage(told, -ahead) <= MOST
    if ahead:
        assert share(told, "same within the margin") <= 0.055 and share(told, "second better") <= 0.025
    else:
        assert share(told, *TOLD) <= 0.05


def losses(
    generator: np.random.Generator, n: int, sizes: float, ahead: float, draws: int = DRAWS
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Sizes of documents and two models' bits: documents are hard for both, and one has an edge on some of them."""
    for _ in range(draws):
        below = np.exp(generator.normal(8, sizes, n))
        second = generator.normal(1.5, 0.3, n)
        yield below, below * (second - ahead + generator.normal(0, 0.06, n)), below * second


@pytest.mark.parametrize(
    ("n", "clusters", "strata", "differ", "within"),
    [(200, None, None, 0.20, 0.0), (280, None, 14, 0.20, 0.0), (200, 40, None, 0.20, 0.2), (280, 56, 7, 0.25, 0.2)],
)
def test_the_items_that_it_asks_for_find_the_margin_in_four_of_five_draws(
    n: int, clusters: int | None, strata: int | None, differ: float, within: float
) -> None:
    """Each draw is a pilot, in which the models are alike, and an experiment of the size that the pilot asks for."""
    generator, found, margin = np.random.default_rng(n), [], 0.1
    each = n // (clusters or n) * (strata or 1)
    for _ in range(DRAWS):
        first, second = answers(generator, n, differ, 0.0, clusters, within)
        needed = compare(items(first, clusters, strata), items(second, clusters, strata), "higher", margin, 0.95).needed
        assert needed is not None
        size = -(-needed // each) * each
        groups = None if clusters is None else size * clusters // n
        first, second = answers(generator, size, differ, margin, groups, within)
        found.append(compare(items(first, groups, strata), items(second, groups, strata), "higher", margin, 0.95))
    assert 0.75 <= share(found, "first better") <= 0.85


@pytest.mark.parametrize(("n", "sizes", "margin"), [(50, 0.6, 0.02), (100, 1.0, 0.03)])
def test_the_documents_that_it_asks_for_find_the_margin_in_four_of_five_draws(
    n: int, sizes: float, margin: float
) -> None:
    generator, found = np.random.default_rng(n), []
    for below, first, second in losses(generator, n, sizes, 0.0):
        needed = compare(documents(first, below), documents(second, below), "lower", margin, 0.95).needed
        assert needed is not None
        below, first, second = next(losses(generator, needed, sizes, margin, 1))
        found.append(compare(documents(first, below), documents(second, below), "lower", margin, 0.95))
    assert 0.75 <= share(found, "first better") <= 0.85


def test_holm_keeps_false_verdicts_rare_over_all_pairs_of_models_and_suites() -> None:
    generator, some, single = np.random.default_rng(0), 0, 0
    for _ in range(300):
        models = {
            model: {
                suite: SuiteScores(documents(generator.normal(2, 0.1, 30), np.ones(30)), "bits_per_byte", "lower")
                for suite in ("law", "novels", "news")
            }
            for model in "abc"
        }
        found = compare_all(models, 0.001, 0.95)
        some += any(one.verdict in TOLD for one in found)
        single += any(one.p_value is not None and one.p_value <= 0.05 for one in found)
    assert some / 300 <= 0.075 and single / 300 > 0.25  # 0.05 plus two standard errors


# --- the numbers, against others -------------------------------------------------------------------------------


def test_equal_documents_give_the_paired_t_test() -> None:
    generator = np.random.default_rng(1)
    first, second = generator.normal(2, 0.3, 40), generator.normal(2.1, 0.3, 40)
    one = compare(
        documents(100 * first, np.full(40, 100.0)), documents(100 * second, np.full(40, 100.0)), "lower", 0.01, 0.9
    )
    test = stats.ttest_rel(first, second)
    interval = test.confidence_interval(0.9)
    assert one.p_value == pytest.approx(test.pvalue)
    assert one.difference.interval == pytest.approx((interval.low, interval.high))
    assert one.effect_size == pytest.approx(test.statistic / np.sqrt(40))  # d_z (Lakens 2013, equation 7)


def test_two_one_sided_tests_are_those_of_scipy() -> None:
    generator = np.random.default_rng(2)
    first = generator.normal(2, 0.02, 40)
    second = first + generator.normal(0, 0.02, 40)
    one = compare(documents(first, np.ones(40)), documents(second, np.ones(40)), "lower", 0.01, 0.95)
    expected = max(
        stats.ttest_rel(first, second - 0.01, alternative="greater").pvalue,
        stats.ttest_rel(first, second + 0.01, alternative="less").pvalue,
    )
    assert one.p_same == pytest.approx(expected)


@pytest.mark.parametrize(("only_first", "only_second"), [(6, 0), (9, 1), (15, 4), (40, 22)])
def test_items_give_nearly_the_exact_test_of_the_pairs_that_differ(only_first: int, only_second: int) -> None:
    """The exact form of McNemar's test is a binomial test of who is right where one is; mid-p, as it is discrete."""
    first, second = np.ones(200), np.ones(200)
    second[:only_first], first[100 : 100 + only_second] = 0, 0
    one = compare(items(first), items(second), "higher", 0.01, 0.95)
    differ = only_first + only_second
    exact = stats.binomtest(only_first, differ).pvalue - stats.binom.pmf(only_first, differ, 0.5)
    assert one.p_value == pytest.approx(exact, abs=0.02)


def test_the_items_needed_are_those_of_the_textbook() -> None:
    """n = (z + z)² σ² / δ² (Cohen 1988), for so many items that t is z; with Bonferroni's level for several suites."""
    first, second = np.ones(10_000), np.ones(10_000)
    second[:1000], first[5000:6000] = 0, 0
    one = compare(items(first), items(second), "higher", 0.01, 0.95)
    expected = ((ndtri(0.975) + ndtri(0.8)) / 0.01) ** 2 * 0.2
    assert one.needed == pytest.approx(expected, rel=0.001)
    suites = {name: SuiteScores(items(first), "accuracy", "higher") for name in "abcde"}
    others = {name: SuiteScores(items(second), "accuracy", "higher") for name in "abcde"}
    several = compare_all({"one": suites, "other": others}, 0.01, 0.95)
    assert several[0].needed == pytest.approx(((ndtri(0.995) + ndtri(0.8)) / 0.01) ** 2 * 0.2, rel=0.001)


def test_clusters_ask_for_more_items() -> None:
    first, second = answers(np.random.default_rng(3), 500, 0.3, 0.0, 50, 0.4)
    alone = compare(items(first), items(second), "higher", 0.05, 0.95)
    clustered = compare(items(first, 50), items(second, 50), "higher", 0.05, 0.95)
    assert alone.needed is not None and clustered.needed is not None
    assert clustered.needed > 1.5 * alone.needed
    assert (clustered.effective_items, alone.effective_items) == (pytest.approx(50), pytest.approx(500))
    assert clustered.effect_size == alone.effect_size


# --- what is matched -------------------------------------------------------------------------------------------


def test_items_are_matched_by_hash_and_not_by_place() -> None:
    generator = np.random.default_rng(4)
    sizes = np.exp(generator.normal(8, 0.5, 40))
    first, second = documents(sizes * 2, sizes), documents(sizes * generator.normal(2.05, 0.1, 40), sizes)
    order = generator.permutation(40)
    shuffled = ItemScores(*([column[i] for i in order] for column in (second.hashes, second.numerators, sizes)))
    assert compare(first, second, "lower", 0.01, 0.95) == compare(first, shuffled, "lower", 0.01, 0.95)


def test_other_items_are_refused_with_their_numbers() -> None:
    first, second = items(np.ones(30)), items(np.ones(40))
    with pytest.raises(ValueError, match=r"0 are only the first model's, 10 only the second's, 30 both's"):
        compare(first, second, "higher", 0.01, 0.95)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"denominators": [2.0] * 30}, "sizes are not the same"),
        ({"clusters": ["a"] * 30}, "clusters or strata"),
        ({"strata": ["a"] * 30}, "clusters or strata"),
        ({"hashes": ["a"] * 30}, "twice"),
        ({"numerators": [1.0]}, "lengths"),
    ],
)
def test_what_is_no_pair_is_refused(changes: dict[str, list[object]], said: str) -> None:
    first = items(np.ones(30))
    with pytest.raises(ValueError, match=said):
        compare(first, replace(first, **changes), "higher", 0.01, 0.95)  # type: ignore[arg-type]


def test_suites_of_different_measures_are_refused_by_their_names() -> None:
    one, other = (SuiteScores(items(np.ones(30)), measure, "higher") for measure in ("accuracy", "pseudo_accuracy"))
    with pytest.raises(ValueError, match="suite pairs, models a and b: accuracy is not compared with pseudo_accuracy"):
        compare_all({"a": {"pairs": one}, "b": {"pairs": other}}, 0.01, 0.95)
    with pytest.raises(ValueError, match="margin 0 is not positive"):
        compare_all({"a": {"pairs": one}, "b": {"pairs": one}}, 0, 0.95)


# --- what is concluded -----------------------------------------------------------------------------------------


def verdict(first: np.ndarray, second: np.ndarray, better: str, margin: float) -> str:
    return compare(documents(first, np.ones(30)), documents(second, np.ones(30)), better, margin, 0.95).verdict  # type: ignore[arg-type]


def test_each_verdict_is_reached() -> None:
    low = np.random.default_rng(5).normal(2, 0.2, 30)
    high = low + np.random.default_rng(6).normal(0.1, 0.02, 30)
    assert verdict(low, high, "lower", 0.01) == verdict(high, low, "higher", 0.01) == "first better"
    assert verdict(high, low, "lower", 0.01) == verdict(low, high, "higher", 0.01) == "second better"
    assert verdict(low, high, "lower", 0.2) == "same within the margin"  # though it is not 0
    noisy = low + 0.5 * (-1.0) ** np.arange(30)
    assert verdict(low, noisy, "lower", 0.01) == "cannot be told apart"


def test_a_model_is_the_same_as_itself_and_few_items_do_not_show_it() -> None:
    sizes = np.arange(100.0, 130.0)
    same = compare(documents(2 * sizes, sizes), documents(2 * sizes, sizes), "lower", 0.01, 0.95)
    assert (same.verdict, same.p_value, same.effect_size, same.needed) == ("same within the margin", 1, None, None)
    few, many = (compare(items(np.ones(n)), items(np.ones(n)), "higher", 0.01, 0.95) for n in (50, 2000))
    assert (few.verdict, many.verdict) == ("cannot be told apart", "same within the margin")
    assert few.difference.interval is not None and few.difference.interval[1] > 0.01


def test_too_few_documents_have_a_difference_and_no_interval() -> None:
    one = compare(documents(np.arange(5.0), np.ones(5)), documents(np.ones(5), np.ones(5)), "lower", 0.1, 0.95)
    assert (one.difference.value, one.difference.interval) == (1.0, None)
    assert (one.p_value, one.p_same, one.verdict) == (None, None, "cannot be told apart")
    assert one.needed is not None and one.needed >= 8


def test_all_pairs_are_compared_on_the_suites_that_they_share_and_adjusted_together() -> None:
    generator = np.random.default_rng(8)

    def scored(level: float) -> SuiteScores:
        return SuiteScores(documents(level + generator.normal(0, 0.1, 40), np.ones(40)), "bits_per_byte", "lower")

    models = {"a": {"law": scored(2.0), "news": scored(2.0)}, "b": {"law": scored(2.07)}, "c": {"law": scored(2.5)}}
    found = compare_all(models, 0.01, 0.95)
    assert [(one.first, one.second, one.suite) for one in found] == [
        ("a", "b", "law"),
        ("a", "c", "law"),
        ("b", "c", "law"),
    ]
    assert [one.p_adjusted for one in found] == pytest.approx(holm([one.p_value or 0.0 for one in found]))
    assert [one.p_same_adjusted for one in found] == pytest.approx(holm([one.p_same or 0.0 for one in found]))
    assert found[2].verdict == "first better"
    assert ModelComparison.model_validate_json(found[0].model_dump_json()) == found[0]
