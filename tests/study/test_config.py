"""The configuration: merging, defaults, and one sentence for every mistake."""

import copy
import json
import math
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import ValidationError
from repository import ROOT

from chain_of_steps.cases.drawings import drawing_of, token_of
from chain_of_steps.errors import UserError
from chain_of_steps.models.known import WAN_5B, known_of
from chain_of_steps.settings.models import WithModels, main_model, passes_of, seeds_of
from chain_of_steps.settings.sampler import WithSampler
from chain_of_steps.settings.seeds import WithSeeds
from chain_of_steps.study.config import (
    Study,
    check_config,
    load_config,
    load_study,
    merge,
    schema,
    truth,
)
from chain_of_steps.study.experiments import EXPERIMENTS
from chain_of_steps.tasks import task_names
from chain_of_steps.tasks.board import Board

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


def test_a_star_drops_what_a_map_held():
    base = {"models": {"a": {"path": "x"}, "b": {"path": "y"}}, "seeds": [0]}
    over = {"models": {"*": None, "c": {"path": "z", "lora": {"*": None}}}}
    assert merge(base, over) == {"models": {"c": {"path": "z", "lora": {}}}, "seeds": [0]}
    assert merge(merge({}, base), {"models": {"*": None}}) == {"models": {}, "seeds": [0]}
    # any other value is a name like others, which the schema then refuses
    assert merge(base, {"models": {"*": 1}})["models"]["*"] == 1


def test_files_are_merged_in_order(tmp_path):
    one, two, three = (tmp_path / f"{n}.yaml" for n in "123")
    one.write_text(yaml.safe_dump(changed(sampler__steps=20, seeds=[0, 1, 2, 3])))
    two.write_text("sampler: {shift: 3.0}\nmodels: {other: {path: q}}\ntrain: {other: {}}\n")
    three.write_text("sampler: {steps: 30}\nmodels: {m: null}\ntrain: {other: null}\n")
    config = load_config([one, two, three])
    assert config.resolved()["sampler"] == {"steps": 30, "shift": 3.0} | {
        "solver": "euler",
        "schedule": "diffusers",
        "levels": None,
    }
    assert list(config.models) == ["other"]
    assert config.models["other"].path == "q"
    assert config.train == {}


def test_defaults_are_filled_in():
    config = check_config(LEAST)
    unset = {"schedule": "diffusers", "levels": None}
    assert config.resolved()["sampler"] == {"steps": 50, "shift": 5.0, "solver": "euler", **unset}
    assert config.video.frames == 17
    assert config.seeds == [0, 1, 2, 3]
    assert config.models["m"].guidance == 1.0
    assert config.models["m"].seeds is None
    assert config.models["m"].max_sequence_length == 512
    assert config.cases.in_domain == 12
    assert config.execution.device == "cpu"
    assert LEAST == {"study": "a", "models": {"m": {"path": "p"}}, "cases": {"tasks": ["maze"]}}


def test_a_resolved_configuration_is_one_that_json_can_hold():
    config = check_config(changed(models__m__lora={"high": {"path": "x"}}, cases__seed=3))
    text = json.dumps(config.resolved(), allow_nan=False)
    again = check_config(json.loads(text))
    assert (again, json.dumps(again.resolved())) == (config, text)  # no 1 that becomes a 1.0
    assert json.loads(text)["cases"]["in-domain"] == 12
    assert list(json.loads(text)) == list(schema()["properties"])


def test_a_filled_configuration_shares_nothing_with_the_next():
    first = check_config(LEAST)
    expected = copy.deepcopy(first)
    first.seeds.append(9)
    first.perturbation.modes.append("more")
    first.resolved()["sampler"]["steps"] = 1
    assert check_config(LEAST) == expected


def test_a_section_cannot_be_changed():
    config = check_config(LEAST)
    with pytest.raises(ValidationError, match="frozen"):
        config.sampler.steps = 1


class Settings(WithModels, WithSampler, WithSeeds):
    """What a stage might read."""


