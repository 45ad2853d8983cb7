"""The smoke study on a real SLURM, with the shipped profile, while what can die dies."""

import json
import os
import re
import signal
import subprocess
import sys
from contextlib import suppress

import pytest
import slurm
import smoke as helper

from chain_of_steps.stage import Stage, stage_modules, stage_of
from chain_of_steps.stage import stages as all_stages

COMMAND = ("--workflow-profile", "workflow/profiles/slurm")
# seconds that suit jobs of seconds; all else is the profile's
QUICK = ("--slurm-init-seconds-before-status-checks", "2", "--latency-wait", "10")


# rules that run a stage under another name
# train_ladder and vbvr_scores only gather what others make
NAMED = {"explorer": "explore-page", "vbvr_scores": "join", "train_ladder": "join"}
# what snakemake knows of every rule, also of those that a study has no job for
RULES = """\
import json
import sys
from pathlib import Path
from snakemake.api import SnakemakeApi
from snakemake.settings.types import ConfigSettings, OutputSettings, ResourceSettings

with SnakemakeApi(OutputSettings()) as api:
    files = [Path("config", name) for name in sys.argv[1:]]
    fields = {} if files else {"study": "a", "execution": {"device": "cuda", "threads": 3}}
    config = ConfigSettings(config=fields, configfiles=files)
    workflow = api.workflow(ResourceSettings(), config, snakefile=Path("Snakefile"))._workflow
    claims = {
        rule.name: {
            name: [
                resource.evaluate(None, attempt=n, **dict.fromkeys(("input", "threads"))).value
                if resource.is_evaluable() else resource.value
                for n in (1, 2)
            ]
            for name, resource in rule.resources.items()
            if name in ("gpu", "mem_mb", "runtime")
        }
        for rule in workflow.rules
    }
    local = [rule.name for rule in workflow.rules if rule.name in workflow._localrules]
print(json.dumps({"claims": claims, "local": local}))
"""


@pytest.fixture(scope="module")
def rules() -> dict:
    return rules_of()


