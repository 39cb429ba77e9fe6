// Tensors as people type and read them: element types, shapes, and numbers in nested brackets.

const whole = (array, bits, signed) => ({
  array,
  parse: BigInt,
  least: signed ? -(2n ** BigInt(bits - 1)) : 0n,
  most: 2n ** BigInt(signed ? bits - 1 : bits) - 1n,
});
const TRUTH = { true: 1, false: 0, 1: 1, 0: 0 };

/** Element types by NumPy's names: how they are kept, and how a word becomes one. */
export const TYPES = {
  float16: { array: globalThis.Float16Array, parse: parseReal },
  float32: { array: Float32Array, parse: parseReal },
  float64: { array: Float64Array, parse: parseReal },
  int8: whole(Int8Array, 8, true),
  int16: whole(Int16Array, 16, true),
  int32: whole(Int32Array, 32, true),
  int64: whole(BigInt64Array, 64, true),
  uint8: whole(Uint8Array, 8, false),
  uint16: whole(Uint16Array, 16, false),
  uint32: whole(Uint32Array, 32, false),
  uint64: whole(BigUint64Array, 64, false),
  bool: { array: Uint8Array, parse: (word) => TRUTH[word.toLowerCase()] },
  object: { array: Array, parse: (word) => word },
};

const REALS = { nan: NaN, inf: Infinity, infinity: Infinity, "-inf": -Infinity, "-infinity": -Infinity };

function parseReal(word) {
  const known = REALS[word.toLowerCase()];
  return known ?? (word.trim() === "" || /^[-+]?0[xbo]/i.test(word) || Number.isNaN(Number(word)) ? undefined : Number(word));
}

/** An array of an element type: of the values given, or of so many zeros. */
export function arrayOf(dtype, values) {
  const { array } = TYPES[dtype];
  if (array === undefined) throw new Error(`this browser has no numbers of the type ${dtype}`);
  if (typeof values === "number") return array === Array ? new Array(values).fill("") : new array(values);
  return array === Array ? values : array.from(values, bigOr(array));
}

const bigOr = (array) => (array === BigInt64Array || array === BigUint64Array ? BigInt : Number);

/** The number of elements of a shape. */
export const sizeOf = (shape) => shape.reduce((product, size) => product * size, 1);

/** "float32[batch, 8, 8, 1]" */
export const describe = ({ dtype, shape }) =>
  `${dtype === "object" ? "text" : dtype}[${shape.map((size) => size ?? "?").join(", ")}]`;

/**
 * What somebody typed, as a tensor of an input.
 *
 * Nested brackets give the shape, of which the axis of samples may be left out; numbers alone fill the shape of
 * the input. Text is a line an element, or nested brackets of JSON.
 *
 * @throws {Error} that says what was expected and found.
 */
export function parseTensor(text, input) {
  const { words, shape } = /^\s*\[/.test(text) ? parseNested(text, input) : parseFlat(text, input);
  const type = TYPES[input.dtype];
  const values = words.map((word) => parseElement(word, type, input));
  return { dtype: input.dtype, shape: fit(shape, words.length, input), data: arrayOf(input.dtype, values) };
}

function parseFlat(text, { dtype }) {
  const parts = dtype === "object" ? text.split("\n").filter((line) => line !== "") : text.split(/[\s,;]+/);
  return { words: dtype === "object" ? parts : parts.filter((word) => word !== ""), shape: null };
}

function parseElement(word, type, { name, dtype }) {
  let value;
  try {
    value = type.parse(word);
  } catch {
    value = undefined; // BigInt throws at what is no whole number
  }
  const known = value !== undefined && !(type.least !== undefined && (word.trim() === "" || value < type.least || value > type.most));
  if (!known) throw new Error(`${name}: expected ${dtype}, found ${JSON.stringify(word)}`);
  return value;
}

function parseNested(text, { name, dtype }) {
  const nested = dtype === "object" ? JSON.parse(text) : parseBrackets(text, name);
  const shape = [];
  for (let part = nested; Array.isArray(part); part = part[0]) shape.push(part.length);
  const words = [];
  collect(nested, shape, 0, words, name);
  return { words, shape };
}

function collect(part, shape, depth, words, name) {
  if (depth === shape.length) {
    if (typeof part !== "string") throw new Error(`${name}: expected rows of equal length and depth`);
    words.push(part);
    return;
  }
  if (!Array.isArray(part) || part.length !== shape[depth]) {
    throw new Error(`${name}: expected rows of equal length and depth`);
  }
  for (const inner of part) collect(inner, shape, depth + 1, words, name);
}

/** Nested arrays of words: whole numbers of 64 bits would not survive JSON.parse. */
function parseBrackets(text, name) {
  const root = [];
  const open = [root];
  for (const [token] of text.matchAll(/[[\]]|[^\s,[\]]+/g)) {
    if (token === "[") {
      const inner = [];
      open.at(-1).push(inner);
      open.push(inner);
    } else if (token === "]") {
      open.pop();
      if (open.length === 0) break;
    } else open.at(-1).push(token);
  }
  if (open.length !== 1 || root.length !== 1) throw new Error(`${name}: the brackets do not match`);
  return root[0];
}

/** The shape of what was given, if the input takes it. */
function fit(given, count, { name, shape }) {
  const candidates = given === null ? [filled(count, shape)] : [given, [1, ...given]];
  const fits = (found) => found.length === shape.length && shape.every((size, i) => typeof size !== "number" || size === found[i]);
  const found = candidates.find(fits);
  if (found === undefined) {
    const had = given === null ? `${count} values` : `[${given.join(", ")}]`;
    throw new Error(`${name}: expected the shape [${shape.map((size) => size ?? "?").join(", ")}], found ${had}`);
  }
  return found;
}

/** The sizes that so many values fill: the last open axis takes what the fixed ones leave. */
function filled(count, shape) {
  const last = shape.findLastIndex((size) => typeof size !== "number");
  const known = sizeOf(shape.filter((size) => typeof size === "number"));
  if (last < 0) return count === known ? shape : [];
  if (count === 0 || count % known) return [];
  return shape.map((size, axis) => (typeof size === "number" ? size : axis === last ? count / known : 1));
}

const MOST_SHOWN = 2000;

/** A tensor in nested brackets; of a large one, its beginning. */
export function format({ dtype, shape, data }) {
  const real = dtype.startsWith("float");
  const word = (value) =>
    dtype === "object" ? JSON.stringify(value)
    : dtype === "bool" ? String(Boolean(value))
    : real ? String(Number(Number(value).toPrecision(8)))
    : String(value);
  let at = 0;
  const nest = (depth) => {
    if (depth === shape.length) return at < MOST_SHOWN ? word(data[at++]) : (at++, "");
    const parts = [];
    for (let i = 0; i < shape[depth] && at < MOST_SHOWN; i++) parts.push(nest(depth + 1));
    return `[${parts.join(", ")}]`;
  };
  const text = nest(0);
  return data.length > MOST_SHOWN ? `${text}\nthe first ${MOST_SHOWN} of ${data.length} values` : text;
}
