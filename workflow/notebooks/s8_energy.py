# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Supplement S8. Where does the energy go to the objects?
# Token energy inside against outside the tiles of each kind, layer by layer.

# %% tags=["parameters"]
tables: str = "figures/tables"
stem: str = "figures/s8_energy"
model: str = "pocket"

# %%
from pathlib import Path

import matplotlib.pyplot as plt

from chain_of_steps import plots
from chain_of_steps.artifacts import read_table
from chain_of_steps.statistics.verdicts import HOLDS, judge

plots.style()
tables, stem = Path(tables), Path(stem)
energy = read_table(tables / "token_energy.csv")
energy = energy[energy["model"] == model]
regions = {  # the background is the complement of the objects: their mirror
    "objects": plots.COLOURS["blue"],
    "named": plots.COLOURS["orange"],
    "path": plots.COLOURS["green"],
}
names = {
    "objects": "objects",
    "named": "named in the prompt",
    "path": "path (where the answer is drawn)",
}
quantities = {
    "contrast_energy": "all channels: the paper's",
    "contrast_energy_rest": "massive channels left out",
    "contrast_variance": "channel variance",
}
looks = {
    ("first", "picture"): "step 0, latent frame 0",
    ("first", "video"): "step 0, later frames",
    ("all", "video"): "all steps, later frames",
}
n_layers = int(energy["layer"].max()) + 1

# %%
figure, axes = plt.subplots(
    len(looks), 4, figsize=(plots.PAGE, 5.4), sharex=True, sharey="col", layout="constrained"
)
for i, ((span, frames), when) in enumerate(looks.items()):
    here = energy[(energy["steps"] == span) & (energy["frames"] == frames)]
    for axis, (quantity, title) in zip(axes[i], quantities.items(), strict=False):
        for region, colour in regions.items():
            rows = here[(here["quantity"] == quantity) & (here["region"] == region)]
            plots.band(axis, rows, colour, names[region], x="layer", marker=".", ms=3)
        axis.axhline(0, color="0.7", lw=0.6)
        axis.set_title(title if i == 0 else "")
    axes[i][0].set_ylabel(f"{when}\nlog2(inside / outside)")
    share = here[here["quantity"] == "massive"]
    plots.band(axes[i][3], share, "black", x="layer", marker=".", ms=3)
    axes[i][3].set_ylim(0, 1)
    axes[i][3].set_title("massive channels' share" if i == 0 else "")
for axis in axes[-1]:
    axis.set_xlabel("layer")
    axis.set_xticks(range(0, n_layers, max(1, n_layers // 8)))
handles, labels = axes[0][0].get_legend_handles_labels()
figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))

# %% [markdown]
# The later frames are noise at step 0, so a contrast there has come from the given picture. It
# begins at the first layer from which on its interval stays above 0.


# %%
def begins(region: str, quantity: str, span: str, frames: str) -> int | None:
    rows = energy[(energy["region"] == region) & (energy["quantity"] == quantity)]
    rows = rows[(rows["steps"] == span) & (rows["frames"] == frames)].sort_values("layer")
    above = [judge(row.low, row.high) == HOLDS for row in rows.itertuples()]
    return next((int(k) for k in rows["layer"] if all(above[int(k) :])), None)


facts = {
    f"{region}/{quantity}/{span}/{frames}": {
        "begins_at_layer": begins(region, quantity, span, frames)
    }
    for region in regions
    for quantity in quantities
    for span, frames in looks
}


def told(region: str, quantity: str) -> str:
    layer = begins(region, quantity, "first", "video")
    return f"from layer {layer} on" if layer is not None else "at no layer up to the last"


def all_told(quantity: str) -> str:
    words = {"objects": "objects", "named": "those named in the prompt", "path": "the path"}
    known = [region for region in words if region in set(energy["region"])]
    return ", ".join(f"{told(region, quantity)} for {words[region]}" for region in known)


contrasts = energy[energy["quantity"].str.startswith("contrast")]
counts = contrasts.groupby("region")["n"].max()
shares = energy[(energy["quantity"] == "massive") & (energy["steps"] == "first")]["mean"]
caption = f"""Supplement S8 ({model} model, its own results). Token energy after each block
(conditional pass), inside against outside the tiles of each kind in the puzzle's own scenes, as
log2 of the ratio of means: 0 alike, 1 twice as much inside. Columns: all channels, the paper's own
quantity; without the massive channels, which at step 0 hold {shares.min():.0%} to
{shares.max():.0%} of the squared energy (fourth column); variance over channels. The background is
all that is no object, so its contrast is the objects' with the other sign. Rows: latent frame 0
shows the given picture; the later frames are noise at step 0, so a contrast there has come from the
picture. There, on all channels, it stays above 0 (95 % interval) {all_told("contrast_energy")};
without massive channels, {all_told("contrast_energy_rest")}. n =
{", ".join(f"{n} ({r})" for r, n in counts.items() if r in regions)} cases of all tasks that have
such tiles; bands are 95 % bootstrap intervals clustered by case."""
plots.save_figure(figure, stem, caption, ["tables/token_energy.csv"], facts)