def rules_of(*overlays: str) -> dict:
    """claims: rule -> what its two first attempts ask for; local: rules that no cluster gets.

    Of a study on GPUs, or of one of the shipped overlays.
    """
    done = subprocess.run(
        [sys.executable, "-c", RULES, *overlays],
        cwd=helper.ROOT,
        env=helper.environment(helper.ROOT),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def stage_behind(rule: str) -> Stage | None:
    """The stage that a rule runs, None where it runs none."""
    names = (NAMED.get(rule, rule.replace("_", "-")), rule.partition("_")[0])
    return next((stage_of(name) for name in names if name in stage_modules()), None)


def test_a_rule_goes_to_the_cluster_with_its_claims_if_its_stage_is_work_for_it(rules):
    """A rule that loads a model asks for a GPU; a small one would clog the cluster."""
    sent = rules["claims"].keys() - set(rules["local"])
    stages = {rule: stage_behind(rule) for rule in rules["claims"]}
    heavy = {stage.name for stage in all_stages() if stage.loads_model or stage.heavy}
    by_hand = {"run", "strip"}  # commands that no rule runs
    assert {stages[rule] and stages[rule].name for rule in sent} == heavy - by_hand
    assert all(stages[rule] is None or stages[rule].local for rule in rules["local"])
    for rule in sent:
        claims = rules["claims"][rule]
        assert claims["gpu"] == [int(stages[rule].loads_model)] * 2, rule
        for name in ("mem_mb", "runtime"):  # more at the second attempt than at the first
            assert claims[name][1] == 2 * claims[name][0] > 0, rule
        assert claims["runtime"][0] >= (240 if stages[rule].loads_model else 120), rule
        if not stages[rule].loads_model:
            assert claims["mem_mb"][0] == 8000, rule


def test_a_job_asks_for_the_memory_that_its_model_takes(rules):
    """A14B's weights are 69 GB, the small models' a few MB: latents and the process are all."""
    asked = {"small": rules, "large": rules_of("vbvr-wan2.2.yaml")}
    first = {name: found["claims"]["sample"]["mem_mb"][0] for name, found in asked.items()}
    assert 69_000 < first["large"] < 90_000
    # 288 cases of 3 seeds, 101 latents each of 48 x 6 x 6 x 6 float32, twice; and 4 GB
    assert first["small"] == pytest.approx(2 * 864 * 101 * 48 * 216 * 4e-6 + 4000, rel=0.01)


def test_a_study_on_cpus_asks_for_no_gpu(tmp_path):
    tree = helper.copy_tree(tmp_path / "tree")
    output = helper.snakemake(tree, "--dry-run", *COMMAND, *helper.SMOKE)
    resources = re.findall(r"^    resources: (.*)", output, flags=re.M)
    assert resources
    assert not any("gpu=1" in line for line in resources)


def planned(tree, rules, study=helper.SMOKE) -> dict[str, int]:
    """Rule -> number of its jobs, of the rules that are submitted."""
    output = helper.snakemake(tree, "--dry-run", *COMMAND, *study)
    submitted = rules["claims"].keys() - set(rules["local"])
    counts = re.findall(r"^(\w+) +(\d+)$", output, flags=re.M)
    return {rule: int(count) for rule, count in counts if rule in submitted}


@pytest.mark.slow
def test_the_profile_stands_alone_where_there_is_no_cluster(tmp_path, rules):
    plan = planned(helper.copy_tree(tmp_path / "tree"), rules)
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


def resumed(variables: dict[str, str], node: str) -> bool:
    """Whether a node takes jobs again. The controller refuses to resume one that is going down, and
    one that has registered again and is up by itself: so its state is asked for, and it decides."""
    with suppress(subprocess.CalledProcessError):
        client(variables, "scontrol", "update", f"nodename={node}", "state=resume")
    states = client(variables, "sinfo", "--noheader", f"--nodes={node}", "--format=%T").split()
    return bool(states) and not any(re.search("down|drain", state) for state in states)


def queue(variables: dict[str, str], *options: str) -> dict[int, list[str]]:
    """Job id -> state, node, rule with wildcards, GPUs."""
    form = "--Format=JobID:|,State:|,NodeList:|,Comment:100|,tres-per-job:30"
    listed = client(variables, "squeue", "--noheader", form, *options)
    rows = [[word.strip() for word in line.split("|")] for line in listed.splitlines()]
    return {int(row[0]): row[1:] for row in rows}


STUDIES = {"decision": helper.SHORT, "all-experiments": helper.SMOKE}


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
def test_whatever_dies_the_same_command_finishes_with_the_same_numbers(
    cluster, smoke, rules, study
):
    tree, variables = cluster
    plan = planned(tree, rules, study)
    assert plan["sample"] == 2
    # the study computes on CPUs, the cluster counts its GPUs all the same
    gpus = [f"{rule}:gpu=1" for rule in plan]
    command = (*COMMAND, *QUICK, *study, "--set-resources", *gpus)

    def running() -> dict[int, list[str]]:
        return queue(variables, "--states=RUNNING")

    def at_work() -> dict[int, list[str]] | None:
        """One job on each node, once each has begun."""
        jobs = running()
        begun = helper.started(tree, "--model") == len(jobs) == slurm.NODES
        return jobs if begun else None

    log = tree / "first.log"
    first = helper.start(tree, log, *command, **variables)
    one, other = sorted(helper.wait_until(at_work, seconds=600))

    # a job is cancelled, a node loses power
    node = running()[other][1]
    client(variables, "scancel", str(one))
    client(variables, "scontrol", "update", f"nodename={node}", "state=down", "reason=test")
    slurm.cut_power(other)

    def ends() -> list[str]:
        jobs = queue(variables, "--states=all")
        return [jobs[job][0] for job in (one, other)]

    helper.wait_until(lambda: ends() == ["CANCELLED", "NODE_FAIL"], seconds=300)
    helper.wait_until(lambda: resumed(variables, node), seconds=300)
    lost = {queue(variables, "--states=all")[job][2] for job in (one, other)}

    def again() -> set[str]:
        return {row[2] for job, row in queue(variables, "--states=all").items() if job > other}

    helper.wait_until(lambda: lost <= again(), seconds=600)

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
    helper.wait_until(lambda: not queue(variables), seconds=1200, every=0.5)
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
