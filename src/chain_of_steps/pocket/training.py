"""Trains the pocket reasoner on endless procedural puzzles (flow matching, eq. 1 of the paper)."""

from __future__ import annotations

import itertools
import json
import random
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import WanImageToVideoPipeline
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from chain_of_steps.files import atomic_path, digest_json, read_json, write_json
from chain_of_steps.models.codec import LinearVideoCodec, fit_codec
from chain_of_steps.pocket.pipeline import MAX_PROMPT_TOKENS, build_pipeline, build_tokenizer
from chain_of_steps.progress import progress
from chain_of_steps.tasks import in_order, stream, task_names, task_of
from chain_of_steps.tasks.board import BEAT, DEFAULT_BOARD, Board
from chain_of_steps.tasks.puzzle import Puzzle
from chain_of_steps.tasks.scene import Movie, render_tile

IN_DOMAIN = "in-domain"
RECORD = "training.json"
STRETCH = 100  # steps that have their seeds in common: a training can be taken up between two


def _even_mix() -> dict[str, float]:
    return dict.fromkeys(in_order(task_names()), 1.0)  # the order decides what a seed draws


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides the weights. Times and rates are in optimiser steps."""

    steps: int = 3500
    batch: int = 32
    layers: int = 8
    heads: int = 4
    head_dim: int = 32
    ffn_dim: int = 384
    text_dim: int = 64
    z_dim: int = 36
    lr_muon: float = 5e-3
    lr_adamw: float = 1.5e-3
    weight_decay: float = 0.02
    warm_up: int = 40
    constant: float = 0.5  # share of the steps after which the rate falls linearly to zero
    clip: float = 1.0
    ema: float = 0.998
    shift: float = 4.0
    prompt_dropout: float = 0.05
    seed: int = 0
    threads: int = 2
    mix: Mapping[str, float] = field(default_factory=_even_mix)
    tasks: Sequence[str] | None = None  # that codec and tokenizer know; None: those of the mix
    board: Board = DEFAULT_BOARD


def movie_blocks(movie: Movie, board: Board = DEFAULT_BOARD) -> list[tuple]:
    """The block keys of a movie in (latent frame, row, column) order: four tiles in time each."""
    chunks = [[movie[0]] * BEAT]
    chunks += [movie[i : i + BEAT] for i in range(1, board.frames, BEAT)]
    return [
        tuple(scene.get(cell, ()) for scene in chunk) for chunk in chunks for cell in board.cells
    ]


def render_block(key: tuple) -> np.ndarray:
    """Pixels of one block in [-1, 1], flattened in the codec's (time, y, x, colour) order."""
    return np.stack([render_tile(tile) for tile in key]).ravel().astype(np.float64) * 2 - 1


def codec_for_puzzles(
    z_dim: int,
    per_task: int = 400,
    tasks: Iterable[str] | None = None,
    board: Board = DEFAULT_BOARD,
) -> LinearVideoCodec:
    """A codec fitted to the blocks of in-domain training puzzles of some tasks, or all, alike."""
    counts: Counter[tuple] = Counter()
    for task in task_names() if tasks is None else tasks:
        for puzzle in itertools.islice(stream(task, IN_DOMAIN, "train", "codec", board), per_task):
            counts.update(movie_blocks(task_of(task).movie(puzzle, puzzle.shown), board))
    keys = sorted(counts)
    blocks = np.stack([render_block(key) for key in keys])
    return fit_codec(blocks, np.array([counts[key] for key in keys], dtype=float), z_dim)


