"""Agreement of labels: Cohen's kappa against worked examples, and what the label files may hold."""

import numpy as np
import pandas as pd
import pytest

from chain_of_steps import cli
from chain_of_steps.errors import UserError
from chain_of_steps.explorer.agreement import (
    BEHAVIOURS,
    MEASURED,
    agreement,
    cohen_kappa,
    judgements,
    measured,
    read_labels,
)
from chain_of_steps.statistics.resampling import Resampling


def label(annotator, case, label="", success="", seed=0, steps=(0, 5), intervention="clean"):
    return {
        "model": "pocket",
        "case": case,
        "seed": seed,
        "intervention": intervention,
        "label": label,
        "success": success,
        "first_step": steps[0],
        "last_step": steps[1],
        "annotator": annotator,
    }


def table_of(*rows) -> pd.DataFrame:
    return pd.DataFrame(rows)


def one(table: pd.DataFrame, label: str) -> pd.Series:
    return table[table["label"] == label].iloc[0]


# Kappa


@pytest.mark.parametrize(
    ("confusion", "kappa"),
    [
        ([[20, 5], [10, 15]], 0.4),  # 0.7 agree, 0.5 by chance
        ([[45, 15], [25, 15]], 0.1304),  # the two textbook tables of equal agreement, 0.6,
        ([[25, 35], [5, 35]], 0.2593),  # and different kappa
        ([[7, 0], [0, 3]], 1.0),
        ([[0, 5], [5, 0]], -1.0),
    ],
)
def test_kappa_of_worked_examples(confusion, kappa):
    assert cohen_kappa(np.array(confusion)) == pytest.approx(kappa, abs=5e-5)


def test_kappa_is_agreement_beyond_that_of_shuffled_labels():
    rng = np.random.default_rng(0)
    first = rng.integers(3, size=400)
    second = np.where(rng.random(400) < 0.6, first, rng.integers(3, size=400))
    confusion = np.zeros((3, 3))
    np.add.at(confusion, (first, second), 1)
    chance = np.mean([(first == rng.permutation(second)).mean() for _ in range(2000)])
    observed = (first == second).mean()
    assert cohen_kappa(confusion) == pytest.approx((observed - chance) / (1 - chance), abs=0.01)


def test_kappa_is_open_where_nobody_uses_a_second_label():
    assert np.isnan(cohen_kappa(np.array([[9, 0], [0, 0]])))
    stacked = cohen_kappa(np.array([[[9, 0], [0, 0]], [[7, 0], [0, 3]]]))
    assert np.isnan(stacked[0]) and stacked[1] == 1


# Judgements


def test_a_labelled_run_without_a_behaviour_counts_as_not_having_it():
    judged = judgements(table_of(label("ann", "a", "Memory"), label("ann", "b", success="yes")))
    found = judged.set_index(["case", "label"])["value"]
    assert found["a", "Memory"] and not found["b", "Memory"]
    assert not found["a", "Superposition"]
    assert found["b", "success"] and ("a", "success") not in found.index
    assert len(found) == 2 * len(BEHAVIOURS) + 1


def test_yes_and_no_of_one_annotator_are_refused():
    rows = table_of(label("ann", "a", success="yes"), label("ann", "a", success="no"))
    with pytest.raises(UserError, match=r"both yes and no .* a, seed 0"):
        judgements(rows)


