"use strict";

// A reader's state: who chose (a random name), and the choices so far, in the order of the pairs.

const CHOICES = ["left", "right", "same"];
const KEYS = {
  1: "left", ArrowLeft: "left", 2: "right", ArrowRight: "right", 3: "same", ArrowDown: "same",
  u: "undo", U: "undo",
};

function fresh(reader) {
  return { reader, choices: [] };
}

function choose(state, choice, count) {
  if (state.choices.length >= count) return state;
  return { ...state, choices: [...state.choices, choice] };
}

function undo(state) {
  return { ...state, choices: state.choices.slice(0, -1) };
}

// The state that was kept before, or null if there is none that fits this page.
function restore(text, count) {
  try {
    const { reader, choices } = JSON.parse(text);
    const fits = typeof reader === "string" && reader && choices.length <= count &&
      choices.every((choice) => CHOICES.includes(choice));
    return fits ? { reader, choices: [...choices] } : null;
  } catch {
    return null;
  }
}

// What the reader sends back.
function file(state, digest, made) {
  const { reader, choices } = state;
  const value = { kind: "lianju-blind-choices", version: 1, digest, reader, made, choices };
  return JSON.stringify(value) + "\n";
}

function place(done, count) {
  if (done === count) return [`All ${count} pairs done`, `全部 ${count} 對已選`];
  return [`Pair ${done + 1} of ${count}`, `第 ${done + 1} 對，共 ${count} 對`];
}

function start() {
  const { digest, count: counted } = document.querySelector("main").dataset;
  const count = Number(counted);
  const store = `lianju-blind-${digest}`;
  const at = (id) => document.getElementById(id);
  const pairs = [...document.querySelectorAll(".pair")];
  const buttons = [...document.querySelectorAll("[data-choice]")];
  let state = restore(kept(), count) ?? fresh(someone());
  let waiting = false;

  // Some browsers keep nothing for pages that are opened as files; then the page just forgets.
  function kept() {
    try { return localStorage.getItem(store); } catch { return null; }
  }

  function keep() {
    try { localStorage.setItem(store, JSON.stringify(state)); } catch { /* forgotten */ }
  }

  function someone() {
    const bytes = crypto.getRandomValues(new Uint8Array(8));
    return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  function show() {
    const done = state.choices.length;
    pairs.forEach((pair, number) => { pair.hidden = number !== done; });
    at("done").hidden = done < count;
    document.querySelector(".controls").hidden = done >= count;
    at("undo").disabled = at("anew").disabled = done === 0;
    at("save").disabled = done === 0;
    at("save").classList.toggle("chosen", done === count);
    at("saved").hidden = true;
    at("bar").value = done;
    const [english, chinese] = place(done, count);
    const words = document.createElement("span");
    words.lang = "zh-Hant";
    words.textContent = chinese;
    at("place").replaceChildren(`${english} `, words);
  }

  function become(next) {
    state = next;
    keep();
    show();
    if (at("test").getBoundingClientRect().top < 0) at("test").scrollIntoView();
    if (state.choices.length === count) document.querySelector("#done h2").focus();
  }

  // The choice is seen for a moment before the next pair comes.
  function pick(choice) {
    if (waiting || state.choices.length >= count) return;
    const button = buttons.find((one) => one.dataset.choice === choice);
    waiting = true;
    button.classList.add("chosen");
    setTimeout(() => {
      waiting = false;
      button.classList.remove("chosen");
      at("how").open = false;
      become(choose(state, choice, count));
    }, 150);
  }

  function back() {
    if (!waiting && state.choices.length) become(undo(state));
  }

  function save() {
    const text = file(state, digest, new Date().toISOString());
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    link.download = "choices.json";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    at("text").value = text;
    at("saved").hidden = false;
  }

  buttons.forEach((button) => {
    button.addEventListener("click", () => pick(button.dataset.choice));
  });
  at("undo").addEventListener("click", back);
  at("save").addEventListener("click", save);
  at("text").addEventListener("focus", () => at("text").select());
  at("anew").addEventListener("click", () => {
    if (confirm("Forget all choices and start anew? 清除全部選擇，重新開始？")) become(fresh(someone()));
  });
  document.addEventListener("keydown", (event) => {
    if (event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target instanceof HTMLTextAreaElement || !(event.key in KEYS)) return;
    event.preventDefault();
    if (KEYS[event.key] === "undo") back(); else pick(KEYS[event.key]);
  });
  if (state.choices.length) at("how").open = false;
  show();
}

if (typeof document === "undefined") {
  module.exports = { fresh, choose, undo, restore, file, place };
} else {
  start();
}
