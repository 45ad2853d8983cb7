/* Models that run in the browser: ONNX Runtime and the data of one model, unpacked once. */

import { Codec } from "./codec.js";

/* gzip in base64 -> ArrayBuffer. */
export async function unpacked(text) {
  const { body } = await fetch(`data:application/octet-stream;base64,${text}`);
  return new Response(body.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

const floats = async (text) => new Float32Array(await unpacked(text));

/* Readies ONNX Runtime. It takes one thread: pages from disk may not share memory. */
export async function startRuntime(ort, { glue, wasm }) {
  const [script, binary] = await Promise.all([unpacked(glue), unpacked(wasm)]);
  const mjs = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
  Object.assign(ort.env.wasm, { numThreads: 1, wasmBinary: binary, wasmPaths: { mjs } });
}

export async function readCodec(parts, board, tiles) {
  const read = Object.entries(parts).map(async ([name, text]) => [name, await floats(text)]);
  return new Codec(Object.fromEntries(await Promise.all(read)), board, tiles);
}

export class Model {
  /* ort: ONNX Runtime, ready; content: of the model's data script; codec: its Codec. */
  static async load(ort, { onnx, text }, codec) {
    const weights = new Uint8Array(await unpacked(onnx));
    const session = await ort.InferenceSession.create(weights, { executionProviders: ["wasm"] });
    const states = await Promise.all(Object.entries(text.states).map(async ([prompt, packed]) =>
      [prompt, await floats(packed)]));
    return new Model(ort, session, codec, { ...text, states: new Map(states) });
  }

  constructor(ort, session, codec, text) {
    Object.assign(this, { ort, session, codec, text });
    const { rows, columns, latentFrames } = codec.board;
    this.grid = [latentFrames, rows, columns];
  }

  /* The velocity at x, both (C, F, h, w); given: of codec.given; text: states of a prompt. */
  async velocity(x, given, text, sigma) {
    const tensor = (values, shape) => new this.ort.Tensor("float32", values, shape);
    const channels = (values) => values.length / this.grid.reduce((a, b) => a * b);
    const found = await this.session.run({
      x: tensor(x, [1, channels(x), ...this.grid]),
      given: tensor(given, [1, channels(given), ...this.grid]),
      text: tensor(text, [1, this.text.length, this.text.width]),
      time: tensor(Float32Array.of(sigma * 1000), [1]),
    });
    return found.v.data;
  }
}
