"""Own pictures and folders as cases, checked before a model loads."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import standin
import yaml
from PIL import Image
from standin import config_of

from chain_of_steps import cli
from chain_of_steps.cases import sources
from chain_of_steps.cases.folders import load_cases
from chain_of_steps.errors import UserError
from chain_of_steps.settings.video import Video
from chain_of_steps.study.config import check_config

VIDEO = Video(frames=17, stride=4, area=6400, multiple=16)


def refused(*words: str):
    return pytest.raises(UserError, match=".*".join(words))


@pytest.fixture
def own(tmp_path) -> Path:
    standin.write_own(tmp_path / "own")
    return tmp_path / "own"


def test_own_cases_are_pictures_with_a_text_or_case_folders(own, tmp_path):
    config = config_of(own, experiments=["videos"], video={"frames": 9, "area": 6400})
    config["cases"] = {"source": "folder", "path": str(own), "tasks": None}
    index = sources.take_cases(tmp_path / "cases", check_config(config))
    assert index["case"].tolist() == ["own/inside/one", "own/own/red"]
    palette, red = load_cases(tmp_path / "cases", index["case"].tolist())
    assert palette.image.mode == red.image.mode == "RGB"
    assert (palette.image.size, red.image.size) == ((64, 64), (64, 48))
    assert red.image.getpixel((10, 10)) == (229, 135, 135)  # 120 / 255 of (200, 0, 0) on white
    assert red.prompt == "Move the red square to the right."
    assert (red.frames, red.task, red.split) == (9, "own", "own")
    with refused("no puzzle", "only puzzles have a reader"):
        red.puzzle  # noqa: B018
    assert sources.count_cases(check_config(config).cases) == 2


def test_two_own_cases_of_one_name_are_refused(own):
    Image.new("RGB", (64, 64)).save(own / "red.jpg")
    with refused("red", "rename"):
        sources.own_samples(own)


class Words:
    """A tokenizer of whole words."""

    unk_token_id = 0

    def __call__(self, text):
        known = {"go": 1, "red": 2}
        ids = [known.get(word, 0) for word in text.split()] + [9]
        return type("Encoding", (), {"input_ids": ids})


@pytest.mark.parametrize(
    ("size", "text", "problem", "unknown"),
    [
        ((80, 80), "go red", None, []),
        ((80, 80), "go blue", None, ["blue"]),
        ((80, 80), "go go go go", "5 tokens, but the model takes 4", []),
        ((80, 80), "  ", "empty", []),
        ((40, 23), "go", "distorted", []),
    ],
)
def test_a_case_is_checked_before_a_model_loads(tmp_path, size, text, problem, unknown):
    Image.new("RGB", size).save(tmp_path / "a.png")
    sample = sources.Sample("own/own/a", "own", tmp_path / "a.png", text)
    checked = sources.check_sample(sample, VIDEO, sources.Prompts(4, Words()))
    assert list(checked.unknown) == unknown
    assert (checked.problem is None) == (problem is None)
    assert problem is None or problem in checked.problem


def test_without_a_tokenizer_words_are_counted():
    sources.Prompts(4).check("one two three four")
    with refused("at least 5 tokens"):
        sources.Prompts(4).check("one two three four five")


def test_cos_check_names_every_bad_case(own, inside, capsys):
    check = ["check", str(own), "--config", "own.yaml"]
    config = yaml.safe_load(Path("c.yaml").read_text()) | {"video": {"area": 6400}}
    Path("own.yaml").write_text(yaml.safe_dump(config))
    assert cli.main(check) == 0
    out = capsys.readouterr().out
    assert "own/own/red: 100 x 75, given as 64 x 48" in out
    assert "the model does not know: " in out
    (own / "bad.png").write_bytes(b"no picture")
    (own / "bad.txt").write_text("Go.")
    Image.new("RGB", (64, 64)).save(own / "mute.png")
    assert cli.main(check) == 1
    said = capsys.readouterr()
    assert "own/own/bad: " in said.out and "own/own/mute: " in said.out
    assert "2 of 4 cases can be used" in said.out
    assert "(and 1 more, see `cos check`)" in said.err


@pytest.mark.parametrize("locale", ["C.UTF-8", "C", "en_US.UTF-8"])
@pytest.mark.parametrize("command", [("check", "own"), ("cases", "--out", "new"), ("check",)])
def test_a_name_that_is_no_utf8_is_one_sentence_in_any_locale(own, monkeypatch, locale, command):
    """As out of a zip that was packed on Windows."""
    monkeypatch.chdir(own.parent)
    for end in (b".png", b".txt"):
        Path(os.fsdecode(b"own/m\xe4ze" + end)).write_bytes(Path("own/red.png").read_bytes())
    config = config_of(Path("own"), experiments=["videos"])
    config["cases"] = {"source": "folder", "path": "own", "tasks": None}
    Path("config.yaml").write_text(yaml.safe_dump(config))
    done = subprocess.run(
        [sys.executable, "-m", "chain_of_steps", *command],
        env={**os.environ, "LC_ALL": locale},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    said = f"cos {command[0]}: own/m\\xe4ze.png has a name that is no UTF-8: rename it."
    assert done.stderr.decode("ascii").splitlines() == [said]
    assert not Path("new").exists()
