"""The stage that says how deep and how large each model is, for the figures that compare them."""

from __future__ import annotations

from pathlib import Path

from chain_of_steps.settings.models import Model, WithModels
from chain_of_steps.stage import File, Stage

FACTS = ("transformer/config.json", "training.json")


def facts_of(settings: WithModels) -> list[Path]:
    """The small files of local models that it reads."""
    places = [Path(model.path) / fact for model in settings.models.values() for fact in FACTS]
    return sorted({place for place in places if place.is_file()})


STAGE = Stage(
    name="model-table",
    text="Say of each model how many blocks and parameters it has, and how long it was trained.",
    settings=WithModels,
    makes={"out": File("tables/models.csv")},
    watches=facts_of,
)


def run(settings: WithModels, *, out: Path) -> None:
    import pandas as pd

    from chain_of_steps.artifacts import write_table

    rows = [{"model": name, **_row(name, model)} for name, model in settings.models.items()]
    whole = dict.fromkeys(("blocks", "parameters", "trained"), "Int64")
    write_table(out, pd.DataFrame(rows).astype(whole))


def _row(name: str, model: Model) -> dict[str, object]:
    """repeats: the model of which it is a training seed, itself for the first; trained: steps.

    What a model that is not at hand, or of which there is no record, does not say is missing.
    """
    from chain_of_steps.files import read_json
    from chain_of_steps.models.loading import count_parameters

    config, record = (Path(model.path) / fact for fact in FACTS)
    return {
        "repeats": model.repeats or name,
        "control": model.control,
        "blocks": read_json(config).get("num_layers") if config.is_file() else None,
        "parameters": count_parameters(Path(model.path)),
        "trained": (
            sum(phase["steps"] for phase in read_json(record)["stages"])
            if record.is_file()
            else None
        ),
    }
