"""Bad input, one line a case: what is done -> the sentence. Always exit code 1, nothing written.

`...` in a sentence stands for any words. Mistakes in single fields of a configuration that no
command is needed for are in test_config.py.
"""

import os
import pickle
import pickletools
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from chain import EXPLORE, STRIP, cos, prepare, run_chain, tree
from PIL import Image
from safetensors.torch import load_file, save_file

from chain_of_steps.manifests import write_manifest
from chain_of_steps.video import write_mp4

SAMPLE = ("sample", "--model", "pocket", "--cases", "cases", "--out", "new/0.safetensors")
SAMPLE += ("--shard", "0")
READ = ("read", "--model", "pocket", "--cases", "cases", "--out", "new/0.parquet")
READ += ("--trajectory", "trajectories/pocket/0.safetensors")
CASES = ("cases", "--out", "new")
JOIN = ("join", "--out", "new.parquet", "0.parquet", "1.parquet")
LOOKS = ("--cases", "cases", "--readouts", "readouts.parquet")
TIMELINE = ("timeline", *LOOKS, "--out", "new.csv", "--outcomes", "o.csv")
EXAMPLES = ("examples", *LOOKS, "--out", "new", "--trajectories", "trajectories")
MAZE_STRIP = (*STRIP, "--out", "new", "--case", "in-domain/maze/00000")
PAGE = ("explore-page", "--out", "page/index.html")
FIRST = "cases/in-domain/maze/00000"
LATENTS = "trajectories/pocket/0.safetensors"
TRANSFORMER = "model/transformer/diffusion_pytorch_model.safetensors"
TEXT = "model/text_encoder/model.safetensors"
CODEC = "model/vae/diffusion_pytorch_model.safetensors"
WEIGHT = "blocks.0.attn1.to_q.weight"


# What can be done to a study: each returns an action on the working directory.


def over(**fields) -> Callable[[], None]:
    """Lay fields over the configuration."""
    return lambda: Path("over.yaml").write_text(yaml.safe_dump(fields))


def remove(name: str) -> Callable[[], None]:
    path = Path(name)
    return lambda: shutil.rmtree(path) if path.is_dir() else path.unlink()


def tear(name: str) -> Callable[[], None]:
    return lambda: Path(name).write_bytes(Path(name).read_bytes()[:100])


def write(name: str, content: str | bytes) -> Callable[[], None]:
    content = content.encode() if isinstance(content, str) else content
    return lambda: Path(name).write_bytes(content)


def flip_a_bit(name: str) -> Callable[[], None]:
    """Alter one bit in the middle; size and time of the file stay."""

    def act() -> None:
        path, times = Path(name), Path(name).stat()
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    return act


def tensors(name: str, change: Callable[[dict], object], metadata: dict | None = None):
    """Change the tensors of a file; a manifest beside it is made to fit."""

    def act() -> None:
        path = Path(name)
        found = load_file(path)
        change(found)
        save_file(found, path, metadata=metadata or {"format": "pt"})

    return act


def set_to(weight: str, value: torch.Tensor) -> Callable[[dict], object]:
    return lambda found: found.update({weight: value})


def not_a_number(weight: str) -> Callable[[dict], object]:
    return lambda found: found[weight].view(-1)[:1].fill_(float("nan"))


def shorter_latents() -> None:
    """A trajectory with one step less than it says, and a manifest that fits."""
    from safetensors import safe_open

    with safe_open(LATENTS, framework="pt") as file:
        metadata = file.metadata()
    tensors(LATENTS, lambda found: found.update(x=found["x"][:, 1:].clone()), metadata)()
    write_manifest(LATENTS, parameters={}, seconds=0.0)


class Bomb:
    """Leaves a file when it is unpickled."""

    def __reduce__(self):
        return (Path.touch, (Path("unpickled"),))


def pickled(name: str, instead: str) -> Callable[[], None]:
    """Replace a file of weights by a pickle that does something when it is read."""

    def act() -> None:
        Path(name).with_name(instead).write_bytes(pickle.dumps(Bomb()))
        if instead != Path(name).name:
            Path(name).unlink()

    return act


def movie_as_picture() -> None:
    write_mp4(f"{FIRST}/movie.mp4", np.zeros((5, 16, 16, 3), np.uint8))
    Path(f"{FIRST}/movie.mp4").rename(f"{FIRST}/first_frame.png")


