// The decoding settings as sliders.

import { button, slider } from "./controls.js";
import { el } from "./dom.js";

// The settings in the order in which they act, with the part of their range that is worth a slider.
const RANGES = {
  repetition_penalty: { min: 1, max: 2, step: 0.05 },
  temperature: { min: 0, max: 2, step: 0.05 },
  top_k: { min: 0, max: 100, step: 1 },
  top_p: { min: 0.05, max: 1, step: 0.05 },
  min_p: { min: 0, max: 0.5, step: 0.01 },
  typical_p: { min: 0.05, max: 1, step: 0.05 },
};
const NAMES = Object.keys(RANGES);

// The settings that change nothing.
export const OFF = { repetition_penalty: 1, temperature: 1, top_k: 0, top_p: 1, min_p: 0, typical_p: 1 };

export function defaults(app) {
  return Object.fromEntries(NAMES.map((name) => [name, app.settings.decode[name].default]));
}

// Settings as the address holds them: only what differs from the defaults, under `prefix` + name.
export function toAddress(values, usual, prefix) {
  return Object.fromEntries(NAMES.filter((name) => values[name] !== usual[name])
    .map((name) => [prefix + name, String(values[name])]));
}

export function fromAddress(kept, usual, prefix) {
  return Object.fromEntries(NAMES.map((name) => {
    const { min, max } = RANGES[name];
    const asked = Number(kept[prefix + name] ?? NaN);
    return [name, Number.isNaN(asked) ? usual[name] : Math.min(max, Math.max(min, asked))];
  }));
}

// Sliders for `values`; `change(values)` is called with all of them after each move.
export function settingsPanel(app, values, change) {
  const tell = () => change(read());
  const sliders = Object.fromEntries(NAMES.map((name) => [name, slider({
    name: `set.${name}`, help: `set.${name}.help`, ...RANGES[name], value: values[name], change: tell,
  })]));
  const read = () => Object.fromEntries(NAMES.map((name) => [name, sliders[name].value]));
  const put = (wanted) => NAMES.forEach((name) => { sliders[name].value = wanted[name]; });
  const all = (wanted) => () => { put(wanted); tell(); };
  const node = el("div", { class: "lab-settings" },
    el("div", { class: "lab-sliders" }, ...NAMES.map((name) => sliders[name].node),
      app.say(el("p", { class: "help hint" }), "lab.hint")),
    el("div", { class: "row" },
      button("lab.reset", all(defaults(app)), "bare"), button("lab.off", all(OFF), "bare")));
  return { node, put };
}
