"""Similarity of hidden states: unbiased linear CKA (arXiv 2603.16870, section 3.2) and relative L2.

The biased estimator tends to 1 for unrelated data as soon as features outnumber rows; the
debiased HSIC of Song et al. (2012), used here, has expectation 0 for independent rows.
"""

from typing import Literal

import torch
from torch import Tensor

_ROUNDING = {"token": 1e-28, "feature": 1e-14}  # relative rounding of a squared fp64 Gram norm


def cka(x: Tensor, y: Tensor, form: Literal["auto", "token", "feature"] = "auto") -> Tensor:
    """Unbiased linear CKA between the rows of `x` and of `y`.

    x: (..., n, d), y: (..., n, e): n tokens (at least 4), any leading dimensions that broadcast.
    `form` chooses between n x n Gram matrices ("token") and d x e products ("feature"), which
    agree; "auto" takes the smaller. Returns fp64 (...), 1 for x with itself, about 0 for unrelated
    rows, possibly a little below 0 as nothing is clamped, nan where x or y is constant.
    Raises ValueError for fewer than 4 tokens or unequal token counts.
    """
    n = x.shape[-2]
    if n != y.shape[-2] or n < 4:
        raise ValueError(f"CKA needs the same 4 or more tokens twice, got {n} and {y.shape[-2]}")
    if form == "auto":
        form = "feature" if n > max(x.shape[-1], y.shape[-1]) else "token"
    product = _token_product if form == "token" else _feature_product
    a, b = _centred(x), _centred(y)
    norms = [_zero_if_rounding(product(c, c), c, _ROUNDING[form]) for c in (a, b)]
    score = product(a, b) / norms[0].sqrt() / norms[1].sqrt()
    return torch.where(norms[0] * norms[1] > 0, score, torch.nan)


def relative_l2(x: Tensor, base: Tensor) -> Tensor:
    """||x - base|| / ||base|| over the last two dimensions; fp64 (...); 0 = identical."""
    difference = (x.double() - base.double()).flatten(-2).norm(dim=-1)
    return difference / base.double().flatten(-2).norm(dim=-1)


def compare(latents: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
    """1 - CKA (0: unaffected, 1: destroyed) and relative L2 of latents (..., C, F, h, w).

    Space-time positions are samples, channels are features. Each (...) float64.
    """
    a, b = (x.flatten(-3).mT for x in (latents, reference))
    return 1 - cka(a, b), relative_l2(a, b)


def _centred(x: Tensor) -> Tensor:
    """Columns centred in fp64, so that a common offset of +300 costs no digits later."""
    x = x.double()
    return x - x.mean(dim=-2, keepdim=True)


def _token_product(a: Tensor, b: Tensor) -> Tensor:
    """Inner product of the two U-centred Gram matrices, n (n - 3) times the debiased HSIC."""
    return (_u_centred_gram(a) * _u_centred_gram(b)).sum(dim=(-2, -1))


def _u_centred_gram(a: Tensor) -> Tensor:
    n = a.shape[-2]
    gram = a @ a.mT
    gram.diagonal(dim1=-2, dim2=-1).zero_()
    rows = gram.sum(dim=-1) / (n - 2)
    gram = gram - rows[..., :, None] - rows[..., None, :]
    gram = gram + (rows.sum(dim=-1) / (n - 1))[..., None, None]
    gram.diagonal(dim1=-2, dim2=-1).zero_()
    return gram


def _feature_product(a: Tensor, b: Tensor) -> Tensor:
    """The same number from d x e sums: both Gram matrices written out, their diagonals removed."""
    n = a.shape[-2]
    energy = [c.square().sum(dim=-1) for c in (a, b)]
    rows = [(c @ c.sum(dim=-2)[..., None])[..., 0] - e for c, e in zip((a, b), energy, strict=True)]
    inner = (a.mT @ b).square().sum(dim=(-2, -1)) - (energy[0] * energy[1]).sum(dim=-1)
    totals = rows[0].sum(dim=-1) * rows[1].sum(dim=-1)
    crossed = (rows[0] * rows[1]).sum(dim=-1)
    return inner + totals / ((n - 1) * (n - 2)) - 2 * crossed / (n - 2)


def _zero_if_rounding(norm: Tensor, centred: Tensor, rounding: float) -> Tensor:
    """0 where the U-centred Gram holds rounding errors alone, which CKA would scale up to a score.

    So it is for constant rows, and for rows that differ in one token only.
    """
    trace = centred.square().sum(dim=(-2, -1))
    return torch.where(norm.abs() <= rounding * trace.square(), 0.0, norm)