def picture(size: tuple[int, int], kind: str = "PNG") -> Callable[[], None]:
    return lambda: Image.new("RGB", size).save(f"{FIRST}/first_frame.png", format=kind)


def index(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[], None]:
    """Change the table of cases."""
    return lambda: change(pd.read_csv("cases/cases.csv")).to_csv("cases/cases.csv", index=False)


def first_case(name: str) -> Callable[[], None]:
    return index(lambda table: table.assign(case=[name, *table["case"][1:]]))


def link_out() -> None:
    shutil.move(FIRST, "outside")
    Path(FIRST).symlink_to(Path("outside").resolve())


def nothing() -> None: ...


def both(*acts: Callable[[], None]) -> Callable[[], None]:
    return lambda: [act() for act in acts]


# fmt: off
AGAIN = "move it away and run the command or rule that makes it again."
NOT_WHOLE = "The pipeline at ...model is not whole (...): fetch or train it again."
NO_CASES = "cases/cases.csv does not exist: run the command or rule that makes it first."
TABLE = [
    # configuration
    (over(sampler={"stesp": 3}), CASES, "unknown field sampler.stesp: did you mean steps?"),
    (over(sampler={"stesp": 3}), SAMPLE, "unknown field sampler.stesp: did you mean steps?"),
    (over(sampler={"steps": "many"}), CASES, "sampler.steps is 'many': write a value of type integer..."),
    (over(sampler={"steps": 0}), CASES, "sampler.steps is 0: write 1 or more..."),
    (over(cases={"tasks": ["mase"]}), CASES, "cases.tasks.0 is 'mase': did you mean maze?"),
    (over(cases={"tasks": ["maze", "maze"]}), CASES, "cases.tasks is ['maze', 'maze']: write each of them once..."),
    (over(video={"frames": 18}), SAMPLE, "video.frames is 18: write 4 k + 1, such as 17."),
    (over(seeds=[0, 0]), SAMPLE, "seeds is [0, 0]: write each of them once..."),
    (over(execution={"device": "cuda:99"}), SAMPLE, "execution.device is 'cuda:99', which torch cannot use here..."),
    (over(execution={"device": "gpu"}), SAMPLE, "execution.device is 'gpu', which torch cannot use here..."),
    (over(cases={"tasks": ["tictactoe"], "in-domain": 5000}), CASES, "tictactoe...in-domain...fewer..."),
    (write("over.yaml", "study: ["), CASES, "over.yaml is not valid YAML: ..."),
    (write("over.yaml", "just words"), CASES, "over.yaml holds no fields: write `field: value` lines."),
    (nothing, (*CASES, "--config", "no such é.yaml"), "no such é.yaml does not exist: write the path of a config file."),
    # what to do
    (nothing, (*SAMPLE[:-1], "99"), "shard is 99: write a number from 0 to 1."),
    (nothing, (*SAMPLE[:-1], "-1"), "shard is -1: write a number from 0 to 1."),
    (nothing, ("sample", "--model", "packet", *SAMPLE[3:]), "model 'packet' is not in the configuration: write one of pocket."),
    (nothing, (*JOIN[:2], "new.txt", *JOIN[3:]), "new.txt is no table's name: end it in .parquet, .csv, .csv.gz."),
    (nothing, (*JOIN[:2], "config.yaml/new.csv", *JOIN[3:]), "cannot write config.yaml...: ..."),
    (nothing, ("card", "--model", "pocket", "--out", "model"), "model/training.json does not exist: ..."),
    # checkpoints
    (remove("model"), SAMPLE, "No pipeline at ...model: give a directory with a model_index.json, or the name..."),
    (remove("model/model_index.json"), SAMPLE, "No pipeline at ...model: give a directory with a model_index.json..."),
    (tear("model/model_index.json"), SAMPLE, "...model/model_index.json is not valid JSON: fetch the model again."),
    (remove("model/transformer"), SAMPLE, NOT_WHOLE),
    (remove(TRANSFORMER), SAMPLE, NOT_WHOLE),
    (tear(TRANSFORMER), SAMPLE, NOT_WHOLE),
    (tear(TEXT), SAMPLE, NOT_WHOLE),
    (write("model/vae/config.json", "not JSON"), SAMPLE, NOT_WHOLE),
    (tear("model/tokenizer/tokenizer.json"), SAMPLE, NOT_WHOLE),
    (tensors(TRANSFORMER, not_a_number(WEIGHT)), SAMPLE, f"...model/transformer: weight {WEIGHT} holds nan or infinity: ..."),
    (tensors(TEXT, not_a_number("shared.weight")), SAMPLE, "...model/text_encoder: weight shared.weight holds nan or infinity: ..."),
    (tensors(CODEC, not_a_number("basis")), SAMPLE, "...model/vae: weight basis holds nan or infinity: ..."),
    (tensors(TRANSFORMER, set_to(WEIGHT, torch.zeros(3, 3))), SAMPLE, f"The pipeline at ...model is not whole (...{WEIGHT} expected shape...): ..."),
    (tensors(TEXT, set_to("shared.weight", torch.zeros(3, 3))), SAMPLE, "The pipeline at ...model is not whole (a weight of its text encoder has another shape...): ..."),
    (tensors(TRANSFORMER, lambda found: found.pop(WEIGHT)), SAMPLE, f"...model/transformer has no weight {WEIGHT}: ..."),
    (tensors(TEXT, lambda found: found.pop("encoder.final_layer_norm.weight")), SAMPLE, "...model/text_encoder has no weight encoder.final_layer_norm.weight: ..."),
    (pickled(TRANSFORMER, "diffusion_pytorch_model.bin"), SAMPLE, "...model/transformer/diffusion_pytorch_model.bin is a pickle, which can run code when it is read: ..."),
    (pickled(TEXT, "pytorch_model.bin"), SAMPLE, "...model/text_encoder/pytorch_model.bin is a pickle, which can run code when it is read: ..."),
    (pickled(CODEC, "diffusion_pytorch_model.safetensors"), SAMPLE, NOT_WHOLE),
    # cases
    (remove("cases"), SAMPLE, NO_CASES),
    (write("cases/cases.csv", ""), SAMPLE, f"cases/cases.csv is not a readable table (...): {AGAIN}"),
    (write("cases/cases.csv", "name\na\n"), SAMPLE, "cases/cases.csv has no column case, write one of name instead."),
    (first_case("in-domain/maze/00001"), SAMPLE, "cases/cases.csv names in-domain/maze/00001 twice: write each case once."),
    (first_case("../outside"), SAMPLE, "'../outside' leads out of cases: write a path below that folder."),
    (first_case("/etc"), SAMPLE, "'/etc' leads out of cases: write a path below that folder."),
    (link_out, SAMPLE, "'in-domain/maze/00000' leads out of cases: write a path below that folder."),
    (first_case("in domain/mäze"), SAMPLE, "cases/in domain/mäze has no first_frame.png: make it with `cos cases`."),
    (remove(f"{FIRST}/first_frame.png"), SAMPLE, f"{FIRST} has no first_frame.png: make it with `cos cases`."),
    (tear(f"{FIRST}/first_frame.png"), SAMPLE, f"{FIRST}/first_frame.png is not a readable image: write the path of a PNG or JPEG file instead."),
    (write(f"{FIRST}/first_frame.png", "words"), SAMPLE, f"{FIRST}/first_frame.png is not a readable image: ..."),
    (movie_as_picture, SAMPLE, f"{FIRST}/first_frame.png is not a readable image: ..."),
    (picture((80, 80), "EPS"), SAMPLE, f"{FIRST}/first_frame.png is not a readable image: ..."),
    (picture((81, 80)), SAMPLE, "width is 81: write a multiple of 16, such as 80."),
    (picture((160, 160)), SAMPLE, "images have sizes [(80, 80), (160, 160)]: bring them to one size first."),
    (remove(f"{FIRST}/prompt.txt"), SAMPLE, f"{FIRST}/prompt.txt is missing or empty: write the case's instruction into it."),
    (write(f"{FIRST}/prompt.txt", "\n"), SAMPLE, f"{FIRST}/prompt.txt is missing or empty: ..."),
    (write(f"{FIRST}/prompt.txt", b"\xff\xfe\x00"), SAMPLE, f"{FIRST}/prompt.txt is not a readable text: write it as UTF-8."),
    (write(f"{FIRST}/prompt.txt", "find " * 1000), SAMPLE, "The prompt 'find find...'... has 1001 tokens, but the model pocket takes 24: shorten it..."),
    (remove(f"{FIRST}/meta.json"), SAMPLE, f"{FIRST}/meta.json does not exist: ..."),
    (write(f"{FIRST}/meta.json", "{"), SAMPLE, f"{FIRST}/meta.json is not valid JSON (line 1, column 2: ...): {AGAIN}"),
    (write(f"{FIRST}/meta.json", '{"task": "maze"}'), SAMPLE, f"{FIRST}/meta.json does not describe a puzzle ('candidates'): ..."),
    # artifacts
    (remove(LATENTS), READ, f"{LATENTS} does not exist: ..."),
    (tear(LATENTS), READ, f"{LATENTS} is truncated (100 of ... bytes): {AGAIN}"),
    (flip_a_bit(LATENTS), READ, f"{LATENTS} was altered after its manifest was written: {AGAIN}"),
    (flip_a_bit(LATENTS), MAZE_STRIP, f"{LATENTS} was altered after its manifest was written: {AGAIN}"),
    (remove(f"{LATENTS}.manifest.json"), READ, f"{LATENTS}.manifest.json does not exist: ..."),
    (both(tear(LATENTS), partial(write_manifest, LATENTS, parameters={}, seconds=0.0)), READ, f"{LATENTS} is not a readable tensor file (...): {AGAIN}"),
    (both(pickled(LATENTS, "0.safetensors"), partial(write_manifest, LATENTS, parameters={}, seconds=0.0)), READ, f"{LATENTS} is not a readable tensor file (...): {AGAIN}"),
    (shorter_latents, READ, f"{LATENTS}: x has shape (8, 3, 52, 5, 5, 5) instead of (8, 4, 52, 5, 5, 5): make it again with `cos sample`."),
    (flip_a_bit("1.parquet"), JOIN, f"1.parquet was altered after its manifest was written: {AGAIN}"),
    (tear("1.parquet"), JOIN, f"1.parquet is truncated (100 of ... bytes): {AGAIN}"),
    (remove("1.parquet"), JOIN, "1.parquet does not exist: ..."),
    (both(write("1.parquet", "words"), remove("1.parquet.manifest.json")), JOIN, f"1.parquet is not a readable table (...): {AGAIN}"),
    # pictures of runs
    (nothing, (*MAZE_STRIP[:-1], "maze/0"), "...'maze/0'...cases.csv..."),
    (nothing, (*MAZE_STRIP, "--seed", "7"), "...seed is 7...0, 1..."),
    (nothing, (*MAZE_STRIP, "--steps", "4"), "...steps has 4...0 to 3..."),
    (nothing, (*MAZE_STRIP, "--noise", "layer-1"), "...'layer-1'...step-<number>..."),
    (nothing, (*MAZE_STRIP, "--noise", "step-3"), "...step is 3..."),
    (nothing, (*PAGE, "none/0"), "...none/0...beside the page..."),
    (nothing, (*PAGE, "page/0"), "...page/0/runs.json..."),
    (nothing, (*EXPLORE, "--readouts", "no.parquet", "--out", "page/0"), "...no.parquet..."),
    (flip_a_bit("readouts.parquet"), TIMELINE, f"readouts.parquet was altered after its manifest was written: {AGAIN}"),
    (flip_a_bit("readouts.parquet"), EXAMPLES, f"readouts.parquet was altered after its manifest was written: {AGAIN}"),
    (remove("trajectories"), EXAMPLES, "trajectories/pocket holds no trajectory: run `cos sample` first."),
]
# fmt: on


