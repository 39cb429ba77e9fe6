// The model: onnxruntime-web, a session, and the states that it carries from run to run.

import { TYPES, arrayOf, sizeOf } from "./tensors.js";

const BUNDLES = { wasm: "ort.wasm.min.mjs", webgpu: "ort.webgpu.min.mjs" };
const FOLDER = new URL("onnxruntime-web/", import.meta.url).href;
const TEXT = { object: "string" };

async function loadRuntime(backend) {
  if (backend === "webgpu" && !(await navigator.gpu?.requestAdapter())) {
    throw new Error("this browser has no WebGPU, or no device for it: choose WebAssembly");
  }
  const ort = await import(FOLDER + BUNDLES[backend]);
  ort.env.wasm.wasmPaths = FOLDER;
  if (!globalThis.crossOriginIsolated) ort.env.wasm.numThreads = 1; // threads share memory, which needs isolation
  return ort;
}

/** A model that is loaded. */
export class Model {
  #ort;
  #session;
  #description;
  #states = null;
  #samples = null;

  /** Loads the model that `description` (model.json) tells of; `backend` is "wasm" or "webgpu". */
  static async load(description, backend) {
    const model = new Model();
    model.#description = description;
    model.#ort = await loadRuntime(backend);
    const externalData = description.weights.map((path) => ({ path, data: encodeURIComponent(path) }));
    model.#session = await model.#ort.InferenceSession.create("model.onnx", {
      executionProviders: [backend],
      ...(externalData.length ? { externalData } : {}),
    });
    return model;
  }

  /** The outputs in order, for tensors in the order of the inputs. States go on from the run before. */
  async run(tensors) {
    const { inputs, outputs, states } = this.#description;
    const samples = tensors[0]?.shape[0] ?? null;
    const axes = namedAxes(inputs, tensors);
    const before = states.length ? this.#statesFor(samples, axes) : [];
    const feeds = Object.create(null); // a name of a file may be any, "__proto__" too
    inputs.forEach((input, i) => (feeds[input.name] = this.#tensor(tensors[i])));
    states.forEach((state, i) => (feeds[state.input] = before[i]));
    const results = await this.#session.run(feeds);
    if (states.length) {
      this.#states = states.map((state) => results[state.output]);
      this.#samples = samples;
    }
    return outputs.map((output) => {
      const { dims, data } = results[output.name];
      return { dtype: output.dtype, shape: [...dims], data };
    });
  }

  /** Every state starts anew. */
  resetStates() {
    this.#states = null;
    this.#samples = null;
  }

  async release() {
    await this.#session.release();
  }

  #statesFor(samples, axes) {
    const { states } = this.#description;
    if (this.#states === null) return states.map((state) => this.#tensor(initialState(state, samples, axes)));
    const follows = states.some(({ shape }) => shape.length && typeof shape[0] !== "number");
    if (follows && samples !== this.#samples) {
      throw new Error(`the states are of ${this.#samples} samples, this run has ${samples}: reset them first`);
    }
    return this.#states;
  }

  #tensor({ dtype, shape, data }) {
    return new this.#ort.Tensor(TEXT[dtype] ?? dtype, data, shape);
  }
}

/** The sizes of axes that have names, which must agree. */
function namedAxes(inputs, tensors) {
  const axes = new Map();
  inputs.forEach(({ name, shape }, i) =>
    shape.forEach((size, axis) => {
      if (typeof size !== "string") return;
      const found = tensors[i].shape[axis];
      if ((axes.get(size) ?? found) !== found) {
        throw new Error(`${name}: expected ${axes.get(size)} along the axis ${size}, found ${found}`);
      }
      axes.set(size, found);
    }),
  );
  return axes;
}

/** A state before the first run: its initial value, repeated to its shape. */
function initialState({ dtype, shape, initial }, samples, axes) {
  const sizes = shape.map((size) => (typeof size === "number" ? size : axes.get(size) ?? samples));
  const data = arrayOf(dtype, sizeOf(sizes));
  if (initial !== null) {
    const value = arrayOf(dtype, initial.data.map((word) => TYPES[dtype].parse(word)));
    for (let i = 0; i < data.length; i++) data[i] = value[repeatedFrom(i, sizes, initial.shape)];
  }
  return { dtype, shape: sizes, data };
}

/** Which element of an array of one shape stands at a place when it is repeated to another. */
function repeatedFrom(place, sizes, shape) {
  let from = 0;
  let stride = 1;
  for (let axis = sizes.length - 1, own = shape.length - 1; own >= 0; axis--, own--) {
    if (shape[own] !== 1) from += (place % sizes[axis]) * stride;
    stride *= shape[own];
    place = Math.floor(place / sizes[axis]);
  }
  return from;
}