class LatentPainter:
    """Composes normalised latents of puzzles block by block, which is exact for a linear codec."""

    def __init__(self, codec: LinearVideoCodec) -> None:
        self.mean = torch.tensor(codec.config.latents_mean)
        self.std = torch.tensor(codec.config.latents_std)
        self.codec = codec
        self.known: dict[tuple, int] = {}
        self.table = torch.empty(0, codec.config.z_dim)
        grey = torch.zeros(codec.mean.shape)
        self.grey = self._encode(grey[None])[0]

    def _encode(self, blocks: Tensor) -> Tensor:
        z = (blocks - self.codec.mean) @ self.codec.basis.T
        return (z - self.mean) / self.std

    def __call__(self, movies: list[Movie], board: Board = DEFAULT_BOARD) -> Tensor:
        """(B, z_dim, F, rows, columns) latents of movies that are all on one board."""
        keys = [movie_blocks(movie, board) for movie in movies]
        new = sorted({key for row in keys for key in row} - self.known.keys())
        if new:
            pixels = torch.from_numpy(np.stack([render_block(key) for key in new])).float()
            self.known.update({key: len(self.known) + i for i, key in enumerate(new)})
            # one by one: low bits must not depend on which others are new
            self.table = torch.cat([self.table, *map(self._encode, pixels.split(1))])
        index = torch.tensor([[self.known[key] for key in row] for row in keys])
        grid = (board.latent_frames, board.rows, board.columns)
        z = self.table[index].reshape(len(movies), *grid, -1)
        return z.permute(0, 4, 1, 2, 3)

    def condition(self, latents: Tensor) -> Tensor:
        """The image condition (B, 4 + z_dim, F, rows, columns): mask, first frame, grey frames."""
        image = self.grey.view(1, -1, 1, 1, 1).expand_as(latents).clone()
        image[:, :, :1] = latents[:, :, :1]
        mask = torch.zeros_like(latents[:, :BEAT])
        mask[:, :, 0] = 1
        return torch.cat([mask, image], dim=1)


def training_puzzles(
    mix: Mapping[str, float], seed: int | str, board: Board = DEFAULT_BOARD
) -> Iterator[Puzzle]:
    """Endless in-domain training puzzles; a task comes as often as its weight in `mix` says."""
    rng = random.Random(f"mix/{seed}")
    streams = {task: stream(task, IN_DOMAIN, "train", seed, board) for task in mix}
    while True:
        yield next(streams[rng.choices(list(mix), list(mix.values()))[0]])


class FloatAttention:
    """Wan's attention with bf16 projections and fp32 products: bf16 attention is slow on CPUs."""

    def __call__(
        self,
        attn: nn.Module,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        rotary_emb: tuple[Tensor, Tensor] | None = None,
    ) -> Tensor:
        context = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        q = attn.norm_q(attn.to_q(hidden_states)).unflatten(2, (attn.heads, -1)).float()
        k = attn.norm_k(attn.to_k(context)).unflatten(2, (attn.heads, -1)).float()
        v = attn.to_v(context).unflatten(2, (attn.heads, -1)).float()
        if rotary_emb is not None:
            cos, sin = rotary_emb  # every value twice, for the two halves of a pair
            turn = torch.complex(cos[..., ::2].float(), sin[..., ::2].float())
            q, k = (
                torch.view_as_real(torch.view_as_complex(x.unflatten(-1, (-1, 2))) * turn).flatten(
                    -2
                )
                for x in (q, k)
            )
        with torch.autocast("cpu", enabled=False):
            out = F.scaled_dot_product_attention(*(x.transpose(1, 2) for x in (q, k, v)))
        return attn.to_out[0](out.transpose(1, 2).flatten(2))


def encode_prompts(
    tokenizer: PreTrainedTokenizerBase, text_encoder: nn.Module, prompts: list[str]
) -> Tensor:
    """(B, 24, text_dim), zeros behind each prompt's end, as the Wan pipelines do."""
    unique = list(dict.fromkeys(prompts))
    tokens = tokenizer(
        unique,
        padding="max_length",
        max_length=MAX_PROMPT_TOKENS,
        truncation=True,
        return_tensors="pt",
    )
    mask = tokens.attention_mask
    states = text_encoder(tokens.input_ids, mask).last_hidden_state * mask[..., None]
    return states[[unique.index(prompt) for prompt in prompts]]


def learning_rate(step: int, config: TrainConfig) -> float:
    """Share of the full rate: warm-up, constant, then linear to zero."""
    left = (config.steps - step) / max(1, config.steps * (1 - config.constant))
    return min(1.0, (step + 1) / config.warm_up, left)


