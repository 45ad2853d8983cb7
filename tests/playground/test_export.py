"""A model in the browser answers as the same model in torch."""

import base64
import gzip
import json

import numpy as np
import pytest
import torch
from PIL import Image
from playground_node import beats_of, link_text, node
from repository import ROOT

from chain_of_steps.errors import UserError
from chain_of_steps.models.wan import WanModel
from chain_of_steps.playground.export import INPUTS, export
from chain_of_steps.playground.publish import packed
from chain_of_steps.playground.tiles import pictures
from chain_of_steps.sampling import flow_sigmas, sample
from chain_of_steps.tasks import stream
from chain_of_steps.tasks.board import Board
from chain_of_steps.tasks.maze import PROMPT
from chain_of_steps.tasks.observe import Observer
from chain_of_steps.tasks.reader import first_frame

pytestmark = pytest.mark.slow
BOARD = Board()
STEPS, SHIFT = 6, 5.0
MODELS = sorted(path.parent.name for path in (ROOT / "models").glob("*/model_index.json"))
SIZE = 16 * BOARD.rows


class Ran:
    """A shipped model, exported, and one run of it in torch: the clean estimate of every step."""

    def __init__(self, name: str) -> None:
        self.model = WanModel.load(ROOT / "models" / name, max_sequence_length=24)
        self.exported = export(self.model, BOARD, [PROMPT])
        self.puzzle = next(stream("maze", "in-domain", "evaluation", 1))
        picture = Image.fromarray(np.round(first_frame(self.puzzle) * 255).astype(np.uint8))
        self.condition = self.model.condition([picture], [PROMPT], BOARD.frames)
        self.noise = self.model.noise(5, BOARD.frames, SIZE, SIZE)
        self.sigmas = flow_sigmas(STEPS, SHIFT)
        self.clean: list[np.ndarray] = []
        sample(
            self.model.velocity(self.condition),
            self.noise,
            self.sigmas,
            watch=lambda state: self.clean.append(state.clean[0].numpy()),
        )


@pytest.fixture(scope="module", params=MODELS)
def ran(request) -> Ran:
    return Ran(request.param)


def test_clean_estimates_of_onnx_runtime(ran):
    """The whole run by the exported model and the formulas of flow matching in NumPy."""
    ort = pytest.importorskip("onnxruntime")
    session = ort.InferenceSession(ran.exported.onnx, providers=["CPUExecutionProvider"])
    given = {
        "given": ran.condition.picture["latents"].numpy(),
        "text": ran.exported.prompts[PROMPT][None],
    }
    x, sigmas = ran.noise.numpy(), ran.sigmas.numpy()
    for k in range(STEPS):
        time = np.array([sigmas[k] * 1000], np.float32)
        (v,) = session.run(None, {"x": x, "time": time, **given})
        assert np.abs((x - sigmas[k] * v)[0] - ran.clean[k]).max() < 1e-3, k
        x = x + (sigmas[k + 1] - sigmas[k]) * v
    assert {one.name for one in session.get_inputs()} == set(INPUTS)


BODY = """
const load = (name) => import(`${given.web}/playground/${name}.js`);
const [{ Board }, { Tiles }, { TASKS }, { unpacked, Model, readCodec }, { Reader }, sampler] =
  await Promise.all(["board", "tiles", "tasks/index", "models", "reader", "sampler"].map(load));
const { default: ort } = await import(
  `${given.web}/node_modules/onnxruntime-web/dist/ort.node.min.mjs`);
ort.env.wasm.numThreads = 1;
const board = new Board(given.board);
const tiles = new Tiles(given.tiles, new Uint8Array(await unpacked(given.pictures)));
const codec = await readCodec(given.codec, board, tiles);
const model = await Model.load(ort, given.model, codec);
const layout = TASKS.maze.unpack(given.puzzle, board);
const reader = new Reader(TASKS.maze, layout, board, tiles);
const picture = codec.given(reader.movies[0][0]);
const run = new sampler.Run({ model, text: model.text.states.get(given.prompt),
  given: () => picture, noise: new Float32Array(await unpacked(given.noise)),
  sigmas: sampler.flowSigmas(given.steps, given.shift), again: new Set(), seed: 0 });
const bytes = (values) => Buffer.from(values.buffer).toString("base64");
answer = { given: bytes(picture), sigmas: run.sigmas, clean: [], read: [] };
while (!run.ended) {
  await run.step();
  answer.clean.push(bytes(run.clean));
  answer.read.push(reader.read(codec.decode(run.clean)));
}
"""


def test_clean_estimates_of_the_page(ran):
    """The page's own modules and its ONNX Runtime: picture, noise levels, estimates, readings."""
    if not (ROOT / "web/node_modules/onnxruntime-web").is_dir():
        pytest.skip("no ONNX Runtime for browsers here: run npm ci in web/")
    states = ran.exported.prompts[PROMPT]
    text = {"length": len(states), "width": states.shape[1], "states": {PROMPT: packed(states)}}
    keys, painted = pictures(["maze"])
    page = node(
        BODY,
        board={"rows": BOARD.rows, "columns": BOARD.columns, "beats": BOARD.beats},
        tiles=keys,
        pictures=packed(painted),
        codec={name: packed(part) for name, part in ran.exported.codec.items()},
        model={"onnx": packed(ran.exported.onnx), "text": text},
        puzzle=link_text(ran.puzzle),
        prompt=PROMPT,
        noise=packed(ran.noise.numpy()),
        steps=STEPS,
        shift=SHIFT,
    )
    assert page["sigmas"] == pytest.approx(ran.sigmas.tolist(), abs=1e-7)
    true = ran.condition.picture["latents"][0].numpy()
    assert np.abs(floats(page["given"], true.shape) - true).max() < 1e-3
    observer = Observer(ran.puzzle)
    for k, clean in enumerate(ran.clean):
        assert np.abs(floats(page["clean"][k], clean.shape) - clean).max() < 1e-3, k
        video = ran.model.decode(torch.from_numpy(clean)[None]).numpy()
        look, found = page["read"][k], observer.read_video(video)
        assert look["evidence"] == pytest.approx(found.evidence[0], abs=2e-3)
        assert (look["leads"], look["accepted"]) == (found.leads[0], found.accepted[0])


def floats(text: str, shape: tuple[int, ...]) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), "<f4").reshape(shape)


def test_what_the_page_is_told_is_packed_without_loss():
    numbers = np.linspace(-3, 3, 7, dtype=np.float32)
    assert np.frombuffer(gzip.decompress(base64.b64decode(packed(numbers))), "<f4").tolist() == (
        numbers.tolist()
    )
    assert packed(numbers) == packed(numbers.copy())
    assert json.loads(json.dumps(beats_of(np.zeros((5, 16, 16, 3)))))


def test_a_guided_model_is_refused():
    model = WanModel.load(
        ROOT / "models" / MODELS[0], max_sequence_length=24, guidance=2.0, name="g"
    )
    with pytest.raises(UserError, match="cannot run g: it is guided"):
        export(model, BOARD, [PROMPT])
