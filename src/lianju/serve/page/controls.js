// The controls that all tabs share. Each returns {node, value} with `value` readable and writable;
// a write tells nobody, only a reader's own change calls `change(value)`.

import { el, freshId } from "./dom.js";
import { label, say, speak } from "./words.js";

// A slider with its value, editable, and a sentence on what it does. `name` and `help` are keys.
export function slider({ name, help, min, max, step, value, change }) {
  const id = freshId("slider");
  const range = el("input", { type: "range", min, max, step, "aria-describedby": `${id}-help`, id });
  const number = el("input", { type: "number", min, max, step, inputMode: "decimal", class: "value" });
  label(number, name);
  const set = (wanted) => {
    range.value = wanted;
    number.value = wanted;
    range.style.setProperty("--share", `${(100 * (range.value - min)) / (max - min)}%`);
  };
  set(value);
  range.addEventListener("input", () => { set(range.value); change?.(Number(range.value)); });
  number.addEventListener("change", () => {
    const typed = number.value === "" ? value : Math.min(max, Math.max(min, Number(number.value)));
    set(typed);
    change?.(typed);
  });
  const node = el("div", { class: "slider" },
    say(el("label", { htmlFor: id }), name), number, range,
    say(el("p", { class: "help", id: `${id}-help` }), help));
  return {
    node,
    get value() { return Number(number.value); },
    set value(wanted) { set(wanted); },
  };
}

// One of a few, side by side. `options`: [value, key of its words] each.
export function segments({ name, options, value, change, quiet = false }) {
  const group = freshId("segments");
  const inputs = options.map(([own]) => el("input", {
    type: "radio", name: group, value: own, checked: own === value, onchange: () => change?.(own),
  }));
  const node = el("fieldset", { class: "segments" },
    say(el("legend", { class: quiet ? "off" : "" }), name),
    el("div", { class: "track" }, ...options.map(([, words], place) =>
      el("label", {}, inputs[place], say(el("span"), words)))));
  return {
    node,
    get value() { return inputs.find((input) => input.checked).value; },
    set value(wanted) { inputs.forEach((input) => { input.checked = input.value === wanted; }); },
  };
}

// One of many. `options`: [value, key or plain text] each; plain where `plain` is true.
export function choice({ name, help, options, value, change }) {
  const id = freshId("choice");
  const select = el("select", { id, onchange: () => change?.(select.value) },
    ...options.map(([own, words, plain]) => {
      const option = el("option", { value: own });
      if (plain) option.textContent = words;
      else say(option, words);
      return option;
    }));
  select.value = value;
  const node = el("div", { class: "choice-of" },
    say(el("label", { htmlFor: id }), name), select,
    ...(help ? [say(el("p", { class: "help" }), help)] : []));
  return {
    node,
    get value() { return select.value; },
    set value(wanted) { select.value = wanted; },
  };
}

// On or off.
export function toggle({ name, value, change }) {
  const input = el("input", {
    type: "checkbox", checked: value, onchange: () => change?.(input.checked),
  });
  const node = el("label", { class: "toggle" }, input, say(el("span"), name));
  return {
    node,
    get value() { return input.checked; },
    set value(wanted) { input.checked = wanted; },
  };
}

export function button(name, press, kind = "plain") {
  return say(el("button", { type: "button", class: kind, onclick: press }), name);
}

// What the server remarks on a request that it has read in its own way: an answer's notes.
export function notes({ notes: english, notes_zh: chinese }) {
  return el("ul", { class: "notes", hidden: !english.length },
    ...english.map((en, place) => speak(el("li"), { en, zh: chinese[place] })));
}

// What went wrong, and what to do; `again`, if given, is called by a button.
export function errorBox(failure, again) {
  const { status, message, said = { en: message, zh: "" } } = failure;
  // Not the server's, but a mistake of ours.
  if (status === undefined) console.error(failure);
  const known = [400, 401, 404, 413, 429, 500, 503, 504].includes(status);
  const key = status === undefined ? "page" : status === 0 ? "away" : known ? status : status < 500 ? 400 : 500;
  const box = el("div", { class: "error", role: "alert" }, say(el("p"), `error.${key}`),
    speak(el("p", { class: "help" }), said));
  if (again) box.append(button("error.again", again));
  return box;
}

// A quiet sign that something is under way; screen readers hear the words.
export function busy(name) {
  return el("p", { class: "busy", role: "status" },
    el("i", { "aria-hidden": "true" }), say(el("span"), name));
}
