"""The configuration: merging, defaults, and one sentence for every mistake."""

import copy
import math
import re
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from chain_of_steps.errors import UserError
from chain_of_steps.study.config import check_config, load_config, merge, schema

ROOT = Path(__file__).resolve().parents[1]
LEAST = {"study": "a", "models": {"m": {"path": "p"}}, "cases": {"tasks": ["maze"]}}


def changed(**fields) -> dict:
    """The least configuration with some fields replaced: `sampler__steps=3`."""
    config = copy.deepcopy(LEAST)
    for name, value in fields.items():
        *parents, last = name.split("__")
        part = config
        for parent in parents:
            part = part.setdefault(parent, {})
        part[last] = value
    return config


# Merging and defaults


def test_a_later_file_is_laid_over_map_by_map():
    base = {"a": 1, "b": {"c": [1, 2], "d": {"e": 3, "f": 4}}}
    over = {"b": {"c": [9], "d": {"f": {"g": 5}}}, "h": 6}
    before = copy.deepcopy((base, over))
    assert merge(base, over) == {
        "a": 1,
        "b": {"c": [9], "d": {"e": 3, "f": {"g": 5}}},
        "h": 6,
    }
    assert (base, over) == before


def test_files_are_merged_in_order(tmp_path):
    one, two, three = (tmp_path / f"{n}.yaml" for n in "123")
    one.write_text(yaml.safe_dump(changed(sampler__steps=20, seeds=[0, 1, 2, 3])))
    two.write_text("sampler: {shift: 3.0}\nmodels: {other: {path: q}}\n")
    three.write_text("sampler: {steps: 30}\nmodels: {m: null}\n")
    config = load_config([one, two, three])
    assert config["sampler"] == {"steps": 30, "shift": 3.0, "solver": "euler"}
    assert list(config["models"]) == ["other"]
    assert config["models"]["other"]["path"] == "q"


def test_defaults_are_those_of_the_schema():
    config = check_config(LEAST)
    assert config["sampler"] == {"steps": 50, "shift": 5.0, "solver": "euler"}
    assert config["video"]["frames"] == 17
    assert config["seeds"] == [0, 1, 2, 3]
    assert config["models"]["m"]["guidance"] == 1.0
    assert config["models"]["m"]["seeds"] is None
    assert config["models"]["m"]["max_sequence_length"] == 512
    assert config["cases"]["in-domain"] == 12
    assert config["execution"]["device"] == "cpu"
    assert check_config(config) == config  # every field is filled in
    assert LEAST == {"study": "a", "models": {"m": {"path": "p"}}, "cases": {"tasks": ["maze"]}}


def test_a_filled_configuration_shares_nothing_with_the_next():
    first = check_config(LEAST)
    expected = copy.deepcopy(first)
    first["sampler"]["steps"] = 1
    first["models"]["m"]["path"] = "elsewhere"
    first["train"]["stages"].append("more")
    first["seeds"].append(9)
    assert check_config(LEAST) == expected


def described(part: dict, name: str = "") -> None:
    assert part.get("description"), f"{name} has no description"
    for inner, field in part.get("properties", {}).items():
        described(field, f"{name}.{inner}")


def test_every_field_is_described_and_every_default_is_valid():
    Draft202012Validator.check_schema(schema())
    for name, part in schema()["properties"].items():
        described(part, name)

    def defaults(part):
        if "default" in part:
            Draft202012Validator(part).validate(part["default"])
        for field in part.get("properties", {}).values():
            defaults(field)
        if isinstance(part.get("additionalProperties"), dict):
            defaults(part["additionalProperties"])

    defaults(schema())


VBVR = "vbvr-wan2.2.yaml"
# what is laid over another overlay
OVER = {"vbvr-wan2.2-reduced.yaml": VBVR, "vbvr-wan2.2-lora.yaml": VBVR, "wan-reference.yaml": VBVR}


