"""The sentences of the noise experiments follow their tables."""

import pandas as pd
from disturbed import FEW, N_STEPS, drops, flows, references, run_rows, verdicts

from chain_of_steps.experiments.noise.sentences import (
    control_sentences,
    ideal_sentence,
    main_sentences,
    sensitivity_sentences,
)
from chain_of_steps.experiments.noise.tables import (
    effects,
    noise_table,
    sensitivity_table,
)


def said(rows, peak=4):
    found = effects(rows, flows(lambda number: peak))
    table = verdicts(rows, found)
    noise = noise_table(rows, references(), N_STEPS, FEW)
    sensitivity = sensitivity_table(found, FEW)
    return {
        "main": " ".join(main_sentences(noise, table, "m")),
        "sensitivity": " ".join(sensitivity_sentences(table, sensitivity, "m", "replace", N_STEPS)),
        "controls": " ".join(control_sentences(table, "m")),
    }


def test_the_main_sentence_follows_the_table():
    worse, better = said(run_rows(drops(0.5, 0.2)))["main"], said(run_rows(drops(0.2, 0.5)))["main"]
    assert "are never read, noise at a step does more harm (" in worse
    assert "are never read, noise at a step does less harm, unlike in the paper (" in better
    assert worse.index("that the reader looks at") < worse.index("Against all frames together")
    assert "noise at a step lowers that by 0.51 [0.50 to 0.51]" in worse
    assert "noise at a step lowers that by 0.21 [0.20 to 0.21]" in better
    assert "n = 12" in worse
    assert "looks at, noise at a step does more harm" in worse
    assert "looks at, noise at a step does less harm" in better


def test_the_sensitivity_sentence_follows_the_table():
    rows = run_rows(drops(0.5, 0.2))
    middle, early, late = (said(rows, peak)["sensitivity"] for peak in (4, 0, 8))
    assert "peaks at step 4 of 10" in middle
    assert "interval of the peak: 3 to 5), not clearly inside the published band" in middle
    assert "peaks at step 0 of 10" in early
    assert "outside the published band" in early
    assert "peaks at step 8 of 10, the last one disturbed" in late
    assert "first third of the steps leave more behind" in early
    assert "changed answers" not in middle, "nothing changed, so no peak is claimed"


def test_the_control_sentence_sorts_controls_by_verdict():
    text = said(run_rows(drops(0.5, 0.2, last_clean=0.1, energy=0.9)))["controls"]
    claim = text.split("A whole frame")[0].split("Early")[0]
    holds, fails = claim.split("does not hold:")
    assert "last step left clean (0.40" in holds
    assert "equal energy, mode replace (-0.40" in fails
    text = said(run_rows(drops(0.5, 0.2, last_clean=0.9, energy=0.1)))["controls"]
    holds, fails = text.split("Early")[0].split("does not hold:")
    assert "equal energy" in holds
    assert "last step left clean" in fails


def test_the_exact_posterior_is_told_as_0_or_with_the_answers_it_changes():
    rows = run_rows(drops(0.5, 0.2))
    text = ideal_sentence(noise_table(rows, references(), N_STEPS, FEW), "m")
    assert text.endswith("the loss to compare with is 0 at every step and frame.")
    ideal = rows[rows["kind"].isin(["clean", "step"])].assign(part="ideal")
    ideal["score"] = ideal["clean_score"]
    ideal["answer_same_as_clean"] = ideal["index"] != 0
    both = pd.concat([rows, ideal], ignore_index=True)
    noise = noise_table(both, references(), N_STEPS, FEW)
    text = ideal_sentence(noise, "m")
    assert "(n = 12) its score drops by at most 0.00" in text
    assert "in 1.00 of runs after noise at step 0 and 0.00 at step 8." in text
    table = verdicts(rows)
    plain = noise_table(rows, references(), N_STEPS, FEW)
    assert main_sentences(noise, table, "m") == main_sentences(plain, table, "m")
