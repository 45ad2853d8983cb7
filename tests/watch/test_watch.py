"""`cos watch`: shards, jobs and rough pictures of a study that runs."""

import base64
import io
import os
import time

import chain
import numpy as np
import pytest
import tae
from browser import open_page
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save_file

from chain_of_steps import cli
from chain_of_steps.early import Early, early_path, read_early
from chain_of_steps.files import write_json
from chain_of_steps.settings.base import RESOLVED
from chain_of_steps.study.config import check_config
from chain_of_steps.watch import stage_watch
from chain_of_steps.watch.glance import colours_of, fit_colours
from chain_of_steps.watch.page import shards_of

LINE = "clean runs: 12/40 NFE, 01:05 gone, 02:30 left, 3.1NFE/s\n"


def test_colours_come_back_from_a_linear_code():
    rng = np.random.default_rng(0)
    colours = rng.random((3, 6, 5))
    code = np.tensordot(rng.normal(size=(8, 3)), colours, axes=1) + rng.normal(size=(8, 1, 1))
    picture = np.round(colours.transpose(1, 2, 0) * 255).astype(np.uint8)
    large = picture.repeat(16, axis=0).repeat(16, axis=1)
    fitted = fit_colours(code, large)
    assert np.abs(colours_of(code, fitted).astype(int) - picture).max() <= 3
    mirrored = colours_of(code[:, :, ::-1], fitted)
    assert np.array_equal(mirrored, colours_of(code, fitted)[:, ::-1])


def test_a_shard_is_done_at_work_or_waits(tmp_path):
    (tmp_path / "logs").mkdir()
    (tmp_path / "trajectories/m").mkdir(parents=True)
    (tmp_path / "trajectories/m/0.safetensors").touch()
    for number, text in ((1, "loading\n" + LINE), (2, ""), (3, LINE)):
        (tmp_path / f"logs/sample_m_{number}.log").write_text(text)
    old = time.time() - 3600
    os.utime(tmp_path / "logs/sample_m_3.log", (old, old))
    found = shards_of(tmp_path, ["m"], 5, time.time())
    assert [shard.state for shard in found] == ["done", "at work", "at work", "waits", "waits"]
    assert found[1].said == "clean runs 12/40 NFE, 01:05 gone, 02:30 left"
    assert found[2].said == "begins"


@pytest.fixture(scope="module")
def study(tmp_path_factory, build_pocket):
    """A study of one shard, of two that its configuration has, on a random model."""
    root = tmp_path_factory.mktemp("study")
    chain.prepare(root, build_pocket)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        results = root / "results/x"
        config = {**chain.STUDY, "execution": {**chain.STUDY.get("execution", {}), "shard": 1}}
        config = check_config({**config, "study": "x"}).resolved()
        write_json(results / "config.json", {RESOLVED: True, **config})
        settings = ("--config", str(results / "config.json"))
        cases = str(results / "cases")
        assert cli.main(["cases", *settings, "--out", cases]) == 0
        words = ["sample", *settings, "--model", "pocket", "--shard", "0", "--cases", cases]
        out = str(results / "trajectories/pocket/0.safetensors")
        assert cli.main([*words, "--out", out]) == 0
        (results / "logs").mkdir()
        (results / "logs/sample_pocket_1.log").write_text(LINE)
    return results


@pytest.mark.slow
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_shows_every_shard_and_renews_itself(study, tmp_path, capsys, width):
    from chain_of_steps.watch.stage_watch import look

    os.utime(study / "logs/sample_pocket_1.log")
    finished, line = look(study, 10)
    assert not finished and line.endswith("shards sampled, 1 at work") and ": 1 of " in line
    text = (study / "watch.html").read_text()
    assert '<meta http-equiv="refresh" content="10">' in text
    with open_page((study / "watch.html").as_uri(), width=width) as (page, faults):
        page.screenshot(path=tmp_path / f"watch-{width}.png")
        rows = [" ".join(row.split()) for row in page.locator("tr").all_inner_texts()]
        assert rows[1] == "pocket, shard 0 done"
        assert rows[2].startswith("pocket, shard 1 at work clean runs 12/40 NFE")
        images = page.locator("img")
        assert images.count() > 1
        assert all(image.get_attribute("alt") for image in images.all())
        assert faults == []
    data = base64.b64decode(text.split("base64,")[1].split('"')[0])
    assert Image.open(io.BytesIO(data)).size[0] > 2


@pytest.mark.slow
def test_runs_are_shown_while_they_are_sampled(study, monkeypatch):
    """After every step the page has one picture more at most, and none is left behind."""
    seen = []

    def look_at_page(self, case, clean, write=Early._write):
        write(self, case, clean)
        stage_watch.look(study, 10)
        part = (study / "watch.html").read_text().split("pocket, shard 1, so far<br>")[1]
        seen.append(part.split("</div>")[0].count("<img"))

    monkeypatch.setattr(Early, "_write", look_at_page)
    monkeypatch.setattr(Early.__init__, "__defaults__", (0.0,))
    monkeypatch.chdir(study.parents[1])
    os.utime(study / "logs/sample_pocket_1.log")
    settings = ("--config", str(study / "config.json"), "--cases", str(study / "cases"))
    out = study / "trajectories/pocket/1.safetensors"
    words = ["sample", *settings, "--model", "pocket", "--shard", "1", "--out", str(out)]
    assert cli.main(words) == 0
    assert seen[:2] == [1, 2] and max(seen) <= chain.STEPS and len(seen) >= chain.STEPS
    assert not early_path(out).exists()
    out.unlink()
    assert read_early(out) is None


@pytest.mark.slow
def test_a_tiny_decoder_draws_them_where_one_is_given(study, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(study.parents[1])
    with safe_open(study / "trajectories/pocket/0.safetensors", "np") as file:
        channels = file.get_slice("clean").get_shape()[2]
    path = tmp_path / "tae.safetensors"
    save_file(tae.file_of(channels, 2, (1, 2, 2)), path)
    looks = ("watch", "results/x", "--once")
    pages = []
    for more in ((), ("--decoder", str(path))):
        assert cli.main([*looks, *more]) == 0
        pages.append((study / "watch.html").read_text())
    rough, drawn = (
        Image.open(io.BytesIO(base64.b64decode(page.split("base64,")[1].split('"')[0])))
        for page in pages
    )
    assert drawn.size == tuple(16 * n for n in rough.size)  # of 8, and patches of 2
    save_file(tae.file_of(channels + 1, 1, (1, 2, 2)), path)
    assert cli.main([*looks, "--decoder", str(path)]) == 1
    assert f"and the model has {channels}: give the file" in capsys.readouterr().err


@pytest.mark.slow
def test_the_command_looks_once_and_says_what_is_wrong(study, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(study.parents[1])
    assert cli.main(["watch", "results/x", "--once"]) == 0
    assert "results/x/watch.html: 1 of " in capsys.readouterr().out
    assert "http-equiv" not in (study / "watch.html").read_text()
    assert cli.main(["watch", str(tmp_path), "--once"]) == 1
    assert "has no config.json of a study: start the study first." in capsys.readouterr().err
    (tmp_path / "watch.html").write_text("notes of the user's")
    assert cli.main(["watch", str(tmp_path), "--once"]) == 1
    assert "`cos watch` did not write it: move it away." in capsys.readouterr().err
    assert (tmp_path / "watch.html").read_text() == "notes of the user's"
