"""The ridge regression is the closed form it says it is."""

from __future__ import annotations

import torch

from limner_unclip.training.ridge_prior import fit_ridge


def pairs(noise: float = 0.0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    texts = torch.randn(400, 6, generator=generator) + 2
    weight = torch.randn(6, 4, generator=generator)
    return texts, texts @ weight + 3 + noise * torch.randn(400, 4, generator=generator), weight


def test_a_linear_relation_is_found_with_its_offset():
    texts, images, weight = pairs()
    fit = fit_ridge(texts, images, penalty=1e-9)
    assert torch.allclose(fit.weight, weight, atol=1e-4)
    assert torch.allclose(fit.bias, torch.full((4,), 3.0), atol=1e-3)


def test_the_gradient_of_the_penalised_error_vanishes():
    texts, images, _ = pairs(noise=1.0)
    fit = fit_ridge(texts, images, penalty=0.3)
    x, y = texts - texts.mean(0), images - images.mean(0)
    scale = (x.T @ x / len(x)).diagonal().mean()
    gradient = x.T @ (x @ fit.weight - y) / len(x) + 0.3 * scale * fit.weight
    assert gradient.abs().max() < 1e-4


def test_a_heavy_penalty_leaves_the_mean():
    texts, images, _ = pairs(noise=1.0)
    fit = fit_ridge(texts, images, penalty=1e9)
    assert torch.allclose(texts @ fit.weight + fit.bias, images.mean(0).expand_as(images), atol=1e-3)
