"""A study of calibration alone: readers are held against degraded videos, and no model runs."""

import pytest
import smoke as helper
import yaml

from chain_of_steps.artifacts import read_table
from chain_of_steps.files import read_json

STUDY = {
    "cases": {
        "tasks": ["odd", "move"],
        "in-domain": 1,
        "out-of-domain": 1,
        "drawing": {"side": 16, "width": None, "height": None},
    },
    "video": {"frames": 17},
    "execution": {"shard": 1},
}


def test_the_page_says_what_its_tables_say():
    """docs/calibration.*, which `make calibration` puts there."""
    rows, tasks = (read_table(helper.ROOT / f"docs/calibration{end}.csv") for end in ("", "_tasks"))
    caption = " ".join((helper.ROOT / "docs/calibration.md").read_text().split())
    looks = int(rows["n"].sum())
    assert looks == tasks["looks"].sum()
    assert f"wrong are {round((rows['wrong'] * rows['n']).sum())} of {looks} looks" in caption
    assert f"n = {tasks['n'].sum()} cases" in caption
    assert ("All tasks can be read" in caption) == tasks["read"].all()


@pytest.mark.slow
def test_one_call_says_which_tasks_can_be_read(tmp_path):
    """With tiles of 16 pixels, which readers take as they are: most degradations are refused."""
    tree = helper.copy_tree(tmp_path / "tree")
    (tree / "small.yaml").write_text(yaml.safe_dump(STUDY))
    files = ("config/calibration.yaml", "small.yaml")
    helper.snakemake(tree, "--cores", "2", "--configfile", *files)
    results = tree / "results/calibration"
    assert not (results / "trajectories").exists()
    readings = read_table(results / "tables/calibration_readings.parquet")
    assert readings["case"].nunique() == 4 and set(readings["task"]) == {"odd", "move"}
    nothing = readings["degradation"].isin(["noise", "blank", "other"])
    assert (readings.loc[nothing, "answer"] == -1).all()

    tasks = read_table(results / "tables/calibration_tasks.csv").set_index("task")
    facts = read_json(results / "figures/calibration.json")["facts"]
    assert {task: fact["read"] for task, fact in facts.items()} == tasks["read"].to_dict()
    log = (results / "logs/calibration_summary.log").read_text()
    caption = " ".join((results / "figures/calibration.md").read_text().split())
    for task, read in tasks["read"].items():
        assert (f"{task} is not read well enough" in log) == (not read)
    assert ("to be left out of cases.tasks" in " ".join(caption.split())) == (
        not tasks["read"].all()
    )
    assert (results / "figures/calibration.png").stat().st_size > 1000