def test_a_view_has_its_sections_and_no_other():
    resolved = check_config(
        changed(sampler__steps=17, models__m__seeds=[3], ensemble__k=1)
    ).resolved()
    view = Settings.model_validate(resolved)
    assert view.sampler.steps == 17
    assert list(type(view).model_fields) == ["seeds", "sampler", "models"]
    with pytest.raises(AttributeError):
        view.video  # noqa: B018
    assert Settings.model_validate(resolved | {"video": "anything"}) == view


def test_what_is_read_of_models():
    models = {"m": {"path": "p", "guidance": 1}, "n": {"path": "q", "seeds": [3], "guidance": 1.5}}
    view = Settings.model_validate(check_config(changed(models=models)).resolved())
    assert main_model(view) == "m"
    assert (seeds_of(view, "m"), seeds_of(view, "n")) == ([0, 1, 2, 3], [3])
    assert [passes_of(model) for model in view.models.values()] == [1, 2]


def test_reading_a_configuration_loads_nothing_heavy():
    """Every job of the workflow reads one."""
    heavy = (
        "torch",
        "numpy",
        "pandas",
        "diffusers",
        "transformers",
        "matplotlib",
        "scipy",
        "jsonschema",
    )
    code = (
        "import sys; from pathlib import Path; from chain_of_steps.study.config import load_config;"
        "load_config([Path('config.yaml')]);"
        f"print(sorted(set({heavy}) & set(sys.modules)))"
    )
    run = [sys.executable, "-c", code]
    assert subprocess.run(run, cwd=ROOT, text=True, capture_output=True).stdout == "[]\n"


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


def test_the_schema_of_editors_is_that_of_the_classes():
    """`make docs` writes it; what it takes and refuses is what the classes do."""
    exported = json.loads((ROOT / "workflow/schemas/config.schema.json").read_text())
    assert {name: part for name, part in exported.items() if name != "$schema"} == schema()
    assert list(exported["properties"]) == list(check_config(LEAST).resolved())
    validator = Draft202012Validator(exported)
    validator.validate(LEAST)
    validator.validate(check_config(LEAST).resolved())
    for name in ("stepz", "experiments", "seeds", "models", "perturbation"):
        assert not validator.is_valid(LEAST | {name: 0})
    assert not validator.is_valid(changed(cases__in_domain=1))


def test_the_editor_is_pointed_at_the_schema():
    first = (ROOT / "config.yaml").read_text(encoding="utf-8").splitlines()[0]
    (path,) = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first).groups()
    content = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    Draft202012Validator(json.loads((ROOT / path).read_text())).validate(content)


def test_every_section_is_a_field_of_its_holder():
    for base in Study.__bases__:
        assert len(base.model_fields) == 1, base


def test_every_task_and_experiment_is_known():
    assert check_config(changed(cases__tasks=None)).cases.tasks == list(task_names())
    words = [row.name for row in EXPERIMENTS]
    assert schema()["properties"]["experiments"]["items"]["enum"] == words


VBVR = "vbvr-wan2.2.yaml"
# what is laid over another overlay
OVER = {
    "vbvr-wan2.2-reduced.yaml": VBVR,
    "vbvr-wan2.2-lora.yaml": VBVR,
    "vbvr-wan2.2-base.yaml": VBVR,
    "vbvr-pro.yaml": VBVR,
    "wan-reference.yaml": VBVR,
    "wan-r1.yaml": "ti2v-5b.yaml",
    "real-puzzles.yaml": "ti2v-5b.yaml",
    "vbvr-wan2.2-loops.yaml": "vbvr-wan2.2-puzzles.yaml",
}
REAL, PUZZLES = "real-puzzles.yaml", "-puzzles.yaml"


def under(name):
    """The overlays that one needs below it, and itself."""
    if name.endswith(PUZZLES) and name != REAL:
        return (*under(name.replace(PUZZLES, ".yaml")), REAL, name)
    return (*(under(OVER[name]) if name in OVER else ()), name)


def overlays():
    return [under(path.name) for path in sorted((ROOT / "config").glob("*.yaml"))]


