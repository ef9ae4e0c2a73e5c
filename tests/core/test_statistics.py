"""Intervals and tests against other ways to the same number: tables of textbooks, exhaustive sums, other libraries."""

import itertools
import math
from fractions import Fraction
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fgit_cli.core.passk import mean_pass_at_k, pass_at_k
from fgit_cli.core.statistics import answer, bootstrap, compare, holm, mcnemar, of_shares, sign_flips, tango, wilson


@given(st.integers(1, 400), st.data())
def test_wilson_bounds_solve_the_score_equation(n, data):
    """The definition: the bounds are the p at which the observed share is z standard errors away."""
    fraction = data.draw(st.integers(0, n)) / n
    z = 1.959963984540054
    for bound in wilson(fraction, n):
        assert (fraction - bound) ** 2 == pytest.approx(z * z * bound * (1 - bound) / n, abs=1e-9)


def test_wilson_agrees_with_scipy():
    from scipy.stats import binomtest

    for passed, n in [(72, 164), (60, 164), (0, 10), (10, 10), (1, 1), (397, 1140)]:
        theirs = binomtest(passed, n).proportion_ci(method="wilson")
        assert wilson(passed / n, n) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


@pytest.mark.parametrize(("fraction", "n"), [(0.5, 0), (1.2, 10), (-0.1, 10)])
def test_wilson_refuses(fraction, n):
    with pytest.raises(ValueError, match="no interval"):
        wilson(fraction, n)


@given(st.integers(0, 40), st.integers(0, 40))
def test_mcnemar_is_the_sum_of_binomial_terms(wins, losses):
    n, most = wins + losses, max(wins, losses)
    tail = Fraction(sum(math.comb(n, i) for i in range(most, n + 1)), 2**n)
    assert mcnemar(wins, losses) == pytest.approx(float(min(1, 2 * tail)))


def test_mcnemar_known():
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(5, 0) == 0.0625
    assert mcnemar(6, 0) == 0.03125  # the fewest one-sided tasks that decide anything at 0.05


def test_sign_flips_is_mcnemar_for_single_samples():
    differences = [1] * 8 + [-1] * 2 + [0] * 50
    assert sign_flips(differences) == pytest.approx(mcnemar(8, 2))


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=9))
def test_sign_flips_against_all_signs(numbers):
    moved = [n for n in numbers if n]
    sums = [
        abs(sum(s * n for s, n in zip(signs, moved, strict=True)))
        for signs in itertools.product((1, -1), repeat=len(moved))
    ]
    expected = sum(s >= abs(sum(moved)) for s in sums) / len(sums)
    assert sign_flips([n / 5 for n in numbers]) == pytest.approx(expected)


def test_bootstrap_is_near_the_normal_interval():
    differences = [1] * 40 + [-1] * 20 + [0] * 340
    mean = 20 / 400
    error = math.sqrt((60 / 400 - mean**2) / 400)
    low, high = bootstrap(differences)
    assert low == pytest.approx(mean - 1.96 * error, abs=0.004)
    assert high == pytest.approx(mean + 1.96 * error, abs=0.004)
    assert bootstrap(differences) == (low, high)  # seeded
    assert bootstrap([0.5]) == (0.5, 0.5)


def test_holm():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])  # Wikipedia's worked example
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_is_between_the_p_and_bonferroni_and_keeps_the_order(p):
    adjusted = holm(p)
    assert all(a <= b + 1e-12 and b <= min(1, a * len(p)) + 1e-12 for a, b in zip(p, adjusted, strict=True))
    order = sorted(range(len(p)), key=p.__getitem__)
    assert all(adjusted[i] <= adjusted[j] for i, j in itertools.pairwise(order))


def test_compare():
    paired = compare([1, 1, 1, 0, 0], [1, 0, 0, 1, 0])
    assert (paired.tasks, paired.wins, paired.losses, paired.test) == (5, 2, 1, "McNemar, exact")
    assert paired.difference == pytest.approx(0.2)
    assert paired.p == 1.0
    assert compare([0.5, 1.0], [0.25, 1.0]).test == "sign flips"
    with pytest.raises(ValueError, match="same tasks"):
        compare([1], [1, 0])


def test_answer():
    assert answer(0.1, 0.04) == "better"
    assert answer(-0.1, 0.04) == "worse"
    assert answer(0.1, 0.05) == "cannot tell"


@given(st.integers(1, 12), st.data())
def test_pass_at_k_is_the_share_of_draws_with_a_pass(n, data):
    c, k = data.draw(st.integers(0, n)), data.draw(st.integers(1, n))
    draws = list(itertools.combinations(range(n), k))
    assert pass_at_k(n, c, k) == pytest.approx(sum(min(draw) < c for draw in draws) / len(draws))


def test_pass_at_k_refuses():
    for n, c, k in [(5, 6, 1), (5, 1, 6), (5, 1, 0)]:
        with pytest.raises(ValueError, match="not defined"):
            pass_at_k(n, c, k)
    assert mean_pass_at_k([(10, 5), (10, 0)], 1) == pytest.approx(0.25)


