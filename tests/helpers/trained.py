"""The smallest training of a pocket model."""

from chain_of_steps.pocket.training import TrainConfig

TINY = TrainConfig(
    steps=3,
    batch=4,
    layers=1,
    heads=2,
    head_dim=24,
    ffn_dim=32,
    text_dim=16,
    warm_up=1,
    threads=1,
    mix={"maze": 1.0, "odd": 1.0},
)
