"""The smoke study on a real SLURM, with the shipped profile, while what can die dies."""

import os
import re
import signal
import subprocess

import pytest
import slurm
import smoke as helper
import yaml

PROFILE = helper.ROOT / "workflow/profiles/slurm/config.yaml"
COMMAND = ("--workflow-profile", "workflow/profiles/slurm")
# seconds that suit jobs of seconds; all else is the profile's
QUICK = ("--slurm-init-seconds-before-status-checks", "2", "--latency-wait", "10")


def test_every_rule_is_local_or_has_its_resources_in_the_profile():
    """A rule that loads a model asks for a GPU; one that is neither would clog the cluster."""
    text = "\n".join(path.read_text() for path in helper.ROOT.glob("workflow/rules/*.smk"))
    blocks = re.split(r"^\s*rule\b\s*", text, flags=re.M)[1:]
    rules = {}
    for block in blocks:
        name = re.match(r"(\w+):|:\s*name:\s*f?\"(\w+)", block)
        rules[name[1] or name[2]] = block
    profile = yaml.safe_load(PROFILE.read_text())["set-resources"]
    submitted = {name for name, block in rules.items() if "localrule: True" not in block}
    layers = {name for name in profile if name.startswith("layers_")}
    assert submitted == {*(profile.keys() - layers), "layers_"}
    assert len(layers) == 4  # one rule for each analysis
    for name in submitted - {"examples", "behaviour_examples", "train_pocket", "score"}:
        assert "--model" in rules[name], name
    assert all(fields["gpu"] == int(name != "score") for name, fields in profile.items())


def planned(tree, study=helper.SMOKE) -> dict[str, int]:
    """Rule -> number of its jobs, of the rules that the profile submits."""
    output = helper.snakemake(tree, "--dry-run", *COMMAND, *study)
    rules = yaml.safe_load(PROFILE.read_text())["set-resources"]
    counts = re.findall(r"^(\w+) +(\d+)$", output, flags=re.M)
    return {rule: int(count) for rule, count in counts if rule in rules}


@pytest.mark.slow
def test_the_profile_stands_alone_where_there_is_no_cluster(tmp_path):
    plan = planned(helper.copy_tree(tmp_path / "tree"))
    assert plan["sample"] == plan["read"] == 2


@pytest.fixture
def cluster(tmp_path_factory):
    """A tree and the environment of a SLURM that is up."""
    missing = slurm.install()
    if missing:
        pytest.skip(missing)
    tree = helper.copy_tree(tmp_path_factory.mktemp("slurm") / "tree")
    with slurm.cluster(tree.parent / "up") as variables:
        path = os.pathsep.join([str(tree.parent / "up/bin"), helper.environment(tree)["PATH"]])
        yield tree, {"SLURM_CONF": variables["SLURM_CONF"], "PATH": path}


def client(variables: dict[str, str], *command: str) -> str:
    environment = {**os.environ, **variables}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def queue(variables: dict[str, str], *options: str) -> dict[int, list[str]]:
    """Job id -> state, node, rule with wildcards, GPUs."""
    form = "--Format=JobID:|,State:|,NodeList:|,Comment:100|,tres-per-job:30"
    listed = client(variables, "squeue", "--noheader", form, *options)
    rows = [[word.strip() for word in line.split("|")] for line in listed.splitlines()]
    return {int(row[0]): row[1:] for row in rows}


EVERY = pytest.param(helper.SMOKE, marks=pytest.mark.soak, id="all-experiments")


@pytest.mark.slow
@pytest.mark.parametrize("study", [pytest.param(helper.SHORT, id="decision"), EVERY])
def test_whatever_dies_the_same_command_finishes_with_the_same_numbers(cluster, smoke, study):
    tree, variables = cluster
    plan, command = planned(tree, study), (*COMMAND, *QUICK, *study)
    assert plan["sample"] == 2

    def running() -> dict[int, list[str]]:
        return queue(variables, "--states=RUNNING")

    log = tree / "first.log"
    first = helper.start(tree, log, *command, **variables)
    helper.wait_until(lambda: helper.started(tree, "--model") == slurm.NODES, seconds=300)
    one, other = sorted(running())

    # a job is cancelled, a node loses power
    node = running()[other][1]
    client(variables, "scancel", str(one))
    client(variables, "scontrol", "update", f"nodename={node}", "state=down", "reason=test")
    slurm.cut_power(other)
    client(variables, "scontrol", "update", f"nodename={node}", "state=resume")
    lost = {queue(variables, "--states=all")[job][2] for job in (one, other)}

    def again() -> set[str]:
        return {row[2] for job, row in queue(variables, "--states=all").items() if job > other}

    helper.wait_until(lambda: lost <= again(), seconds=300)
    states = queue(variables, "--states=all")
    assert [states[job][0] for job in (one, other)] == ["CANCELLED", "NODE_FAIL"]

    # snakemake is killed
    first.send_signal(signal.SIGKILL)
    first.wait()
    alive = set(queue(variables))
    assert alive
    submitted = set(queue(variables, "--states=all"))
    output = helper.snakemake(tree, *command, status=1, **variables)
    told = re.search(
        r"(\d+) of its SLURM jobs .*wait until they are done.*`scancel ([\d ]+)`", output
    )
    assert int(told[1]) == len(told[2].split())
    assert set(map(int, told[2].split())) <= alive
    assert set(queue(variables, "--states=all")) == submitted

    # their work counts
    helper.wait_until(lambda: not queue(variables), seconds=600, every=0.5)
    finished = {
        row[2] for row in queue(variables, "--states=all").values() if row[0] == "COMPLETED"
    }
    assert finished
    output = helper.snakemake(tree, *command, **variables)
    assert "Nothing to be done" not in output
    jobs = queue(variables, "--states=all")
    afterwards = [row[2] for job, row in jobs.items() if job not in submitted]
    assert not finished & set(afterwards)
    helper.assert_clean(tree)
    helper.assert_same_numbers(tree, smoke, study)
    assert "Nothing to be done" in helper.snakemake(tree, *command, **variables)

    # one GPU job for each shard of cases, and no other jobs
    done = [row for row in jobs.values() if row[0] == "COMPLETED"]
    assert len({row[2] for row in done}) == len(done) == sum(plan.values())
    for rule, count in plan.items():
        named = [row for row in done if re.match(rf"rule_{rule}(_wildcards_|$)", row[2])]
        assert len(named) == count
    assert all(row[3].endswith("gpu:1") for row in jobs.values())