def coverage(tasks, won, lost):
    """The probability that Tango's interval holds the true difference, summed over all that can be seen."""
    found = 0.0
    for wins in range(tasks + 1):
        for losses in range(tasks + 1 - wins):
            rest = tasks - wins - losses
            ways = math.factorial(tasks) // (math.factorial(wins) * math.factorial(losses) * math.factorial(rest))
            chance = ways * won**wins * lost**losses * (1 - won - lost) ** rest
            low, high = tango(wins, losses, tasks) if chance > 1e-9 else (1.0, -1.0)
            found += chance * (low - 1e-9 <= won - lost <= high + 1e-9)
    return found


@pytest.mark.parametrize(("won", "lost"), [(0.05, 0.02), (0.02, 0.02), (0.1, 0.05), (0.3, 0.1), (0.01, 0.0)])
@pytest.mark.parametrize("tasks", [20, 30, 60])
def test_the_paired_interval_covers_at_few_tasks(tasks, won, lost):
    assert coverage(tasks, won, lost) > 0.94


def test_the_paired_interval_never_contradicts_the_test():
    for tasks in (4, 20, 164):
        for wins in range(min(tasks, 13)):
            for losses in range(min(tasks - wins, 13) + 1):
                low, high = tango(wins, losses, tasks)
                assert low <= (wins - losses) / tasks <= high
                holds_nought = low <= 1e-9 <= high + 2e-9
                assert holds_nought == (mcnemar(wins, losses) >= 0.05), (wins, losses, tasks)


def test_the_paired_interval_where_no_task_disagrees():
    low, high = tango(0, 0, 164)
    z = NormalDist().inv_cdf(0.975)
    assert high == pytest.approx(z * z / (164 + z * z))  # as Wilson's for none of 164
    assert low == pytest.approx(-high)
    assert compare([1.0, 0.0] * 10, [1.0, 0.0] * 10).high > 0.1


@pytest.mark.parametrize(("wins", "losses", "tasks"), [(12, 3, 40), (30, 5, 164), (9, 1, 20), (40, 20, 400)])
def test_the_ends_of_the_paired_interval_solve_the_score_equation(wins, losses, tasks):
    """By numerical maximisation of the likelihood under the difference, another way than the closed form."""
    from scipy.optimize import minimize_scalar

    assert mcnemar(wins, losses) < 0.05  # so that the interval is not stretched
    for delta in tango(wins, losses, tasks):

        def against(lost, delta=delta):
            rest = tasks - wins - losses
            return -(wins * math.log(lost + delta) + losses * math.log(lost) + rest * math.log(1 - 2 * lost - delta))

        low = max(0.0, -delta) + 1e-12
        lost = minimize_scalar(
            against, bounds=(low, (1 - delta) / 2 - 1e-12), method="bounded", options={"xatol": 1e-12}
        ).x
        z = (wins - losses - tasks * delta) / math.sqrt(tasks * (2 * lost + delta * (1 - delta)))
        assert abs(z) == pytest.approx(NormalDist().inv_cdf(0.975), rel=1e-5)


SHARES = {  # how many tasks of how many differ in their rates of passing, the rates there, and those of the others
    "few differ": (0.1, (0.8, 0.2), None),
    "very few, a little": (0.05, (0.5, 0.2), None),
    "all alike": (0.0, (0.5, 0.5), 0.5),
    "all differ": (1.0, (0.5, 0.4), None),
    "nearly all pass": (1.0, (0.99, 0.97), None),
}


@pytest.mark.parametrize("samples", [2, 5, 20])
@pytest.mark.parametrize("tasks", [10, 30, 164])
@pytest.mark.parametrize("kind", SHARES)
def test_the_interval_of_shares_covers(kind, tasks, samples):
    """By drawing 1,000 times a bench of tasks and on each the samples of two models: a standard error is 0.7 points."""
    import numpy

    differing, rates, common = SHARES[kind]
    draw = numpy.random.default_rng(tasks * samples)
    which = draw.random((1000, tasks))
    others = numpy.full(which.shape, common) if common is not None else numpy.round(draw.random(which.shape))
    passing = [numpy.where(which < differing, rate, others) for rate in rates]
    shares = [draw.binomial(samples, rate) / samples for rate in passing]
    true = differing * (rates[0] - rates[1])
    held = 0
    for differences in (shares[0] - shares[1]).tolist():
        low, high = of_shares(differences)
        held += low - 1e-9 <= true <= high + 1e-9
    assert held / 1000 > 0.92


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=12))
def test_the_interval_of_shares_never_contradicts_the_test(counts):
    paired = compare([a / 4 for a, _ in counts], [b / 4 for _, b in counts])
    assert -1 <= paired.low <= paired.difference + 1e-9
    assert paired.difference - 1e-9 <= paired.high <= 1
    if paired.p >= 0.05:
        assert paired.low <= 1e-9
        assert paired.high >= -1e-9
    else:
        assert not paired.low < 0 < paired.high
    if len(counts) > 1:
        assert paired.low < paired.high


def test_shares_that_differ_alike_are_not_known_exactly():
    """Four tasks that all gained a quarter: every draw with replacement is the same, and the test cannot tell."""
    paired = compare([0.5] * 4, [0.25] * 4)
    assert paired.p == 0.125
    assert paired.low < 0
    assert paired.high > 0.3
