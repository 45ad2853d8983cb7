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
# # Supplement S4. Search, or the mean of the posterior?
# The model's clean estimate beside that of the exact ideal denoiser, from the same noisy latent.

# %% tags=["parameters"]
tables: str = "figures/tables"
stem: str = "figures/s4_posterior"
model: str = "pocket"

# %%
from pathlib import Path

import matplotlib.pyplot as plt

from chain_of_steps import plots
from chain_of_steps.artifacts import read_table
from chain_of_steps.statistics.text import with_interval
from chain_of_steps.statistics.verdicts import HOLDS, REVERSED, UNDECIDED

plots.style()
tables, stem = Path(tables), Path(stem)
posterior = read_table(tables / "posterior.parquet")
verdicts = read_table(tables / "behaviour_verdicts.csv")
posterior = posterior[(posterior["split"] == "in-domain") & (posterior["model"] == model)]
steps = posterior.dropna(subset="step")
sigmas = [*steps.drop_duplicates("step").sort_values("step")["sigma"], 0.0]
ORDER = [
    *(("grid", "several"), ("fork", "several"), ("tictactoe", "several")),
    *(("tictactoe", "one"), ("maze", "one"), ("chain", "one")),
]
KINDS = {"one": "one right answer", "several": "several right answers"}
KEY = ["task", "solutions"]
read = posterior[posterior["step"].isna() & posterior["quantity"].isin(["candidates_read", "own"])]
counts = read.groupby(KEY)["quantity"].nunique()
# where nothing can be read at any step there is nothing to compare
panels = [key for key in ORDER if counts.get(key, 0) == 2]

# %%
CURVES = (
    ("candidates_model", "rule", "blue", "-", "model"),
    ("candidates_read", "rule", "orange", "-", "ideal, right answers only"),
    ("candidates_read", "wide", "grey", "--", "ideal, all candidates"),
)
DISTANCES = (
    ("kl", "rule", "blue", "-", "ideal to model"),
    ("kl_floor", "rule", "orange", ":", "ideal to its own picture"),
    ("kl", "wide", "grey", "--", "all candidates to model"),
)
width = plots.PAGE * min(1, max(1, len(panels)) / 4 + 0.05)
figure, axes = plt.subplots(2, max(1, len(panels)), figsize=(width, 4.2), squeeze=False)
for (top, bottom), (task, kind) in zip(axes.T, panels, strict=bool(panels)):
    here = steps[(steps["task"] == task) & (steps["solutions"] == kind)]
    for axis, curves in ((top, CURVES), (bottom, DISTANCES)):
        for quantity, prior, colour, line, label in curves:
            rows = here[(here["quantity"] == quantity) & (here["prior"] == prior)]
            plots.band(axis, rows, plots.COLOURS[colour], label, linestyle=line)
    heading = f"{plots.title(task)}\n{kind} right".replace(", ", ",\n")
    top.set_title(heading, pad=12, fontsize=7)
    plots.label_steps(top, sigmas)
    plots.label_steps(bottom, sigmas)
    bottom.set_ylim(bottom=0)
if not panels:
    axes[0, 0].set_title("nothing can be read at any step", fontsize=7)
axes[0, 0].set_ylabel("effective candidates")
axes[1, 0].set_ylabel("KL divergence (nats)")
for row, place in zip(axes, (0.97, 0.445), strict=True):
    figure.legend(
        *row[0].get_legend_handles_labels(),
        fontsize=6,
        loc="center",
        bbox_to_anchor=(0.5, place),
        ncols=3,
    )
figure.supxlabel("σ (denoising step above)", fontsize=8)
figure.tight_layout(w_pad=0.5, h_pad=2.5, rect=(0, 0, 1, 0.95))


# %%
def value(task, kind, quantity, prior="rule"):
    rows = posterior[
        (posterior["task"] == task)
        & (posterior["solutions"] == kind)
        & (posterior["quantity"] == quantity)
        & (posterior["prior"] == prior)
        & posterior["step"].isna()
    ]
    return rows.iloc[0] if len(rows) else None


def spoken(row):
    return "none" if row is None else with_interval(row["mean"], row["low"], row["high"])


FOUND = {
    HOLDS: "so some is the model's own",
    REVERSED: "so none beyond it is the model's own",
    UNDECIDED: "neither more nor less as far as can be told",
}
facts, sentences = {}, []
for task, kind in panels:
    found = {
        quantity: value(task, kind, quantity)
        for quantity in (
            *("candidates_model", "candidates_read", "candidates_ideal", "own", "kl"),
            *("commitment_model", "commitment_ideal", "same_choice", "chance"),
        )
    }
    facts[f"{task}/{kind}"] = {
        name: {key: row[key] for key in ("mean", "low", "high", "n")}
        for name, row in found.items()
        if row is not None
    }
    own = verdicts[
        (verdicts["model"] == model)
        & (verdicts["claim"] == "holds_more_than_posterior")
        & (verdicts["control"] == f"{task}, {KINDS[kind]}, in-domain")
    ]["verdict"]
    judged = FOUND[own.iloc[0]] if len(own) else FOUND[UNDECIDED]
    more, less = (found[f"candidates_{who}"]["mean"] - 1 for who in ("model", "read"))
    text = (
        f"{plots.title(task)}, {KINDS[kind]} (n = {int(found['own']['n'])}): beyond one candidate"
        f" the posterior mean shows {less:.2f} and the model {more:.2f}, {judged} (difference"
        f" {spoken(found['own'])}); the model commits at step {spoken(found['commitment_model'])},"
        f" the ideal at {spoken(found['commitment_ideal'])}"
    )
    if kind == "several":
        text += (
            "; the ideal's own run from the same first latent ends on the model's answer in"
            f" {spoken(found['same_choice'])} of runs, by chance {found['chance']['mean']:.2f}"
        )
    sentences.append(f"{text}.")
caption = f"""Supplement S4 ({model} model, its own results). What a clean estimate holds open,
beside the exact posterior mean given the model's own latent of that step. Top: effective number
of candidates, exp(entropy) of the evidence, read by the same reader from the model's clean
estimate and from the ideal denoiser's; puzzles in domain. Bottom: KL divergence from the exact
posterior to the
model's evidence, and what reading a picture costs by itself. Right answers only: the training
distribution given first frame and prompt, so with one right answer this ideal has decided from
the start, and what the model still holds open is its own. All candidates: what the latent tells
somebody who cannot tell right from wrong.
Means over steps with 95 % intervals by case. {" ".join(sentences)}"""
inputs = ["tables/posterior.parquet", "tables/behaviour_verdicts.csv"]
plots.save_figure(figure, stem, caption, inputs, facts)
