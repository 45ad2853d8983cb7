"""The sentences of the noise experiments follow their tables."""

from disturbed import FEW, N_STEPS, drops, flows, references, run_rows, verdicts

from chain_of_steps.experiments.noise.sentences import (
    control_sentences,
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
    assert "Noise at a step does more harm than noise at a frame, as in the paper" in worse
    assert "Noise at a frame does more harm than noise at a step, unlike in the paper" in better
    assert "noise at a step lowers that by 0.51 [0.50 to 0.51]" in worse
    assert "noise at a step lowers that by 0.21 [0.20 to 0.21]" in better
    assert "n = 12" in worse
    assert "looks at, noise at a step does more harm" in worse
    assert "looks at, noise at a step does less harm" in better


def test_the_sensitivity_sentence_follows_the_table():
    rows = run_rows(drops(0.5, 0.2))
    middle, early, late = (said(rows, peak)["sensitivity"] for peak in (4, 0, 8))
    assert "peaks at step 4 of 10" in middle
    assert "inside the published band (40% to 60% of the run)" in middle
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