def test_agreement_of_two_annotators():
    answers = [("yes", "yes")] * 4 + [("yes", "no")] * 1 + [("no", "yes")] * 2 + [("no", "no")] * 3
    rows = []
    for number, (first, second) in enumerate(answers):
        rows += [label("ann", f"c{number}", success=first)]
        rows += [label("bob", f"c{number}", success=second)]
    rows += [label("ann", "alone", success="yes")]  # only one of them saw it
    rows += [label("ann", "c0", "Memory", steps=(0, 3)), label("bob", "c0", "Memory", steps=(2, 5))]
    found = agreement(table_of(*rows), resampling=Resampling(200, 0))
    success = one(found, "success")
    assert (success["first"], success["second"], success["n"]) == ("ann", "bob", 10)
    assert (success["first_yes"], success["second_yes"]) == (5, 6)
    assert success["observed"] == pytest.approx(0.7)
    assert success["kappa"] == pytest.approx((0.7 - 0.5) / 0.5)
    assert success["low"] < success["kappa"] < success["high"]
    assert np.isnan(success["overlap"])
    memory = one(found, "Memory")
    assert memory["kappa"] == 1 and memory["overlap"] == pytest.approx(2 / 6)
    assert np.isnan(one(found, "Unknown")["kappa"])


def test_runs_differ_by_seed_and_intervention():
    rows = table_of(
        label("ann", "a", success="yes"),
        label("bob", "a", success="yes", seed=1),
        label("bob", "a", success="yes", intervention="step-3"),
    )
    with pytest.raises(UserError, match="no run was judged twice among ann, bob"):
        agreement(rows, resampling=Resampling(100, 0))


def test_the_interval_resamples_cases_not_runs():
    """Copies of every run as further seeds leave kappa and interval as they are."""
    pairs = [("yes", "yes"), ("no", "no"), ("yes", "no"), ("no", "no"), ("yes", "yes")]

    def rows(seeds):
        return table_of(
            *(
                label(name, f"c{i}", success=value, seed=seed)
                for seed in range(seeds)
                for i, pair in enumerate(pairs)
                for name, value in zip(("ann", "bob"), pair, strict=True)
            )
        )

    first, second = (
        one(agreement(rows(n), resampling=Resampling(300, 1)), "success") for n in (1, 4)
    )
    assert second["n"] == 4 * first["n"]
    for column in ("kappa", "low", "high"):
        assert second[column] == pytest.approx(first[column])


def test_measures_of_readouts():
    def run(case, answers, right, candidates):
        return pd.DataFrame(
            {
                "model": "pocket",
                "case": case,
                "seed": 0,
                "step": range(len(answers)),
                "answer": answers,
                "correct": [answer == right for answer in answers],
                "n_candidates": candidates,
            }
        )

    readouts = pd.concat(
        [
            run("corrected", [1, 1, 0], 0, [2.0, 1.2, 1.0]),
            run("straight", [-1, 0, 0], 0, [1.0, 1.0, 1.0]),
            run("lost", [0, 1, 1], 0, [1.4, 1.6, 1.0]),
        ]
    )
    found = measured(readouts).set_index("case")
    assert found["success"].to_dict() == {"corrected": True, "straight": True, "lost": False}
    corrected = {"corrected": True, "straight": False, "lost": False}
    assert found["Self-correction"].to_dict() == corrected
    assert found["Multi-Path"].to_dict() == {"corrected": True, "straight": False, "lost": True}
    assert set(found["annotator"]) == {MEASURED} and set(found["intervention"]) == {"clean"}
    rows = [label("ann", "corrected", "Self-correction", "yes"), label("ann", "lost", success="no")]
    table = agreement(table_of(*rows), measured(readouts), resampling=Resampling(100, 0))
    assert set(table["label"]) == {"success", "Multi-Path", "Self-correction"}
    assert (table["second"] == MEASURED).all()
    assert one(table, "success")["kappa"] == one(table, "Self-correction")["kappa"] == 1
    assert one(table, "Multi-Path")["n"] == 2