def test_every_real_model_has_a_study_of_native_puzzles():
    """Each tile is whole tokens, the board fits, and every experiment on puzzles is made."""
    real = {p.name for p in (ROOT / "config").glob("*.yaml") if "revision:" in p.read_text()}
    real |= {"vbvr-wan2.2-lora.yaml"}
    real -= {"vbvr-wan2.2-base.yaml", "vbvr-pro.yaml"}  # other studies of that architecture
    found = {p.name for p in (ROOT / "config").glob(f"*{PUZZLES}")} - {REAL}
    assert {name.replace(PUZZLES, ".yaml") for name in found} == real
    plain = load_config([ROOT / "config.yaml"])
    for name in sorted(found):
        study = load_config([ROOT / "config.yaml", *(ROOT / "config" / n for n in under(name))])
        assert study.study == name.removesuffix(".yaml")
        # a codec that costs more than a step
        cheap = known_of(next(iter(study.models.values())).path) is WAN_5B
        assert study.experiments == [
            *plain.experiments,
            "latents",
            "calibration",
            *["reading"] * cheap,
        ]
        assert study.reading.decoder == ("projection" if cheap else "full")
        drawing, board = drawing_of(study.cases, study.video), Board()
        token = study.video.multiple
        assert drawing.side % token == 0 and drawing.side // token >= 4
        for side in (drawing.width_on(board), drawing.height_on(board)):
            assert side % token == 0 and side >= 5 * drawing.side
        frames = drawing.frames_on(board)
        assert 49 <= frames <= 121 and (frames - 1) % study.video.stride == 0
        model = next(iter(study.models.values()))
        assert token_of(model.path) in (None, (token, study.video.stride))


@pytest.mark.parametrize("overlays", [(), *overlays()])
def test_the_shipped_configurations_are_valid(overlays):
    config = load_config([ROOT / "config.yaml", *(ROOT / "config" / name for name in overlays)])
    plain = load_config([ROOT / "config.yaml"])
    assert (config.study != plain.study) == bool(overlays)  # or results would be mixed up


def test_the_two_presets_are_whole():
    """Field notes: the authors' script and Wan's own numbers; a study has all of one of them."""
    presets = {
        (VBVR,): (50, 5.0, 5.0, None, 0.875),
        (VBVR, "wan-reference.yaml"): (40, 5.0, 3.5, None, 0.9),
    }
    for names, expected in presets.items():
        config = load_config([ROOT / "config.yaml", *(ROOT / "config" / name for name in names)])
        (model,) = config.models.values()
        found = [config.sampler.steps, config.sampler.shift]
        found += [model.guidance, model.guidance_2, model.boundary]
        assert tuple(found) == expected
        assert config.sampler.solver == "euler"