def new_pipeline(config: TrainConfig) -> WanImageToVideoPipeline:
    """An untrained pocket model whose codec and tokenizer know the puzzles of `config.tasks`."""
    tasks = list(config.mix if config.tasks is None else config.tasks)
    prompts = [
        puzzle.prompt
        for task in tasks
        for puzzle in itertools.islice(stream(task, IN_DOMAIN, "train", "words", config.board), 400)
    ]
    return build_pipeline(
        codec_for_puzzles(config.z_dim, tasks=tasks, board=config.board),
        build_tokenizer(prompts),
        layers=config.layers,
        heads=config.heads,
        head_dim=config.head_dim,
        ffn_dim=config.ffn_dim,
        text_dim=config.text_dim,
        seed=config.seed,
    )


class Learner:
    """A network on its way: its weights, their moving average, the optimisers and the log."""

    def __init__(self, pipe: WanImageToVideoPipeline, config: TrainConfig) -> None:
        self.network = nn.ModuleDict(
            {"transformer": pipe.transformer, "text_encoder": pipe.text_encoder}
        )
        self.network.train()
        pipe.transformer.set_attn_processor(FloatAttention())
        self.ema = {name: p.detach().clone() for name, p in self.network.named_parameters()}
        self.optimisers = make_optimisers(self.network, config)
        self.step = 0
        self.seconds = 0.0
        self.log: list[dict[str, float]] = []

    def update(self, loss: Tensor, config: TrainConfig) -> None:
        """One step of the optimisers, and of the moving average."""
        share = learning_rate(self.step, config)
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = share * group["full_rate"]
            optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), config.clip)
        for optimiser in self.optimisers:
            optimiser.step()
        decay = min(config.ema, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for name, p in self.network.named_parameters():
                self.ema[name].lerp_(p, 1 - decay)
        self.step += 1

    def save(self, path: Path) -> None:
        """Everything that is needed to go on, to the bit."""
        with atomic_path(path) as temporary:
            torch.save(
                {
                    "network": self.network.state_dict(),
                    "ema": self.ema,
                    "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
                    "plain": {"step": self.step, "seconds": self.seconds, "log": self.log},
                },
                temporary,
            )

    def load(self, path: Path) -> None:
        """Takes up what `save` wrote. Only plain data is read, no code."""
        state = torch.load(path, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.ema = state["ema"]
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        for name, value in state["plain"].items():
            setattr(self, name, value)


def train(
    config: TrainConfig,
    folder: Path,
    checkpoints: Mapping[Path, int] | None = None,
    start: Path | None = None,
    state: Path | None = None,
) -> None:
    """Trains a pocket model and saves it to `folder`, with the record of its training beside it.

    checkpoints: folder -> step, earlier states saved as models of their own. start: a saved model
    to go on from, with fresh optimisers; its record is carried on. state: a folder in which what is
    reached is kept, from which the same training, stopped and begun again, goes on to the same
    bits. Weights are those of the exponential moving average, in fp16; the codec stays fp32.
    """
    torch.set_num_threads(config.threads)
    pipe = new_pipeline(config) if start is None else load_pipeline(start)
    # the word of the records that are shipped, whose phases were called stages
    earlier = [] if start is None else read_json(start / RECORD)["stages"]
    learner = Learner(pipe, config)
    paint = LatentPainter(pipe.vae)
    reached = None if state is None else state / f"{digest_json([asdict(config), earlier])}.pt"
    if reached is not None and reached.exists():
        learner.load(reached)
    began = time.monotonic() - learner.seconds

    def save(target: Path) -> None:
        network = learner.network
        current = {name: p.detach().clone() for name, p in network.named_parameters()}
        phase = {
            "config": asdict(config),
            "steps": learner.step,
            "minutes": round(learner.seconds / 60, 1),
            "log": learner.log,
        }
        record = {
            "stages": [*earlier, phase],
            "parameters": sum(p.numel() for p in network.parameters()),
            "text_tokens": MAX_PROMPT_TOKENS,
            "torch": torch.__version__,
        }
        _copy(learner.ema, network)
        with atomic_path(target) as folder:
            save_pipeline(pipe, folder)
            write_json(folder / RECORD, record)
        _copy(current, network)

    bar = progress(total=config.steps, desc="train", unit="steps")
    bar.update(learner.step)
    while learner.step < config.steps:
        if learner.step % STRETCH == 0:
            key = f"{config.seed}/{learner.step // STRETCH}"
            puzzles = training_puzzles(config.mix, key, config.board)
            generator = torch.Generator().manual_seed(int(digest_json(key)[:12], 16))
            if reached is not None and learner.step % (5 * STRETCH) == 0:
                learner.save(reached)
        batch = list(itertools.islice(puzzles, config.batch))
        loss = flow_loss(pipe, paint, batch, config, generator)
        mark = {"step": learner.step, "loss": round(loss.item(), 5)}
        learner.update(loss, config)
        learner.seconds = time.monotonic() - began
        if mark["step"] % 10 == 0:
            learner.log.append({**mark, "minutes": round(learner.seconds / 60, 2)})
            bar.set_postfix(loss=f"{mark['loss']:.4f}", refresh=False)
        bar.update()
        for target, at in (checkpoints or {}).items():
            if learner.step == at:
                save(target)
    save(folder)


def flow_loss(
    pipe: WanImageToVideoPipeline,
    paint: LatentPainter,
    batch: list[Puzzle],
    config: TrainConfig,
    generator: torch.Generator,
) -> Tensor:
    """Mean squared error of the velocity x1 - x0 at stratified noise levels."""
    clean = paint([task_of(p.task).movie(p, p.shown) for p in batch], config.board)
    u = (torch.rand(len(batch), generator=generator) + torch.arange(len(batch))) / len(batch)
    u = u[torch.randperm(len(batch), generator=generator)]
    sigma = config.shift * u / (1 + (config.shift - 1) * u)
    noise = torch.randn(clean.shape, generator=generator)
    s = sigma.view(-1, 1, 1, 1, 1)
    noisy = (1 - s) * clean + s * noise
    dropped = torch.rand(len(batch), generator=generator) < config.prompt_dropout
    prompts = ["" if drop else p.prompt for p, drop in zip(batch, dropped.tolist(), strict=True)]
    text = encode_prompts(pipe.tokenizer, pipe.text_encoder, prompts)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        velocity = pipe.transformer(
            torch.cat([noisy, paint.condition(clean)], dim=1), sigma * 1000, text, return_dict=False
        )[0]
    return F.mse_loss(velocity.float(), noise - clean)


def make_optimisers(network: nn.Module, config: TrainConfig) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the transformer's blocks, AdamW for everything else."""
    matrices, rest = [], []
    for name, p in network.named_parameters():
        inside = name.startswith("transformer.blocks.") and name.endswith(".weight")
        (matrices if inside and p.ndim == 2 else rest).append(p)
    optimisers = [
        torch.optim.Muon(
            matrices,
            lr=config.lr_muon,
            weight_decay=config.weight_decay,
            adjust_lr_fn="match_rms_adamw",
        ),
        torch.optim.AdamW(rest, lr=config.lr_adamw, betas=(0.9, 0.98), weight_decay=0.0),
    ]
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["full_rate"] = group["lr"]
    return optimisers


def _copy(source: Mapping[str, Tensor], network: nn.Module) -> None:
    with torch.no_grad():
        for name, p in network.named_parameters():
            p.copy_(source[name])


def load_pipeline(folder: Path) -> WanImageToVideoPipeline:
    """A saved pocket pipeline in fp32, to train on."""
    return WanImageToVideoPipeline.from_pretrained(folder, dtype=torch.float32)


def save_pipeline(pipe: WanImageToVideoPipeline, folder: Path) -> None:
    """Saves a pocket pipeline: fp16 transformer and text encoder, fp32 codec."""
    pipe.save_pretrained(folder, safe_serialization=True)
    for component in ("transformer", "text_encoder"):
        for file in (folder / component).glob("*.safetensors"):
            half = {name: tensor.half() for name, tensor in load_file(file).items()}
            save_file(half, file, metadata={"format": "pt"})
    for name in ("model_index.json", "transformer/config.json", "vae/config.json"):
        config = json.loads((folder / name).read_text())
        config.pop("_name_or_path", None)  # where the weights lay on the machine that trained them
        if name == "model_index.json":
            # the package's own name, so that `import chain_of_steps` is all that a loader needs
            config["vae"] = ["chain_of_steps", "LinearVideoCodec"]
        (folder / name).write_text(json.dumps(config, indent=2) + "\n")
