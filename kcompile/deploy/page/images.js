// Images and drawings as tensors: size, channels, order of axes and range of pixels as the model has them.

import { arrayOf } from "./tensors.js";

const LARGEST = 4096;

/** The pixels of an image file: bytes of red, green, blue and alpha. */
export async function readImage(file) {
  const options = { colorSpaceConversion: "none", premultiplyAlpha: "none", imageOrientation: "from-image" };
  const bitmap = await createImageBitmap(file, options).catch(() => {
    throw new Error(`${file.name}: this browser cannot read it as an image`);
  });
  const shrink = Math.min(1, LARGEST / Math.max(bitmap.width, bitmap.height));
  const [width, height] = [bitmap.width, bitmap.height].map((size) => Math.max(1, Math.round(size * shrink)));
  const context = new OffscreenCanvas(width, height).getContext("2d");
  context.drawImage(bitmap, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
}

/** The tensor that an image is for an input, of one sample. */
export function imageTensor(image, input) {
  const { channels, channelsFirst, scale, offset, reverse } = input.image;
  const height = input.image.height ?? image.height;
  const width = input.image.width ?? image.width;
  const area = height * width;
  const values = new Float64Array(area * channels);
  for (let channel = 0; channel < channels; channel++) {
    const plane = resize(planeOf(image, channels, reverse ? channels - 1 - channel : channel), image, width, height);
    for (let i = 0; i < area; i++) {
      const value = scale[channel] * plane[i] + offset[channel];
      values[channelsFirst ? channel * area + i : i * channels + channel] = value;
    }
  }
  const isReal = input.dtype.startsWith("float");
  const shape = channelsFirst ? [1, channels, height, width] : [1, height, width, channels];
  return { dtype: input.dtype, shape, data: arrayOf(input.dtype, isReal ? values : values.map(Math.round)) };
}

/** One channel: of one alone, luma by ITU-R 601. */
function planeOf({ data }, channels, channel) {
  const plane = new Float64Array(data.length / 4);
  for (let i = 0; i < plane.length; i++) {
    const at = 4 * i;
    plane[i] =
      channels === 1 ? Math.round(0.299 * data[at] + 0.587 * data[at + 1] + 0.114 * data[at + 2]) : data[at + channel];
  }
  return plane;
}

/** A plane in another size: bilinear, over as many pixels as fall on one; whole numbers, as image files have. */
export function resize(plane, { width, height }, newWidth, newHeight) {
  if (width === newWidth && height === newHeight) return plane;
  const wide = new Float64Array(newWidth * height);
  for (const [x, taps] of weights(width, newWidth).entries()) {
    for (let y = 0; y < height; y++) {
      let sum = 0;
      for (const [from, weight] of taps) sum += weight * plane[y * width + from];
      wide[y * newWidth + x] = Math.round(sum);
    }
  }
  const result = new Float64Array(newWidth * newHeight);
  for (const [y, taps] of weights(height, newHeight).entries()) {
    for (let x = 0; x < newWidth; x++) {
      let sum = 0;
      for (const [from, weight] of taps) sum += weight * wide[from * newWidth + x];
      result[y * newWidth + x] = Math.round(sum);
    }
  }
  return result;
}

/** For each place along an axis, the places that it is made of and their weights. */
function weights(size, newSize) {
  const step = size / newSize;
  const reach = Math.max(1, step);
  return Array.from({ length: newSize }, (_, place) => {
    const middle = (place + 0.5) * step;
    const taps = [];
    const last = Math.min(size, Math.floor(middle + reach + 0.5));
    for (let from = Math.max(0, Math.floor(middle - reach + 0.5)); from < last; from++) {
      taps.push([from, Math.max(0, 1 - Math.abs(from + 0.5 - middle) / reach)]);
    }
    const sum = taps.reduce((total, [, weight]) => total + weight, 0);
    return taps.map(([from, weight]) => [from, weight / sum]);
  });
}

const PAD = 280;

/** A canvas to draw on, light on dark; `onStroke` is called after each stroke. */
export class DrawingPad {
  constructor({ height, width }, label, onStroke) {
    const ratio = (height ?? 1) / (width ?? 1);
    this.canvas = document.createElement("canvas");
    this.canvas.className = "pad";
    this.canvas.width = PAD;
    this.canvas.height = Math.round(Math.min(4, Math.max(0.25, ratio)) * PAD);
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", label);
    this.context = this.canvas.getContext("2d", { willReadFrequently: true });
    this.clear();
    this.canvas.addEventListener("pointerdown", (event) => {
      this.canvas.setPointerCapture(event.pointerId);
      this.last = this.#place(event);
      this.#draw(event);
    });
    this.canvas.addEventListener("pointermove", (event) => this.last && this.#draw(event));
    for (const end of ["pointerup", "pointercancel"]) {
      this.canvas.addEventListener(end, () => {
        if (this.last) onStroke();
        this.last = null;
      });
    }
  }

  clear() {
    this.last = null;
    this.context.fillStyle = "#000";
    this.context.fillRect(0, 0, this.canvas.width, this.canvas.height);
  }

  /** Its pixels; with `inverted`, dark on light. */
  pixels(inverted) {
    const image = this.context.getImageData(0, 0, this.canvas.width, this.canvas.height);
    if (inverted) for (let i = 0; i < image.data.length; i++) if (i % 4 !== 3) image.data[i] = 255 - image.data[i];
    return image;
  }

  #place({ clientX, clientY }) {
    const box = this.canvas.getBoundingClientRect();
    return [((clientX - box.left) * PAD) / box.width, ((clientY - box.top) * this.canvas.height) / box.height];
  }

  #draw(event) {
    const next = this.#place(event);
    Object.assign(this.context, { strokeStyle: "#fff", lineWidth: PAD / 12, lineCap: "round", lineJoin: "round" });
    this.context.beginPath();
    this.context.moveTo(...this.last);
    this.context.lineTo(...next);
    this.context.stroke();
    this.last = next;
  }
}
