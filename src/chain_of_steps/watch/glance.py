"""Latents as small pictures, without the codec: one linear map, fitted to what is given.

The first latent frame of an image-to-video run is the given picture, whose pixels are known. From
it a colour for each latent vector is fitted by least squares, which shows where things are, not how
they look.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from chain_of_steps.ridge import ridge


def fit_colours(latent: np.ndarray, picture: np.ndarray) -> np.ndarray:
    """The map (C + 1, 3) from a latent vector, and 1, to a colour in [0, 1].

    latent: (C, h, w) of the given picture. picture: (H, W, 3) uint8.
    """
    _, height, width = latent.shape
    small = Image.fromarray(picture).resize((width, height), Image.Resampling.BOX)
    colours = np.asarray(small, np.float64).reshape(-1, 3) / 255
    vectors = _with_one(latent)
    return ridge(vectors.T @ vectors, vectors.T @ colours)


def colours_of(latent: np.ndarray, fitted: np.ndarray) -> np.ndarray:
    """(h, w, 3) uint8 of a latent frame (C, h, w)."""
    colours = (_with_one(latent) @ fitted).reshape(*latent.shape[1:], 3)
    return np.round(np.clip(colours, 0, 1) * 255).astype(np.uint8)


def _with_one(latent: np.ndarray) -> np.ndarray:
    vectors = latent.reshape(len(latent), -1).T.astype(np.float64)
    return np.column_stack([vectors, np.ones(len(vectors))])
