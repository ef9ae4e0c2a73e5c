"""The lab's weights: what each is where it can be told by hand, and which way its gradient goes."""

import math

import pytest
import torch

from fgit_cli.training.losses import Batch, Forks, Side, Totals, changed, dynamic_weights, nll
from fgit_cli.training.objective import Objective
from lab import weights


def side(probabilities, value):
    log_p = torch.tensor([probabilities], dtype=torch.float64).log().requires_grad_()
    value = torch.tensor([value])
    return Side(log_p, value, torch.ones_like(value, dtype=torch.bool), torch.zeros_like(log_p))


def batch(correct, incorrect, active=True):
    none = torch.zeros(1, 1, dtype=torch.float64)
    return Batch(
        correct, incorrect, Forks(none, none, none.bool()), torch.tensor([active]), torch.zeros(1), torch.zeros(1)
    )


def mixed(right=0.9, wrong=0.2):
    """A changed line of three tokens with one changed token, which alone differs between the sides."""
    return batch(side([0.5, 0.99, right, 0.98], [0, 1, 2, 1]), side([0.5, 0.99, wrong, 0.98], [0, 1, 2, 1]))


def papers(batch):
    return dynamic_weights(Objective("fgit"), batch)


def r_of(c, a):
    return (c - a) / (c + a)


PAIRED = (
    weights.changed_mean, weights.signed, weights.signed_changed(), weights.clipped_changed,
    weights.signed_fork,
)  # fmt: skip


@pytest.mark.parametrize("weigh", PAIRED)
def test_an_inactive_pair_and_unmarked_tokens_are_plain_sft(weigh):
    assert torch.equal(weigh(mixed()._replace(active=torch.tensor([False]))), torch.ones(1, 4, dtype=torch.float64))
    assert weigh(mixed())[0, 0] == 1


def test_the_changed_tokens_tell_a_pair_apart_that_its_easy_tokens_hide():
    over_all, over_changed = (w[0, 2].item() for w in (papers(mixed()), weights.changed_mean(mixed())))
    h_c, h_a = (0.99 + 2 * 0.9 + 0.98) / 3, (0.99 + 2 * 0.2 + 0.98) / 3
    assert over_all == pytest.approx(2 - r_of(h_c, h_a))
    assert over_changed == pytest.approx(2 - r_of(0.9, 0.2))
    assert over_changed < over_all


def test_a_side_without_a_changed_token_has_nothing_to_compare():
    """A changed line of which every token stands for itself tells nothing of one changed token of the other side."""
    anchored = batch(side([0.7, 0.5], [1, 0]), side([0.1, 0.5], [2, 2]))
    for weigh in (weights.changed_mean, weights.signed_changed(), weights.clipped_changed):
        assert weigh(anchored)[0].tolist() == [1, 1]


@pytest.mark.parametrize(("right", "wrong"), [(0.9, 0.2), (0.2, 0.9), (0.5, 0.5)])
def test_signed_weights_fall_as_the_correct_side_leads(right, wrong):
    pair = mixed(right, wrong)
    r, r_all = r_of(right, wrong), r_of(0.99 + 2 * right + 0.98, 0.99 + 2 * wrong + 0.98)
    assert weights.signed(pair)[0, 1].item() == pytest.approx(2 - r_all)
    assert weights.signed_changed()(pair)[0, 1].item() == pytest.approx(2 - r)
    assert weights.signed_fork(pair)[0, 1].item() == pytest.approx(2 - r)
    assert weights.clipped_changed(pair)[0, 1].item() == pytest.approx(2 - max(0.0, r))
    assert weights.signed_changed(of=changed)(pair)[0].tolist() == pytest.approx([1, 1, 2 - r, 1])


def pull(weigh, pair):
    """What a step of descent on Σ w · (−log P) through w alone adds to the incorrect side's changed token."""
    nll(pair.correct._replace(log_p=pair.correct.log_p.detach()), weigh(pair)).backward()
    return -pair.incorrect.log_p.grad[0, 2].item()


def test_the_papers_gradient_drives_a_confidently_wrong_pair_further_and_the_signed_one_does_not():
    assert pull(papers, mixed(0.2, 0.9)) > 0
    assert pull(weights.signed, mixed(0.2, 0.9)) < 0
    assert pull(weights.signed_changed(), mixed(0.2, 0.9)) < 0
    assert pull(weights.clipped_changed, mixed(0.2, 0.9)) == 0
    for weigh in (papers, weights.signed, weights.clipped_changed):
        assert pull(weigh, mixed(0.9, 0.2)) < 0


@pytest.mark.parametrize("alpha", [2.0, 3.0])
def test_what_is_shipped_is_what_was_compared(alpha):
    for pair in (mixed(), mixed(0.2, 0.9), mixed()._replace(active=torch.tensor([False]))):
        shipped = dynamic_weights(Objective("signed", alpha=alpha), pair)
        assert torch.allclose(shipped, weights.signed_changed(alpha)(pair))


def test_the_fork_is_the_first_changed_token():
    found = weights.fork(side([0.5] * 5, [0, 1, 2, 2, 1]))
    assert found.value.tolist() == [[0, 0, 1, 0, 0]]


def test_focal_is_what_each_token_lacks():
    found = weights.focal(mixed())
    assert found[0].tolist() == pytest.approx([1, 1.01, 1.1, 1.02])
    assert not found.requires_grad


def test_the_misplaced_fork_is_a_preference_between_first_changed_tokens_wherever_they_stand():
    pair = batch(side([0.5, 0.9, 0.3, 0.4], [0, 1, 2, 2]), side([0.5, 0.6, 0.8], [0, 1, 0]))  # no change: marked
    plain = weights.misplaced_fork()(Objective(), pair, Totals(4, 2))
    assert plain.item() == pytest.approx(math.log(1 + 0.6 / 0.3) / 2)
    more = weights.misplaced_fork(rest=True)(Objective(), pair, Totals(4, 2)) - plain
    assert more.item() == pytest.approx(-sum(p * math.log(p) for p in (0.5, 0.9, 0.3, 0.4)) / 4)
    inactive = weights.misplaced_fork()(Objective(), pair._replace(active=torch.tensor([False])), Totals(4, 2))
    assert inactive.item() == 0


def test_marked_tokens_alone():
    found = weights.marked_alone(Objective(), mixed(), Totals(4, 1))
    assert found.item() == pytest.approx(-math.log(0.99 * 0.9 * 0.98) / 4)


@pytest.mark.parametrize(("margin", "expected"), [(3.0, math.log(1 + 0.2 / 0.9)), (1.0, 0.0)])
def test_a_pair_that_has_learned_enough_is_left_alone(margin, expected):
    log_p = torch.tensor([[[0.9]], [[0.2]]]).log().requires_grad_()  # log-ratio 1.5
    forked = mixed()._replace(forks=Forks(log_p[0], log_p[1], torch.tensor([[True]])))
    found = weights.forks_within(margin)(Objective("fork"), forked, Totals(4, 1))
    assert found.item() == pytest.approx(expected)


def test_against_the_fork():
    totals, pair = Totals(4, 1), mixed(0.9, 0.2)
    plain = nll(pair.correct) / 4
    assert weights.against_fork(0.0)(Objective(), pair, totals).item() == pytest.approx(plain.item())
    more = weights.against_fork(2.0)(Objective(), pair, totals) - plain
    assert more.item() == pytest.approx(-2 * math.log(1 - 0.2) / 4)
    weights.against_fork(1.0)(Objective(), mixed(0.9, 1.0), totals).backward()  # certain of the fault: finite
