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
# # How good the clean estimate of each step is
# Figure S1 in the form that any scored study has: the score of clean estimates by step.

# %% tags=["parameters"]
tables: str = "figures/tables"
stem: str = "figures/latents_scores"
model: str = "pocket"

# %%
from pathlib import Path

import matplotlib.pyplot as plt

from chain_of_steps import plots
from chain_of_steps.artifacts import read_table
from chain_of_steps.statistics.text import with_interval

plots.style()
tables, stem = Path(tables), Path(stem)
scores = read_table(tables / "latents_scores.csv")
of_steps = scores[scores["step"].notna()]


# %%
def draw():
    """The figure, its caption and its facts, of a study that scores clean estimates."""
    results = scores[scores["step"].isna()]
    models, splits = list(dict.fromkeys(scores["model"])), sorted(scores["split"].unique())
    models = sorted(models, key=lambda name: name != model)
    figure, axes = plt.subplots(
        1, len(splits), figsize=(plots.PAGE, 2.6), sharey=True, squeeze=False, layout="constrained"
    )
    facts = {}
    last = int(of_steps["step"].max())
    known = of_steps.groupby("step")["sigma"].first()
    for axis, split in zip(axes[0], splits, strict=True):
        for name, colour in zip(models, plots.COLOURS.values(), strict=False):
            rows = of_steps[(of_steps["model"] == name) & (of_steps["split"] == split)]
            rows = rows.assign(place=plots.log_snr(rows["sigma"].to_numpy()))
            plots.band(axis, rows, colour, name, x="place", marker="o", ms=2.5)
            end = results[(results["model"] == name) & (results["split"] == split)]
            for row in end.itertuples():
                axis.axhspan(row.low, row.high, color=colour, alpha=0.12, lw=0)
                axis.axhline(row.mean, color=colour, lw=1, ls="--")
                facts[f"result, {name}, {split}"] = with_interval(row.mean, row.low, row.high)
        n = int(scores.loc[scores["split"] == split, "n"].max())
        axis.set_title(f"{split}, n = {n}", pad=12)
        axis.set_xticks(plots.log_snr(known.to_numpy()), [f"{sigma:.2g}" for sigma in known])
        top = axis.secondary_xaxis("top")
        top.set_xticks(plots.log_snr(known.to_numpy()), [str(int(step)) for step in known.index])
        top.tick_params(labelsize=6, pad=1)
        axis.set_xlabel("σ (log-SNR; denoising step above)")
    axes[0][0].set_ylim(bottom=0)
    axes[0][0].set_ylabel("score by VBVR-Bench")
    figure.legend(*axes[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    told = "; ".join(f"{name}: {value}" for name, value in facts.items())
    caption = f"""Score of the clean estimate of each step, scored as a video (its own results), up
    to step {last}. Dashed: the result. Samples (n) are those that have a score; bands: 95 %
    intervals, bootstrap over tasks, as in Table 2. An estimate of an early step is blurred, which a
    scorer may count as wrong, so a late rise is no late answer by itself. {told}."""
    return figure, caption, facts


none = """Scores by step are not drawn: the study scores no clean estimates. Write vbvr into
experiments and steps into vbvr.conditions; of puzzles, Figure S1 has what is read at each step."""
none = " ".join(none.split())
figure, caption, facts = draw() if len(of_steps) else (plots.sentence(none), none, {})
plots.save_figure(figure, stem, caption, ["tables/latents_scores.csv"], facts)
