"""Outcomes of models whose behaviour is known, for claims to be judged on.

Two ways in: `outcomes_of` for whatever makes readouts and tiles, `outcomes_of_runs` for whatever
makes trajectories. `judged` then judges the claims on what they return.
"""

import numpy as np
import pandas as pd

from chain_of_steps.experiments.behaviours import memory, perception, posterior
from chain_of_steps.experiments.behaviours.outcomes import behaviour_outcomes
from chain_of_steps.experiments.decision.outcomes import decision_outcomes
from chain_of_steps.experiments.front.fronts import tile_rows
from chain_of_steps.experiments.front.outcomes import front_outcomes
from chain_of_steps.runs import read_trajectory
from chain_of_steps.statistics.resampling import Resampling
from chain_of_steps.study.claims import Claim
from chain_of_steps.study.evidence import Group
from chain_of_steps.study.verdicts import judge_claims

N_STEPS = 20
FEW = Resampling(300)
TASKS = {"chain": 16, "chain_lit": 16, "maze": 10, "tictactoe": 10, "bounce": 10, "polyomino": 10}
CANDIDATES = 4


def cases(tasks=TASKS) -> pd.DataFrame:
    """An index of cases, half of them out of domain; the need goes from 1 to 16."""
    rows = [
        {
            "case": f"{split}/{task}/{n:05d}",
            "task": task,
            "split": split,
            "solutions": 1,
            "need": 1 + n % 16,
        }
        for task, number in tasks.items()
        for split in ("in-domain", "out-of-domain")
        for n in range(number)
    ]
    return pd.DataFrame(rows)


def readouts(index, answers, models=("ours",), seeds=(0, 1)) -> pd.DataFrame:
    """Readouts of every case. answers(case row, model, seed) -> int (N_STEPS + 1,); 0 is right."""
    tables = []
    for model in models:
        for case in index.itertuples():
            for seed in seeds:
                found = np.asarray(answers(case, model, seed))
                evidence = np.eye(CANDIDATES)[np.maximum(found, 0)] * (found >= 0)[:, None]
                right = found == 0
                tables.append(
                    pd.DataFrame(
                        {
                            **{"model": model, "case": case.case, "task": case.task},
                            **{"split": case.split, "seed": seed},
                            "step": np.arange(N_STEPS + 1),
                            "sigma": np.linspace(1, 0, N_STEPS + 1),
                            **{"answer": found, "correct": right},
                            **{"leads": found, "leads_right": right},
                            **{"best": np.maximum(found, 0), "best_right": right},
                            "weight": np.where(found >= 0, 0.95, 0.1),
                            "score": right.astype(float),
                            "n_candidates": np.where(found >= 0, 1.0, np.nan),
                            "solution": right.astype(float),
                            "evidence": list(evidence),
                        }
                    )
                )
    return pd.concat(tables, ignore_index=True)


def outcomes_of(
    looks: pd.DataFrame, index: pd.DataFrame, tiles: pd.DataFrame | None = None
) -> dict[str, pd.DataFrame]:
    """The tables that claims read, as far as they follow from readouts and tiles alone.

    tiles: as `fronts.tile_rows` gives them.
    """
    run = ["model", "case", "task", "split", "seed"]
    nothing = {
        "memory": pd.DataFrame(columns=[*run, "condition", "start", "step", *memory.ERRORS]),
        "perception": pd.DataFrame(columns=[*run, "condition", "step", *perception.EVIDENCE]),
        "posterior": pd.DataFrame(columns=[*run, "prior", *posterior.COMPARED]),
    }
    return {
        "decision_outcomes.parquet": decision_outcomes(looks, index),
        "behaviour_outcomes.parquet": behaviour_outcomes(nothing, looks, index),
        **({} if tiles is None else {"front_outcomes.parquet": front_outcomes(tiles)}),
    }


def outcomes_of_runs(model, trajectory, cases) -> dict[str, pd.DataFrame]:
    """The same from a trajectory, read as a study reads it.

    model: anything with `decode(latents, frames=None)`; `Pixels` for trajectories that hold videos.
    cases: anything with a name and a puzzle.
    """
    index = pd.DataFrame(
        {
            "case": [case.name for case in cases],
            "solutions": [len(case.puzzle.solutions) for case in cases],
            "need": [case.puzzle.need for case in cases],
        }
    )
    looks = read_trajectory(model, trajectory, cases)
    return outcomes_of(looks, index, tile_rows(model, trajectory, cases, 1))


class Pixels:
    """A model whose latents are the videos themselves, (S, T, H, W, 3)."""

    def decode(self, latents, frames=None):
        return latents if frames is None else latents[:, list(frames)]


def judged(claims: list[Claim], tables, models=("ours",), n_steps=N_STEPS) -> pd.DataFrame:
    """Verdicts by id of the claims whose tables there are, on one model and its training seeds."""
    some = [
        claim.model_copy(update={"absent": claim.absent or "not made here"})
        for claim in claims
        if claim.untestable is None and claim.table in tables
    ]
    group = Group("ours", tuple(models), chosen=frozenset(models[:1]))
    return judge_claims(some, tables, [group], n_steps, resampling=FEW).set_index("id")
