"""One GPU for each job."""

import json
import subprocess
import sys
import time

import pytest
import torch

from chain_of_steps import gpus
from chain_of_steps.errors import UserError
from chain_of_steps.gpus import free_gpu

# Which adapter


def index(folder, **fields):
    folder.mkdir(exist_ok=True)
    (folder / "model_index.json").write_text(json.dumps(fields))
    return folder


def test_each_job_holds_another_gpu(tmp_path):
    cards = ["GPU-a", "GPU-b"]
    with free_gpu(cards, tmp_path) as first, free_gpu(cards, tmp_path) as second:
        assert {first, second} == {0, 1}
        started = time.monotonic()
        words = r"None of 2 GPUs was free for 0 s: .*gpu=2"
        with pytest.raises(UserError, match=words), free_gpu(cards, tmp_path, patience=0.2):
            pass
        assert time.monotonic() - started >= 0.2
        # a job that sees one card alone, as under Slurm, does not mind the others
        with free_gpu(["GPU-c"], tmp_path, patience=0) as third:
            assert third == 0
    with free_gpu(cards, tmp_path, patience=0) as again:
        assert again == 0


def test_a_job_that_dies_frees_its_gpu(tmp_path):
    code = (
        "import os, sys; from pathlib import Path; from chain_of_steps.gpus import free_gpu; "
        "held = free_gpu(['GPU-a'], Path(sys.argv[1])); held.__enter__(); os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False).returncode == 9
    with free_gpu(["GPU-a"], tmp_path, patience=0) as index:
        assert index == 0


def test_cuda_means_a_free_card_for_the_whole_job(tmp_path, monkeypatch):
    class Card:
        def __init__(self, uuid):
            self.uuid = uuid

    monkeypatch.setattr(torch, "empty", lambda *a, device: None)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda i: Card(f"GPU-{i}"))
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: None)
    monkeypatch.setattr(gpus, "lock_folder", lambda: tmp_path)
    gpus._held.cache_clear()
    at_exit = []
    monkeypatch.setattr(gpus.atexit, "register", at_exit.append)
    with free_gpu(["GPU-0"], tmp_path):
        assert gpus.device_of("cuda") == torch.device("cuda", 1)
        # a second model lies on the same card
        assert gpus.device_of("cuda") == torch.device("cuda", 1)
    with pytest.raises(UserError), free_gpu(["GPU-1"], tmp_path, patience=0):
        pass
    assert not gpus.wanted()
    with pytest.raises(UserError), free_gpu(["GPU-1"], tmp_path, patience=0.2):
        pass
    assert gpus.wanted()  # who waits for it has left word
    at_exit[0]()
    with free_gpu(["GPU-1"], tmp_path, patience=0) as index:
        assert index == 0
        assert not gpus.wanted()
    gpus._held.cache_clear()
    assert gpus.device_of("cuda:1") == torch.device("cuda", 1)
