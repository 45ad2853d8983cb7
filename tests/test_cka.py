"""Unbiased CKA against a brute-force U-statistic, another library, and its invariances."""

from itertools import permutations

import pytest
import torch
from cka import cka_from_features

from chain_of_steps.cka import cka, relative_l2


def randn(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def related(n: int, d: int, e: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Two inputs that share part of their structure."""
    x = randn(n, d, seed=seed)
    return x, x @ randn(d, e, seed=seed + 1) / d**0.5 + randn(n, e, seed=seed + 2)


def brute_force_hsic(x: torch.Tensor, y: torch.Tensor) -> float:
    """HSIC as a U-statistic: the mean of its kernel over all ordered quadruples of distinct rows.

    HSIC = E[k(1,2) l(1,2)] + E[k(1,2)] E[l(3,4)] - 2 E[k(1,2) l(1,3)], each from distinct rows.
    """
    k, listed = (x @ x.T).tolist(), (y @ y.T).tolist()
    terms = [
        k[a][b] * (listed[a][b] + listed[c][d] - 2 * listed[a][c])
        for a, b, c, d in permutations(range(len(k)), 4)
    ]
    return sum(terms) / len(terms)


def brute_force_cka(x: torch.Tensor, y: torch.Tensor) -> float:
    norm = brute_force_hsic(x, x) * brute_force_hsic(y, y)
    return brute_force_hsic(x, y) / norm**0.5


@pytest.mark.parametrize("form", ["auto", "token", "feature"])
def test_brute_force_u_statistic(form):
    x, y = related(9, 5, 7)
    assert cka(x, y, form).item() == pytest.approx(brute_force_cka(x, y), abs=1e-11)


@pytest.mark.parametrize("form", ["token", "feature"])
def test_x_with_itself_is_one(form):
    x = randn(40, 12)
    assert cka(x, x, form).item() == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("form", ["token", "feature"])
def test_rotation_scale_and_translation_change_nothing(form):
    x, y = related(30, 8, 11)
    expected = cka(x, y, form).item()
    rotation = torch.linalg.qr(randn(8, 8, seed=5)).Q
    assert cka(x @ rotation, y, form).item() == pytest.approx(expected, abs=1e-12)
    assert cka(1e-3 * x, 70 * y, form).item() == pytest.approx(expected, abs=1e-12)
    assert cka(x + 300, y - 300, form).item() == pytest.approx(expected, abs=1e-10)
    # Not an invariance of linear CKA, so that the lines above cannot pass by accident.
    assert abs(cka(x * torch.arange(1, 9), y, form).item() - expected) > 1e-3


def test_fp32_input_with_a_large_offset_keeps_its_digits():
    x, y = related(30, 8, 11)
    expected = cka(x, y).item()
    moved = cka((x + 300).float(), (y + 300).float())
    assert moved.dtype == torch.float64
    assert moved.item() == pytest.approx(expected, abs=1e-4)


def test_unrelated_inputs_are_near_zero_where_the_biased_estimator_is_near_one():
    x, y = randn(200, 32, 512), randn(200, 32, 512, seed=1)
    scores = cka(x, y)
    assert scores.abs().max() < 0.2
    # The mean of 200 must lie within four standard errors of 0, and some must be negative.
    assert abs(scores.mean()) < 4 * scores.std() / 200**0.5
    assert (scores < 0).any()
    grams = [c - c.mean(-2, keepdim=True) for c in (x[0], y[0])]
    grams = [c @ c.T for c in grams]
    biased = (grams[0] * grams[1]).sum() / grams[0].norm() / grams[1].norm()
    assert biased > 0.9


@pytest.mark.parametrize(("n", "d", "e"), [(9, 5, 7), (64, 16, 3), (12, 40, 40), (33, 33, 33)])
def test_token_and_feature_form_agree(n, d, e):
    x, y = related(n, d, e)
    token, feature = cka(x, y, "token").item(), cka(x, y, "feature").item()
    assert token == pytest.approx(feature, abs=1e-11)
    assert cka(x, y).item() == (feature if n > max(d, e) else token)


def test_leading_dimensions_are_a_batch_and_broadcast():
    x, y = randn(3, 2, 20, 6), randn(2, 20, 6, seed=1)
    together = cka(x, y)
    assert together.shape == (3, 2)
    for i in range(3):
        for j in range(2):
            assert together[i, j].item() == pytest.approx(cka(x[i, j], y[j]).item(), abs=1e-12)


@pytest.mark.parametrize("form", ["token", "feature"])
def test_degenerate_input_is_nan_and_does_not_spoil_its_neighbours(form):
    x, y = randn(3, 23, 6), randn(3, 23, 6, seed=1)
    x[1] = 300 + randn(6, seed=2)  # the same in every token
    assert (x[1] - x[1].mean(dim=0)).abs().max() > 0, "centring leaves no rounding to be fooled by"
    y[2] = 0.1
    y[2, 7] = 5.3  # one token differs: no pair of distinct tokens varies
    scores = cka(x, y, form)
    assert scores.isnan().tolist() == [False, True, True]
    assert scores[0].item() == pytest.approx(cka(x[0], y[0]).item(), abs=1e-12)
    assert cka(x, x.float(), form).isnan().tolist() == [False, True, False]


def test_too_few_or_unequal_tokens_are_refused():
    with pytest.raises(ValueError, match="4 or more tokens"):
        cka(randn(3, 5), randn(3, 5))
    with pytest.raises(ValueError, match="8 and 9"):
        cka(randn(8, 5), randn(9, 5))


@pytest.mark.parametrize("form", ["token", "feature"])
def test_agrees_with_pytorch_cka_in_fp64(form):
    pairs = [related(40, 12, 9, seed) for seed in range(3)]
    xs, ys = (torch.stack(side) for side in zip(*pairs, strict=True))
    ours = cka(xs[:, None], ys[None], form)
    library = cka_from_features(xs, ys)  # clamped to [0, 1]
    assert (library.diagonal() > 0.2).all()
    torch.testing.assert_close(ours.clamp(min=0), library, atol=1e-12, rtol=0)


def test_relative_l2():
    reference = torch.full((2, 3, 4), 2.0)
    x = reference.clone()
    x[1, 0, 0] += 6.0
    expected = [0.0, 6.0 / (12 * 4.0) ** 0.5]
    assert relative_l2(x, reference).tolist() == pytest.approx(expected, abs=1e-12)
