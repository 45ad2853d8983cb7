"""What the captions say of swaps: every number comes from the table."""

from __future__ import annotations

import pandas as pd

from chain_of_steps.experiments.layers.swap import FIRST, ONE, first_middle_last
from chain_of_steps.statistics.text import with_interval
from chain_of_steps.tasks.reader import ACCEPT

NOTHING = "No pair of runs ends right without a swap, so no swap can flip it."
PARTS = {"picture": "tokens of the picture", "video": "tokens of the later latent frames"}


def flips_by_dose(swap: pd.DataFrame) -> pd.DataFrame:
    """Rows `flipped` of `summarise_swap` for swaps at the first steps, with their mean dose."""
    where = ["steps", "part", "swapped", "layer"]
    first = swap[swap["span"] == FIRST]
    doses = first[first["quantity"] == "dose"].set_index(where)["mean"].rename("dose")
    return first[first["quantity"] == "flipped"].join(doses, on=where)


def swap_sentences(swap: pd.DataFrame) -> list[str]:
    """What flips at the paper's dose, at which dose all tokens do, and which layers do there.

    swap: `summarise_swap` of one model.
    """
    flips = flips_by_dose(swap)
    if flips.empty:
        return [NOTHING]
    texts = []
    # one step of the study's own schedule, all tokens, so at whatever layer
    paper = swap[(swap["span"] == ONE) & (swap["look"] == "final") & (swap["part"] == "all")]
    paper = paper[paper["layer"] == 0].set_index("quantity")
    if len(paper):
        rate, dose, way = (paper.loc[name] for name in ("flipped", "dose", "moved"))
        texts.append(
            f"At the paper's dose, all tokens at one step of {int(rate['steps'])}, {_rate(rate)}"
            " flip, whichever layer it is done at, as between runs of one prompt a later block is"
            " given nothing but the tokens; such a swap changes the latent by"
            f" {dose['mean']:.1e} (|Δx|/|x|) and the result by {way['mean']:.1e} of the way to the"
            " twin's."
        )
    n_steps = int(flips["steps"].max())
    control = flips[(flips["part"] == "all") & (flips["layer"] == 0)].sort_values("swapped")
    flipping = control[control["mean"] > 0.5]
    if len(flipping):
        least = flipping.iloc[0]
        texts.append(
            f"All tokens, which is the twin's run until it is let go, flip more than half of the"
            f" answers from {int(least['swapped'])} of {n_steps} steps on (σ"
            f" {least['until']:.2f}, dose {least['dose']:.2f})."
        )
    else:
        texts.append("At no dose do all tokens flip more than half of the answers.")
    whole = flips[flips["swapped"] == n_steps].set_index(["part", "layer"])
    layers = sorted(first_middle_last(int(flips["layer"].max()) + 1))
    told = [
        f"{title}: "
        + ", ".join(
            f"layer {layer} {_rate(whole.loc[(part, layer)])} (dose"
            f" {whole.loc[(part, layer), 'dose']:.2f})"
            for layer in layers
        )
        for part, title in PARTS.items()
    ]
    texts.append(f"At all steps: {'; '.join(told)}.")
    return texts


def estimate_sentence(swap: pd.DataFrame) -> str:
    """What a swap of all tokens does to the estimate of its own step: arithmetic and threshold."""
    rows = swap[(swap["span"] == ONE) & (swap["look"] == "estimate") & (swap["part"] == "all")]
    rows = rows[rows["layer"] == 0]
    moved, flipped = (
        rows[rows["quantity"] == name].sort_values("step") for name in ("moved", "flipped")
    )
    if moved.empty:
        return NOTHING
    apart = (moved["mean"] - moved["sigma"]).abs().max()
    way = ", ".join(f"{row.mean:.3f} at σ {row.sigma:.3f}" for row in moved.itertuples())
    rates = ", ".join(f"{row.mean:.2f} at σ {row.sigma:.2f}" for row in flipped.itertuples())
    return (
        f"A swap of all tokens with the twin at one step of {int(moved['steps'].max())} is no"
        " finding about layers when it is read in the clean estimate of that step, so it is not"
        f" drawn: the estimate moves by σ of the way to the twin's ({way}; at most {apart:.1e}"
        f" off), and its answer flips where σ exceeds the reader's threshold {ACCEPT:g}: {rates}."
    )


def _rate(row: pd.Series) -> str:
    return with_interval(row["mean"], row["low"], row["high"])
