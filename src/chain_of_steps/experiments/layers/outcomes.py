"""What the layers came to, run by run, as claims are judged on it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from chain_of_steps.experiments.layers.energy import contrasts
from chain_of_steps.experiments.layers.swap import FIRST, OUTCOMES
from chain_of_steps.outcomes import RUN, joined, outcome

MIDDLE = (0.25, 0.75)  # share of the depth that counts as the middle layers (paper: 10 to 29 of 40)


def layer_outcomes(
    energy: pd.DataFrame, swaps: pd.DataFrame | None, cases: pd.DataFrame
) -> pd.DataFrame:
    """Rows as `outcomes` has them. cases: their index.

    energy: as `measure_energy` gives it; swaps: as `swap_identify` does.

        <quantity> of <region>          log2 of the ratio of mean energies, inside against outside,
                                        of the video's frames by layer; condition: first step, or
                                        all steps. energy is the L2 norm over all channels, as in
                                        the paper; energy_rest leaves the massive ones out
        <quantity> of <region>, middle against others    mean over the middle half of the layers
                                        minus that over the others
        kept, flipped, moved, dose      of eligible swaps; condition "<look>, <part>" at one step,
                                        "<m> first steps, <part>" at several, "all steps, <part>"
                                        at all of them, both read in the final video
    """
    tables = [*_energy(energy[energy["branch"] == "cond"])]
    if swaps is not None:
        tables += _swaps(swaps[swaps["eligible"]])
    return joined(tables, cases)


def _energy(energy: pd.DataFrame) -> Iterator[pd.DataFrame]:
    rows = contrasts(energy)
    rows = rows[rows["frames"] == "video"]
    layers = np.sort(rows["layer"].unique())
    low, high = MIDDLE[0] * len(layers), MIDDLE[1] * len(layers)
    middle = set(layers[int(low) : int(np.ceil(high))])
    parts = {"first step": rows[rows["step"] == 0], "all steps": rows}
    for condition, part in parts.items():
        for (quantity, region), mine in part.groupby(["quantity", "region"]):
            name = f"{quantity} of {region}"
            found = mine.groupby([*RUN, "layer"], as_index=False)["contrast"].mean()
            labels = {"condition": condition, "layer": found["layer"]}
            yield outcome(found, name, found["contrast"], **labels)
            inside = found["layer"].isin(middle)
            sides = (found[s].groupby(list(RUN))["contrast"].mean() for s in (inside, ~inside))
            apart = next(sides) - next(sides)
            apart = apart.rename("value").reset_index()
            yield outcome(
                apart, f"{name}, middle against others", apart["value"], condition=condition
            )


def _swaps(swaps: pd.DataFrame) -> Iterator[pd.DataFrame]:
    for (span, swapped, look, part), mine in swaps.groupby(["span", "swapped", "look", "part"]):
        when = look
        if span == FIRST:
            all_steps = swapped == mine["steps"].iloc[0]
            when = "all steps" if all_steps else f"{swapped} first steps"
        for name in (*OUTCOMES, "dose"):
            labels = {"condition": f"{when}, {part}", "layer": mine["layer"]}
            yield outcome(mine, name, mine[name], step=mine["step"], **labels)
