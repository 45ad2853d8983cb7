"""One run of an own picture."""

import json
from pathlib import Path

import pytest
import standin
import torch
import yaml
from PIL import Image
from standin import config_of

from chain_of_steps import cli
from chain_of_steps.cases.folders import Case
from chain_of_steps.trajectory import Trajectory
from chain_of_steps.video import video_facts


@pytest.fixture
def inside(tmp_path, build_pocket, monkeypatch) -> Path:
    """A folder with a random model and c.yaml, as working directory."""
    root = tmp_path / "study"
    standin.write_bench(tmp_path / "data")
    standin.prepare(root, tmp_path / "data", build_pocket)
    monkeypatch.chdir(root)
    return root


def test_one_run_of_an_own_picture(inside, tmp_path, capsys):
    picture = Image.new("RGBA", (160, 120), (255, 0, 0, 255))
    picture.save(tmp_path / "red.png")
    (tmp_path / "c.yaml").write_text(
        yaml.safe_dump(config_of(tmp_path, video={"frames": 9, "area": 6400}))
    )
    command = ["run", "--config", tmp_path / "c.yaml", "--image", tmp_path / "red.png"]
    command += ["--prompt", "go", "--seed", 5, "--out", tmp_path / "out"]
    assert cli.main(list(map(str, command))) == 0
    out = tmp_path / "out"
    assert {p.name for p in (out / "steps").iterdir()} == {"step-00.mp4", "step-01.mp4"}
    assert video_facts(out / "video.mp4")["frames"] == 9
    assert Image.open(out / "steps.png").width > 300
    manifest = json.loads((out / "trajectory.safetensors.manifest.json").read_text())
    assert manifest["nfe"] == 2 and manifest["parameters"]["seed"] == 5
    assert Case("own/own/red", out / "case").image.size == (64, 48)
    said = capsys.readouterr().out
    assert "160 x 120, given as 64 x 48, 9 frames" in said


def test_loops_are_steps_of_an_own_run(inside, tmp_path):
    Image.new("RGB", (80, 80), (255, 0, 0)).save("red.png")
    video = {"frames": 9, "area": 6400}
    Path("own.yaml").write_text(yaml.safe_dump(config_of(tmp_path, video=video)))
    command = ["run", "--config", "own.yaml", "--image", "red.png", "--prompt", "go"]
    assert cli.main([*command, "--out", "plain"]) == 0
    for passes in (0, 2):
        assert cli.main([*command, "--loop", f"0.7x{passes}", "--out", f"looped-{passes}"]) == 0
    plain, none, looped = (
        Trajectory.checked(Path(name) / "trajectory.safetensors")
        for name in ("plain", "looped-0", "looped-2")
    )
    assert torch.equal(plain.x, none.x)
    assert looped.n_steps == plain.n_steps + 2
    assert looped.made_by["nfe"] == plain.made_by["nfe"] + 2
    assert looped.made_by["loop"]["passes"] == 2
    assert not torch.equal(looped.x[:, -1], plain.x[:, -1])
    assert len(list(Path("looped-2/steps").iterdir())) == plain.n_steps + 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--image", "none.png", "--prompt", "go"), "does not exist"),
        (("--image", "c.yaml", "--prompt", "go"), "not a readable image"),
        (("--image", "ok.png", "--prompt", " "), "prompt is empty"),
        (("--image", "ok.png", "--prompt", "go " * 30), "tokens, but the model takes 24"),
        (("--image", "ok.png", "--prompt", "go", "--model", "x"), "write one of pocket"),
        (("--image", "ok.png", "--prompt", "go", "--seed", "-1"), "--seed is -1"),
        (
            ("--image", "ok.png", "--prompt", "go", "--loop", "12"),
            "--loop: the loop is '12': write",
        ),
        (("--image", "ok.png", "--prompt", "go", "--loop", "1.7x3"), "--loop: sigma is 1.7: write"),
    ],
)
def test_a_run_is_refused_before_a_model_loads(inside, capsys, monkeypatch, arguments, said):
    def load(*_):
        raise AssertionError("a model was loaded")

    monkeypatch.setattr("chain_of_steps.models.adapters.load_model", load)
    Image.new("RGB", (80, 80)).save(inside / "ok.png")
    # the study takes its frames from ground truths, which an own picture has not
    config = yaml.safe_load((inside / "c.yaml").read_text()) | {"video": {"area": 6400}}
    (inside / "own.yaml").write_text(yaml.safe_dump(config))
    assert cli.main(["run", "--config", "own.yaml", *arguments, "--out", "out"]) == 1
    assert said in capsys.readouterr().err
    assert not (inside / "out").exists()
