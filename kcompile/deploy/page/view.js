// What people see: a part of the form for each input, and the answer. Names from a file are text, never markup.

import { DrawingPad, imageTensor, readImage } from "./images.js";
import { describe, format, parseTensor } from "./tensors.js";

/** An element with attributes and children; strings become text. */
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key in made) made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

/** The part of the form for one input: drawn, of an image file, or typed. */
export class InputView {
  #input;
  #sources = {};
  #chosen;

  constructor(input, index, onChange) {
    this.#input = input;
    if (input.image) {
      this.#sources.draw = drawing(input, onChange);
      this.#sources.image = imageFile(input, onChange);
    }
    this.#sources.numbers = typed(input, index);
    const names = Object.keys(this.#sources);
    const choices = names.map((name) => this.#choice(name, index));
    this.element = element(
      "fieldset",
      {},
      element("legend", {}, `${input.name}: ${describe(input)}`),
      element("div", { className: "sources", hidden: names.length < 2 }, ...choices),
      ...names.map((name) => this.#sources[name].element),
    );
    this.#choose(names[0]);
  }

  #choice(name, index) {
    const labels = { draw: "Draw", image: "Image", numbers: "Numbers" };
    const radio = element("input", { type: "radio", name: `source-${index}`, value: name });
    radio.addEventListener("change", () => this.#choose(name));
    this.#sources[name].radio = radio;
    return element("label", {}, radio, ` ${labels[name]}`);
  }

  #choose(name) {
    this.#chosen = name;
    this.#sources[name].radio.checked = true;
    for (const [other, source] of Object.entries(this.#sources)) source.element.hidden = other !== name;
  }

  /** What is given. */
  async tensor() {
    return this.#sources[this.#chosen].tensor(this.#input);
  }
}

function drawing(input, onChange) {
  const pad = new DrawingPad(input.image, `${input.name}: draw here; numbers can be typed instead`, onChange);
  const inverted = element("input", { type: "checkbox" });
  inverted.addEventListener("change", onChange);
  const clear = element("button", { type: "button", onclick: () => pad.clear() }, "Clear");
  return {
    element: element(
      "div",
      {},
      pad.canvas,
      element("div", { className: "actions" }, clear, element("label", {}, inverted, " dark on light")),
    ),
    tensor: async () => imageTensor(pad.pixels(inverted.checked), input),
  };
}

function imageFile(input, onChange) {
  const file = element("input", { type: "file", accept: "image/*", ariaLabel: `${input.name}: image file` });
  const preview = element("canvas", { className: "preview", hidden: true, ariaHidden: "true" });
  file.addEventListener("change", async () => {
    const image = await readImage(file.files[0]).catch(() => null);
    preview.hidden = image === null;
    if (image) {
      [preview.width, preview.height] = [image.width, image.height];
      preview.getContext("2d").putImageData(image, 0, 0);
    }
    onChange();
  });
  return {
    element: element("div", {}, file, preview),
    tensor: async () => {
      if (!file.files.length) throw new Error(`${input.name}: choose an image file`);
      return imageTensor(await readImage(file.files[0]), input);
    },
  };
}

function typed(input, index) {
  const isText = input.dtype === "object";
  const area = element("textarea", { id: `values-${index}`, spellcheck: false, value: isText ? "" : example(input) });
  const hint = isText
    ? "One text a line."
    : "Numbers with spaces or commas between them, or in nested brackets; the axis of samples may be left out.";
  return {
    element: element(
      "div",
      {},
      element("label", { htmlFor: area.id }, `Values of ${input.name}`),
      area,
      element("p", { className: "hint" }, hint),
    ),
    tensor: async () => parseTensor(area.value, input),
  };
}

/** Zeros to begin with, where they are few. */
function example({ dtype, shape }) {
  const sizes = shape.map((size) => (typeof size === "number" ? size : 1));
  const count = sizes.reduce((product, size) => product * size, 1);
  if (count > 512) return "";
  return format({ dtype, shape: sizes, data: new Array(count).fill(0) });
}

const MOST_CLASSES = 10;

/** Shows the outputs of a run, and what was given. */
export function showAnswer(place, description, given, outputs) {
  const parts = outputs.map((tensor, i) => {
    const { name, labels } = description.outputs[i];
    return element(
      "article",
      {},
      element("h3", {}, `${name}: ${describe(tensor)}`),
      ...(isClasses(tensor) ? [classes(tensor, labels)] : []),
      element("pre", { className: "values", tabIndex: 0, ariaLabel: `Values of ${name}` }, format(tensor)),
    );
  });
  const inputs = given.map((tensor, i) =>
    element(
      "details",
      {},
      element("summary", {}, `${description.inputs[i].name} was ${describe(tensor)}`),
      element("pre", { className: "given", tabIndex: 0 }, format(tensor)),
    ),
  );
  place.replaceChildren(...parts, ...inputs);
}

/** Whether a tensor is probabilities of classes, of one sample. */
function isClasses({ dtype, shape, data }) {
  if (!dtype.startsWith("float") || shape.length !== 2 || shape[0] !== 1 || shape[1] < 2) return false;
  const values = Array.from(data, Number);
  return values.every((value) => value >= 0 && value <= 1.0001) && Math.abs(values.reduce((a, b) => a + b, 0) - 1) < 1e-2;
}

function classes({ data }, labels) {
  const ranked = Array.from(data, (value, place) => [Number(value), place]).sort(([a], [b]) => b - a);
  const rows = ranked.slice(0, MOST_CLASSES).map(([value, place]) => {
    const label = labels?.[place] ?? String(place);
    const meter = element("meter", { min: 0, max: 1, value, ariaLabel: `probability of ${label}` });
    return element(
      "tr",
      {},
      element("th", { scope: "row" }, label),
      element("td", {}, meter),
      element("td", {}, `${(100 * value).toFixed(1)} %`),
    );
  });
  return element("table", { className: "classes", ariaLabel: "Most probable classes" }, element("tbody", {}, ...rows));
}
