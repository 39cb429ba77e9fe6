// The page of one model, which model.json describes.

import { Model } from "./model.js";
import { InputView, showAnswer } from "./view.js";

const find = (id) => document.getElementById(id);
const status = find("status");
let model = null;
let last = Promise.resolve();

function say(text, wrong = false) {
  status.textContent = text;
  status.classList.toggle("wrong", wrong);
}

/** One thing after the other: a session runs one request at a time. */
function next(work) {
  last = last.then(work).catch((error) => say(error.message ?? String(error), true));
  return last;
}

async function load(description) {
  find("run").disabled = true;
  say("Loading the model …");
  const before = model;
  model = null;
  await before?.release();
  find("outputs").replaceChildren();
  model = await Model.load(description, find("backend").value);
  find("run").disabled = false;
  say("Ready.");
}

async function run(description, views) {
  if (model === null) return;
  const given = [];
  for (const view of views) given.push(await view.tensor());
  const start = performance.now();
  const outputs = await model.run(given);
  showAnswer(find("outputs"), description, given, outputs);
  say(`Computed in ${(performance.now() - start).toFixed(1)} ms.`);
}

async function start() {
  const description = await (await fetch("model.json")).json();
  document.title = description.title;
  find("title").textContent = description.title;
  const go = () => next(() => run(description, views));
  const views = description.inputs.map((input, index) => new InputView(input, index, go));
  find("inputs").replaceChildren(...views.map((view) => view.element));
  find("form").addEventListener("submit", (event) => {
    event.preventDefault();
    go();
  });
  find("reset").hidden = description.states.length === 0;
  find("reset").addEventListener("click", () =>
    next(() => {
      model?.resetStates();
      find("outputs").replaceChildren();
      say("The states start anew.");
    }),
  );
  find("backend").addEventListener("change", () => next(() => load(description)));
  await load(description);
}

next(start);
