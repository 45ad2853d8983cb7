"""Inside one step: token energy, layer swaps, patching, ablation: Figures 6, S6 to S8."""
