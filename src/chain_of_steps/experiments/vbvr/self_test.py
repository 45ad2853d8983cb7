"""Ten reference clips with the scores that the pinned scorer gives them.

They lie in clips/. The folder of a scene holds the truth as a sample of the bench does, and a
video for each task that it is scored as; scores.csv says what must come out. Another package or
OpenCV, or a processor that decodes videos otherwise, shows here before a study does.
"""

from __future__ import annotations

from pathlib import Path

from chain_of_steps.errors import UserError
from chain_of_steps.experiments.vbvr.scorer import Scorer

CLIPS = Path(__file__).with_name("clips")
TOLERANCE = 1e-6  # scores are sums of a few dozen terms; nothing here is random
TIMEOUT = 60.0  # seconds for a clip


def self_test(environment: Path) -> str:
    """Scores the reference clips in a scorer's environment; returns a sentence on them.

    Raises UserError where a score is another one than it must be.
    """
    import pandas as pd

    clips = pd.read_csv(CLIPS / "scores.csv")
    wrong = []
    with Scorer(environment, TIMEOUT) as scorer:
        for clip in clips.itertuples():
            folder, name = CLIPS / clip.scene, f"{clip.scene}/{clip.task}"
            found = scorer.score(folder / f"{clip.task}.mp4", folder, clip.task)
            if found.value is None:
                wrong.append(f"{name} has no score ({found.reason}) instead of {clip.score:.6f}")
                continue
            for where, one, other in (
                ("", found.value, clip.score),
                (" as at EvalKit's HEAD", found.head, clip.head),
            ):
                if abs(one - other) > TOLERANCE:
                    wrong.append(f"{name}{where} has {one:.6f} instead of {other:.6f}")
        said = scorer.name
    if wrong:
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise UserError(
            f"the scorer in {environment} does not score as it must: {wrong[0]}{more}. Make it "
            "anew with `cos scorer`; if that does not help, this machine decodes videos otherwise."
        )
    return f"{len(clips)} reference clips have the scores that they must have, by {said}"