def test_memory_and_perception_are_measured_where_they_can_be():
    run = {"model": "pocket", "split": "in-domain", "seed": 0}
    names = ["kept", "lost", "other", "first", "together", "still"]
    readouts = pd.DataFrame(
        [
            {**run, "case": name, "step": k, "answer": 0, "correct": True, "n_candidates": 1.0}
            for name in names
            for k in range(3)
        ]
    )
    drawn = {"kept": (0.2, 0), "lost": (0.9, 0), "other": (0.1, 1)}  # position, identity
    memory = pd.DataFrame(
        [
            {**run, "case": name, "task": "reappear", "condition": condition, "step": k}
            | {"position": position, "identity": identity if condition == "clean" else 1}
            for name, (position, identity) in drawn.items()
            for condition in ("clean", "absent")
            for k in range(3)
        ]
    )
    evidence = {  # localised, motion; by step
        "first": ([1, 1, 1], [0, 0.2, 1]),
        "together": ([0, 1, 1], [0, 1, 1]),
        "still": ([1, 1, 1], [0, 0, 0.1]),
    }
    perception = pd.DataFrame(
        [
            {**run, "case": name, "task": "move", "condition": "clean", "step": k}
            | {"localised": localised[k], "motion": motion[k]}
            for name, (localised, motion) in evidence.items()
            for k in range(3)
        ]
    )
    found = measured(readouts, memory, perception).set_index("case")
    assert found["Memory"].dropna().to_dict() == {"kept": True, "lost": False, "other": False}
    before = found["Perception Before Action"].dropna().to_dict()
    assert before == {"first": True, "together": False}
    rows = [label("ann", name, "Memory") for name in names]
    table = agreement(
        table_of(*rows), measured(readouts, memory, perception), resampling=Resampling(100, 0)
    )
    assert one(table, "Memory")["n"] == 3 and one(table, "Memory")["observed"] == 1 / 3
    assert one(table, "Perception Before Action")["n"] == 2
    assert one(table, "Multi-Path")["n"] == 6


# Files


def write(path, *rows):
    table_of(*rows).to_csv(path, index=False)
    return path


def test_files_are_read_and_nameless_annotators_are_called_after_them(tmp_path):
    first = write(tmp_path / "one.csv", label("ann", "a", "Memory"), label("", "b", success="no"))
    second = write(tmp_path / "two.csv", label("ann", "a", "Memory"))
    labels = read_labels([first, second])
    assert len(labels) == 2  # what both files hold counts once
    assert labels["annotator"].tolist() == ["ann", "one"]
    assert labels["label"].tolist() == ["Memory", ""]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (label("ann", "a", "memory"), r"one.csv, line 2: label is 'memory', write one of Memory"),
        (label("ann", "a", success="true"), r"line 2: success is .*, write one of no, yes"),
        (label("ann", "a", "Memory", seed="x"), r"line 2: seed is no number"),
        (label(MEASURED, "a", "Memory"), "write another name"),
    ],
)
def test_a_bad_field_is_named(tmp_path, row, message):
    with pytest.raises(UserError, match=message):
        read_labels([write(tmp_path / "one.csv", row)])


def test_a_missing_column_is_named(tmp_path):
    (tmp_path / "one.csv").write_text("model,case\npocket,a\n")
    with pytest.raises(UserError, match="has no column seed"):
        read_labels([tmp_path / "one.csv"])


def test_the_command_writes_the_table_and_needs_two_raters(tmp_path, capsys):
    config = tmp_path / "config.yaml"
    config.write_text(
        "study: tiny\nmodels: {m: {path: x}}\ncases: {tasks: [maze]}\n"
        "statistics: {resamples: 100}\n"
    )
    one_file = write(tmp_path / "one.csv", label("ann", "a", success="yes"))
    two_file = write(tmp_path / "two.csv", label("bob", "a", success="no"))
    out = tmp_path / "agreement.csv"
    given = ["agreement", "--config", str(config), "--out", str(out)]
    assert cli.main([*given, str(one_file)]) == 1
    assert "only ann labelled" in capsys.readouterr().err and not out.exists()
    assert cli.main([*given, str(one_file), str(two_file)]) == 0
    assert one(pd.read_csv(out), "success")["observed"] == 0
    assert "kappa" in capsys.readouterr().out