def overlays():
    names = sorted(path.name for path in (ROOT / "config").glob("*.yaml"))
    return [tuple(filter(None, (OVER.get(name), name))) for name in names]


@pytest.mark.parametrize("overlays", [(), *overlays()])
def test_the_shipped_configurations_are_valid(overlays):
    config = load_config([ROOT / "config.yaml", *(ROOT / "config" / name for name in overlays)])
    plain = load_config([ROOT / "config.yaml"])
    assert (config["study"] != plain["study"]) == bool(overlays)  # or results would be mixed up


def test_the_two_presets_are_whole():
    """Field notes: the authors' script and Wan's own numbers; a study has all of one of them."""
    presets = {
        (VBVR,): (50, 5.0, 5.0, None, 0.875),
        (VBVR, "wan-reference.yaml"): (40, 5.0, 3.5, None, 0.9),
    }
    for names, expected in presets.items():
        config = load_config([ROOT / "config.yaml", *(ROOT / "config" / name for name in names)])
        (model,) = config["models"].values()
        sampler = config["sampler"]
        found = [sampler["steps"], sampler["shift"]]
        found += [model[field] for field in ("guidance", "guidance_2", "boundary")]
        assert tuple(found) == expected
        assert sampler["solver"] == "euler"


def test_the_shift_of_ltx_is_that_of_the_pipeline_for_its_size():
    config = load_config([ROOT / "config.yaml", ROOT / "config" / "ltx.yaml"])
    frames, area = config["video"]["frames"], config["video"]["area"]
    tokens = ((frames - 1) // 8 + 1) * area // 32**2
    mu = 0.95 + (2.05 - 0.95) * (tokens - 1024) / (4096 - 1024)
    assert config["sampler"]["shift"] == pytest.approx(math.exp(mu), rel=0.01)


# Mistakes


@pytest.mark.parametrize(
    ("config", "said"),
    [
        # misspelt
        (changed(sampler__stepz=3), ["sampler.stepz", "did you mean steps?"]),
        (changed(sedes=[1]), ["sedes", "did you mean seeds?"]),
        (changed(models__m__pth="x"), ["models.m.pth", "did you mean path?"]),
        (changed(cases__in_domain=3), ["cases.in_domain", "did you mean in-domain?"]),
        (changed(zebra=1), ["unknown field zebra", "known are study, models"]),
        (changed(cases__tasks=["maze", "mace"]), ["cases.tasks.1", "'mace'", "mean maze?"]),
        (changed(cases__tasks=["zzz"]), ["cases.tasks.0", "write one of bounce, grid"]),
        (changed(execution__dtype="bfloat"), ["execution.dtype", "did you mean bfloat16?"]),
        (changed(train__stages=[{"stpes": 3, "steps": 1}]), ["train.stages.0.stpes", "steps?"]),
        (changed(train__stages=[{"steps": 3, "mix": {"mazes": 1}}]), ["train", "'mazes'", "maze"]),
        # of the wrong type
        (changed(sampler__steps="fifty"), ["sampler.steps", "'fifty'", "integer"]),
        (changed(sampler__steps=50.0), ["sampler.steps", "50.0", "integer"]),
        (changed(sampler__steps=True), ["sampler.steps", "True", "integer"]),
        (changed(sampler__steps=None), ["sampler.steps", "None", "integer"]),
        (changed(sampler=None), ["sampler", "None", "object"]),
        (changed(sampler__shift=float("nan")), ["sampler.shift", "nan", "number"]),
        (changed(sampler__shift=float("inf")), ["sampler.shift", "inf", "number"]),
        (changed(seeds=3), ["seeds", "3", "array"]),
        (changed(seeds=[0, "1"]), ["seeds.1", "'1'", "integer"]),
        (changed(models=["pocket"]), ["models", "['pocket']", "object"]),
        (changed(models__m="models/pocket"), ["models.m", "'models/pocket'", "object"]),
        (changed(models__m__revision=3), ["models.m.revision", "3", "string or null"]),
        (changed(study=3), ["study", "3", "string"]),
        # out of range
        (changed(sampler__steps=0), ["sampler.steps", "0", "write 1 or more"]),
        (changed(sampler__steps=1001), ["sampler.steps", "1001", "write 1000 or less"]),
        (changed(sampler__shift=0), ["sampler.shift", "a number above 0"]),
        (changed(models__m__guidance=0.5), ["models.m.guidance", "0.5", "write 1 or more"]),
        (changed(cases__seed=-1), ["cases.seed", "-1", "write 0 or more"]),
        (changed(execution__batch=0), ["execution.batch", "write 1 or more"]),
        (changed(execution__shard=0), ["execution.shard", "write 1 or more"]),
        (changed(statistics__resamples=10), ["statistics.resamples", "write 100 or more"]),
        (changed(video__frames=16), ["video.frames", "16", "4 k + 1, such as 17"]),
        (changed(video__frames=19), ["video.frames", "19", "4 k + 1, such as 17"]),
        (changed(video__frames=0), ["video.frames", "0", "write 1 or more"]),
        (changed(cases__tasks=[]), ["cases.tasks", "write at least 1 of them"]),
        (changed(cases__tasks=["maze", "maze"]), ["cases.tasks", "write each of them once"]),
        (changed(seeds=[1, 1]), ["seeds", "write each of them once"]),
        (changed(seeds=[]), ["seeds", "write at least 1"]),
        (changed(study="a b"), ["study", "'a b'", "write letters, digits"]),
        (changed(study=""), ["study", "write letters, digits"]),
        (changed(models={"a/b": {"path": "p"}}), ["models", "'a/b'", "write letters, digits"]),
        (changed(models__m__path=""), ["models.m.path", "not empty"]),
        # missing
        ({}, ["study", "missing"]),
        (changed(models={}), ["models", "at least 1"]),
        (changed(models__m=None), ["models", "at least 1"]),
        (changed(models__m={}), ["models.m.path", "missing"]),
        (changed(cases={}), ["cases.tasks", "missing"]),
        (changed(train__stages=[{"constant": 1.0}]), ["train.stages.0.steps", "missing"]),
        # names that YAML does not read as text
        (changed(models={1: {"path": "p"}}), ["models", "named 1", "quotes"]),
        ({**LEAST, True: 3, "zebra": 4}, ["named True", "quotes"]),
    ],
)
def test_a_mistake_is_one_sentence_that_names_the_field(config, said):
    with pytest.raises(UserError) as caught:
        check_config(config)
    message = str(caught.value)
    for words in said:
        assert words in message
    one_sentence(message)


def one_sentence(message: str) -> None:
    assert "\n" not in message
    assert message[-1] in ".?"
    assert not re.search(r"[.?!] [A-Z]", message), message


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"study: [a\nmodels: 3", "not valid YAML"),
        (b"study: a\n  models: 3", "not valid YAML"),
        (b"study: \xff\xfe", "not valid YAML"),
        (b"\ttabs: 1", "not valid YAML"),
        (b"- study\n- models\n", "holds no fields"),
        (b"study", "holds no fields"),
        (b"# nothing yet\n", "holds no fields"),
        (b"", "holds no fields"),
        (None, "does not exist"),
    ],
)
def test_a_file_that_is_no_configuration_is_named(tmp_path, content, said):
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(yaml.safe_dump(LEAST))
    assert load_config([good])["study"] == "a"
    if content is not None:
        bad.write_bytes(content)
    for paths in ([bad], [good, bad]):
        with pytest.raises(UserError, match=re.escape(str(bad))) as caught:
            load_config(paths)
        assert said in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_folder_is_no_configuration(tmp_path):
    with pytest.raises(UserError, match=re.escape(str(tmp_path))) as caught:
        load_config([tmp_path])
    one_sentence(str(caught.value))