def test_the_shift_of_ltx_is_that_of_the_pipeline_for_its_size():
    config = load_config([ROOT / "config.yaml", ROOT / "config" / "ltx.yaml"])
    frames, area = config.video.frames, config.video.area
    tokens = ((frames - 1) // 8 + 1) * area // 32**2
    mu = 0.95 + (2.05 - 0.95) * (tokens - 1024) / (4096 - 1024)
    assert config.sampler.shift == pytest.approx(math.exp(mu), rel=0.01)


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
        (changed(cases__tasks=["zzz"]), ["cases.tasks.0", "write one of bounce, chain"]),
        (changed(cases__times={"maze": 0}), ["cases.times.maze", "0", "write 1 or more"]),
        (changed(cases__times={"mace": 2}), ["cases.times has 'mace'", "mean maze?"]),
        (changed(execution__dtype="bfloat"), ["execution.dtype", "did you mean bfloat16?"]),
        (
            changed(train__m__phases=[{"stpes": 3, "steps": 1}]),
            ["train.m.phases.0.stpes", "steps?"],
        ),
        (changed(train__m__phases=[{"steps": 3, "mix": {"mazes": 1}}]), ["train.m", "'mazes'"]),
        # readings that cannot be made so
        (changed(reading__decoder="tiny"), ["reading.file is null", "write the path"]),
        (changed(experiments=["reading"]), ["reading.decoder is full: write projection"]),
        (
            changed(reading__decoder="latents", cases__drawing={"side": 96, "style": "white"}),
            ["reading.decoder is latents", "dots move", "write projection"],
        ),
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
        (changed(sampler__schedule="single"), ["sampler.schedule", "did you mean single-shift?"]),
        (
            changed(sampler__schedule="single-shift", sampler__solver="unipc"),
            ["sampler.schedule is single-shift", "unipc", "write euler"],
        ),
        (
            changed(execution__estimates="derived", sampler__solver="unipc", experiments=["front"]),
            ["execution.estimates is derived", "unipc", "write stored"],
        ),
        (changed(sampler__schedule="list"), ["sampler.levels is None", "write both"]),
        (
            changed(sampler__levels=[1.0], sampler__schedule="list", sampler__steps=2),
            ["sampler.levels has 1", "sampler.steps is 2", "one level a step"],
        ),
        *(
            (
                changed(sampler__levels=levels, sampler__schedule="list", sampler__steps=2),
                ["sampler.levels is", "write levels that fall from 1"],
            )
            for levels in ([0.9, 0.5], [1.0, 1.0], [0.5, 1.0])
        ),
        (changed(models__m__guidance=0.5), ["models.m.guidance", "0.5", "write 1 or more"]),
        *(
            (changed(**{field: value}), [name, "write 9223372036854775807 or less"])
            for field, value, name in [
                ("seeds", [2**63], "seeds.0"),
                ("cases__seed", 2**63, "cases.seed"),
                ("models__m__seeds", [0, 2**64], "models.m.seeds.1"),
                ("statistics", {"seed": 2**63}, "statistics.seed"),
                ("train__m", {"seed": 2**63, "phases": [{"steps": 1}]}, "train.m.seed"),
            ]
        ),
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
        (changed(models__m__base="m"), ["models.m.base is 'm'", "leave it out"]),
        (
            changed(models={"a": {"path": "p", "base": "c"}, "b": {"path": "q"}}),
            ["models.a.base is 'c'", "write one of b"],
        ),
        (changed(ensemble__band=[0.7, 0.2]), ["ensemble.band", "the smaller share first"]),
        (changed(behaviours__withheld=[1]), ["behaviours.withheld.0", "write a number below 1"]),
        # renamed
        (changed(bench={}), ["unknown field bench", "it is called vbvr now"]),
        (changed(experiments=["bench"]), ["experiments has bench: write vbvr instead."]),
        (changed(train__phases=[{"steps": 3}]), ["train.phases stands for no model"]),
        (changed(train={"a/b": {}}), ["train", "'a/b'", "write letters, digits"]),
        (
            changed(train__m={"checkpoints": [4], "phases": [{"steps": 3}]}),
            ["train.m.checkpoints has 4", "ends at 3"],
        ),
        # missing
        ({}, ["study", "missing"]),
        (changed(models={}), ["models", "at least 1"]),
        (changed(models__m=None), ["models", "at least 1"]),
        (changed(models__m={}), ["models.m.path", "missing"]),
        (changed(cases={}), ["cases.tasks", "missing"]),
        (changed(train__m__phases=[{"constant": 1.0}]), ["train.m.phases.0.steps", "missing"]),
        # names that YAML does not read as text
        (changed(models={1: {"path": "p"}}), ["models", "named 1", "quotes"]),
        ({**LEAST, True: 3, "zebra": 4}, ["named True", "quotes"]),
        # several: what is wrong by itself comes before what does not go together, outer first
        (changed(ensemble__band=[0.7, 0.2], seeds=3), ["seeds", "array"]),
        (changed(sampler__steps=0, zebra=1), ["unknown field zebra"]),
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
    assert load_config([good]).study == "a"
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


# The study of a run of the workflow


@pytest.fixture
def base(tmp_path, monkeypatch):
    """config.yaml, and two overlays: one names its study."""
    monkeypatch.chdir(tmp_path)
    for name, fields in {
        "config": changed(ensemble__k=1),
        "named": {"study": "other", "seeds": [1]},
        "nameless": {"seeds": [1]},
        "same": {"seeds": [0, 1, 2, 3]},
    }.items():
        Path(f"{name}.yaml").write_text(yaml.safe_dump(fields))
    return Path("config.yaml")


def test_an_overlay_that_names_no_study_is_refused(base):
    named, nameless = Path("named.yaml"), Path("nameless.yaml")
    assert load_study(base, [], {}).study == "a"
    assert load_study(base, [named], {}).seeds == [1]
    assert load_study(base, [named, nameless], {}).study == "other"
    assert load_study(base, [nameless], {"study": "mine"}).study == "mine"
    assert load_study(base, [Path("same.yaml")], {}).study == "a"
    with pytest.raises(UserError, match=r"nameless\.yaml changes the study a and would write over"):
        load_study(base, [nameless], {})
    with pytest.raises(UserError, match="--config changes the study a"):
        load_study(base, [], {"seeds": ["5"]})
    # which figures are made changes no number of them
    assert load_study(base, [], {"experiments": ["decision"]}).experiments == ["decision"]


def test_values_of_the_command_line_go_through_the_same_checks(base):
    given = {"seeds": ["0", "1"], "sampler": {"steps": "40"}}
    found = load_study(base, [Path("named.yaml")], given)
    assert (found.seeds, found.sampler.steps) == ([0, 1], 40)
    with pytest.raises(UserError, match=r"seeds\.0 is 'many': write a value of type integer"):
        load_study(base, [Path("named.yaml")], {"seeds": ["many"]})


@pytest.mark.parametrize(
    ("value", "means"),
    [
        *((value, True) for value in (True, "true", "True", "yes", "on", 1, "1")),
        *((value, False) for value in (False, "false", "no", "off", "FALSE", 0, "0")),
    ],
)
def test_truth_values_of_the_command_line(value, means):
    assert truth(value, "shipped") is means


@pytest.mark.parametrize("value", ["flase", "2", 3, None, "", [], "nil"])
def test_other_words_are_no_truth_values(value):
    with pytest.raises(UserError, match=r"shipped is .*: write true, or leave it out"):
        truth(value, "shipped")


FIELDS = [
    "study",
    "models",
    "models.m",
    "models.m.path",
    "models.m.seeds",
    "sampler",
    "sampler.steps",
    "sampler.shift",
    "cases",
    "cases.tasks",
    "cases.path",
    "cases.seed",
    "seeds",
    "video.frames",
    "execution.device",
    "train.new",
    "statistics.seed",
    "perturbation.seeds",
    "experiments",
    "*",
]
VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["maze", "\0", "ä", "", "*", "1e3"])
    | st.text(st.characters(codec="utf-8"), max_size=4)
    | st.dates()
    | st.binary(max_size=3)
)
PARTS = st.recursive(
    VALUES,
    lambda part: (
        st.lists(part, max_size=3)
        | st.dictionaries(st.sampled_from(["m", "a", "path", "steps"]) | st.integers(), part)
    ),
    max_leaves=6,
)


@given(fields=st.dictionaries(st.sampled_from(FIELDS), PARTS, min_size=1, max_size=3))
@settings(max_examples=200)
def test_any_overlay_is_a_study_or_one_sentence(tmp_path, fields):
    """Whatever stands in a field, there is no other exception, and what is taken survives JSON."""
    base, over = tmp_path / "base.yaml", tmp_path / "over.yaml"
    base.write_text(yaml.safe_dump(LEAST))
    content: dict = {}
    for name, value in fields.items():
        part = content
        *parents, last = name.split(".")
        for parent in parents:
            part = part.setdefault(parent, {}) if isinstance(part, dict) else {}
        if isinstance(part, dict):
            part[last] = value
    over.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    try:
        found = load_config([base, over])
    except UserError as error:
        str(error).encode()
        assert "\n" not in str(error)
    else:
        again = json.loads(json.dumps(found.resolved(), allow_nan=False))
        assert check_config(again) == found