@pytest.fixture(scope="module")
def done(tmp_path_factory, build_pocket) -> Path:
    """A folder in which a tiny study has run, so that its path is no easy one."""
    root = tmp_path_factory.mktemp("a study, später")
    prepare(root, build_pocket)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        run_chain(root)
    return root


@pytest.fixture
def scene(done, tmp_path, monkeypatch) -> Path:
    """A copy of it that a test may break, as working directory."""
    root = tmp_path / "träger mit leer"
    shutil.copytree(done, root)
    monkeypatch.chdir(root)
    # an absolute path, so that no model of that name is looked for on the Hub
    config = yaml.safe_load(Path("config.yaml").read_text())
    config["models"]["pocket"]["path"] = str(root / "model")
    Path("config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    return root


def fails(capfd, root: Path, *command: str) -> str:
    """The one sentence of a command that ends with 1 and leaves every file as it was."""
    if Path("over.yaml").exists():
        command = (*command, "--config", "config.yaml", "over.yaml")
    before = tree(root)
    capfd.readouterr()
    assert cos(*command) == 1
    printed = capfd.readouterr().err
    assert "Traceback" not in printed
    assert tree(root) == before
    message = printed.splitlines()[-1]
    assert message.startswith(f"cos {command[0]}: ")
    return message.removeprefix(f"cos {command[0]}: ")


@pytest.mark.parametrize(("done_to_it", "command", "sentence"), TABLE, ids=range(len(TABLE)))
def test_bad_input(scene, capfd, done_to_it, command, sentence):
    done_to_it()
    said = fails(capfd, scene, *command)
    pattern = ".*".join(re.escape(part) for part in sentence.split("..."))
    assert re.fullmatch(pattern, said), said
    assert said[-1] in ".?"
    assert not Path("unpickled").exists()


def test_the_pickle_of_these_tests_would_do_harm(tmp_path, monkeypatch):
    """Shown without reading one: a reader would call what it holds, and that leaves the file."""
    monkeypatch.chdir(tmp_path)
    assert "REDUCE" in {code.name for code, *_ in pickletools.genops(pickle.dumps(Bomb()))}
    function, arguments = Bomb().__reduce__()
    function(*arguments)
    assert Path("unpickled").exists()


def test_an_artifact_that_is_there_survives_a_failure(scene, capfd):
    assert cos("cases", "--out", "cases") == 0  # made again in place
    write(f"{FIRST}/first_frame.png", "words")()
    before = Path(LATENTS).read_bytes()
    fails(capfd, scene, *(LATENTS if part.startswith("new") else part for part in SAMPLE))
    assert Path(LATENTS).read_bytes() == before


def test_an_interrupted_stage_leaves_nothing(scene, monkeypatch):
    from chain_of_steps.cases import folders as cases

    before = tree(scene)
    monkeypatch.setattr(cases, "write_table", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        cos("cases", "--out", "new")
    assert tree(scene) == before
    assert not Path("new").exists()


def test_a_mistake_as_a_user_sees_it(scene):
    over(cases={"tasks": ["mase"]})()
    command = ("cos", "cases", "--out", "new", "--config", "config.yaml", "over.yaml")
    cos_program = [sys.executable, "-m", "chain_of_steps.cli", *command[1:]]
    done = subprocess.run(cos_program, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == "cos cases: cases.tasks.0 is 'mase': did you mean maze?\n"


# A disk that is full or cannot be written

DISK = """
mount -t tmpfs -o size={size} none disk || exit 77
if [ {size} != 64m ]; then head -c 126976 /dev/zero > disk/other 2> /dev/null; fi
if [ {size} = 64m ]; then mount -o remount,ro disk; fi
"$@"; status=$?
find disk -mindepth 1 ! -name other
exit $status
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "reason"), [("128k", "No space left on device"), ("64m", "Read-only file system")]
)
@pytest.mark.parametrize(
    ("command", "out"),
    [
        (CASES, "disk/cases"),
        (SAMPLE, "disk/0.safetensors"),
        (JOIN, "disk/new.csv"),
    ],
)
def test_a_disk_that_takes_no_more(scene, size, reason, command, out):
    """In a mount of its own, that ends with the process."""
    Path("disk").mkdir()
    words = [out if part.startswith("new") else part for part in command]
    program = [sys.executable, "-m", "chain_of_steps.cli", *words]
    shell = ["unshare", "--mount", *(["--map-root-user"] if os.geteuid() else []), "sh", "-c"]
    if shutil.which("unshare") is None:
        pytest.skip("no `unshare` to mount a small disk with")
    done = subprocess.run(
        [*shell, DISK.format(size=size), "sh", *program],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 77 or "unshare failed" in done.stderr:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    said = done.stderr.splitlines()[-1]
    assert said == f"cos {command[0]}: cannot write {out}: {reason}."
    assert not [line for line in done.stdout.splitlines() if line.startswith("disk")], (
        "half-written"
    )
