"""A whole study that nobody ran: the tables of every claim, with models that need steps or not."""

import math
import zlib
from pathlib import Path

import judged
import numpy as np
import pandas as pd
import yaml
from repository import ROOT

from chain_of_steps import cli
from chain_of_steps.artifacts import write_table
from chain_of_steps.outcomes import COLUMNS, LABELS
from chain_of_steps.study.claims import Claim, load_claims

EXPECTED = ROOT / "workflow/paper/expected.yaml"
EXPERIMENTS = [
    *("decision", "noise", "behaviours", "layers", "ensemble", "front", "handover", "loops")
]
MODELS = {"small": ["small", "small-again"], "deep": ["deep"], "other": ["other"]}
TASKS = {
    **dict.fromkeys(("chain", "chain_back", "chain_once", "chain_lit", "flood"), 10),
    **dict.fromkeys(("maze", "grid", "latin", "tictactoe", "polyomino", "reappear", "occlude"), 5),
    **dict.fromkeys(("shelf", "odd", "size", "rotation", "bounce"), 3),
}
SEVERAL = ("grid",)  # tasks with several right answers; and every other tictactoe
PLACES = {"first": 0.0, "middle": 10.0, "last": 20.0}


def study(folder: Path, resamples: int = 100) -> Path:
    """Folder of figures, with the tables and what `cos claims` makes of them."""
    tables = folder / "figures/tables"
    tables.mkdir(parents=True)
    index = judged.cases(TASKS).assign(digest=lambda rows: "d" + rows["case"])
    odd = index["case"].str[-1].isin(list("13579"))
    several = index["task"].isin(SEVERAL) | (index["task"].eq("tictactoe") & odd)
    index["solutions"] = np.where(several, 3, 1)
    write_table(tables / "cases.csv", index)
    names = [name for repeats in MODELS.values() for name in repeats]
    looks = judged.readouts(index, _answers, names)
    found = judged.outcomes_of(looks, index)
    claims = [claim for claim in load_claims(EXPECTED) if claim.untestable is None]
    for name in sorted({claim.table for claim in claims} - {"decision_outcomes.parquet"}):
        mine = [claim for claim in claims if claim.table == name]
        found[name] = _outcomes(mine, index, names)
    for name, table in found.items():
        write_table(tables / name, table)
    models = {
        name: {"path": "none", **({} if name == model else {"repeats": model})}
        for model, repeats in MODELS.items()
        for name in repeats
    }
    config = {"study": "made-up", "models": models, "experiments": EXPERIMENTS}
    config |= {"cases": {"tasks": list(TASKS)}, "sampler": {"steps": judged.N_STEPS}}
    config |= {"statistics": {"resamples": resamples, "seed": 3}}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    options = ("--config", folder / "config.yaml", "--expected", EXPECTED, "--tables", tables)
    words = ["claims", *options, "--out", folder / "figures/claims.csv"]
    assert cli.main([str(word) for word in words]) == 0
    return folder / "figures"


def _answers(case, model, seed):
    """0 is right. Long chains need steps, but of the deep model; the other is as often wrong."""
    steps = np.arange(judged.N_STEPS + 1)
    if model == "deep" or case.task == "chain_lit":
        return np.zeros(len(steps), int)
    drawn = zlib.crc32(f"{case.case} {model} {seed}".encode())
    if model == "other":
        return np.where(steps < drawn % 19, 1, drawn % 4)
    serial = case.task.startswith(("chain", "flood"))
    late = case.need - 5 if serial else drawn % 3 - 1
    return np.where(steps >= late, 0 if drawn % 7 else 2, -1 if drawn % 2 else 1)


def _outcomes(claims: list[Claim], index: pd.DataFrame, models: list[str]) -> pd.DataFrame:
    """Rows of all labels that claims of a table ask for, each with a level of its own."""
    rows = pd.DataFrame(
        [
            {"model": model, "seed": seed, **case}
            for model in models
            for seed in (0, 1)
            for case in index.to_dict("records")
        ]
    )
    rows["solutions"] = np.where(rows["solutions"] > 1, "several", "one")
    tables = {}
    for claim in claims:
        wanted = [claim.rows, {**claim.rows, **claim.against}]
        wanted += [{**claim.rows, **one["rows"]} for one in (claim.dose, claim.baseline) if one]
        over = claim.threshold
        for threshold in [over["at"], *over["over"]] if over else [math.nan]:
            for labels in wanted:
                key = {"condition": "", "threshold": threshold} | labels
                key = {name: key.get(name, math.nan) for name in LABELS}
                for name in ("step", "layer"):
                    for place in PLACES.values() if key[name] in PLACES else [key[name]]:
                        one = {**key, name: math.nan if place is None else place}
                        if not any(one[other] in PLACES for other in ("step", "layer")):
                            tables[str(one)] = (one, claim)
    made = [
        rows.assign(**key, value=_values(claim, key, rows)) for name, (key, claim) in tables.items()
    ]
    found = pd.concat(made, ignore_index=True)
    numbers = dict.fromkeys(("need", "step", "layer", "threshold", "value"), float)
    return found.astype(numbers)[list(COLUMNS)]


def _values(claim: Claim, key: dict, rows: pd.DataFrame) -> np.ndarray:
    """Within the range of a claim; 0 or 1 where that range has the two ends."""
    seed = zlib.crc32(str(key).encode())
    rng = np.random.default_rng(seed)
    least, most = claim.limits(judged.N_STEPS)
    level = rng.uniform(0.05, 0.95)
    cases = rng.normal(0, 1, rows["case"].nunique())[pd.factorize(rows["case"])[0]]
    noise = cases / 2 + rng.normal(0, 0.2, len(rows)) + (rows["model"] == "deep") * (seed % 3 - 1)
    if not math.isfinite(most - least):
        return (level - 0.5 + noise).to_numpy()
    if claim.against:  # each side lies within half of the range of a difference
        least, most = 0.0, most / 2 if most > 1 else 1.0
    share = np.clip(level + noise / 2, 0, 1)
    if seed % 3 == 0:
        share = share.gt(0.5).astype(float)
    if seed % 7 == 0:
        share = share * 0
    return (least + (most - least) * share).to_numpy()
