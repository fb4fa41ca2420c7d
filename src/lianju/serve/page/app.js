// The shell of the page: tabs, language, model, API key.
//
// A tab is a module that exports `mount(root, app)`. It is called once, when the tab is first
// opened; `root` is an empty <section>, shown and hidden by the shell. `app` offers:
//
//   app.t(key, values?)          words in the language now; "{name}" in them becomes values.name
//   app.say(node, key, values?)  sets the node's text, now and after every language switch
//   app.label(node, key, values?)  the same for its aria-label (and title, for the mouse)
//   app.lang                     "en" or "zh"
//   app.onLang(fn)               fn(lang) after every switch, for what `say` cannot do
//   app.api.get(path, {signal})  JSON of GET `v1/…`            all three throw `Failure`
//   app.api.post(path, body, {signal})   JSON of POST          {status, message, param, after}
//   app.api.text(path, {signal})  the body as text (reports)   or DOMException "AbortError"
//   app.api.stream(path, body, {signal, draft, poem, done})    one function an event
//   app.settings                 the answer of GET v1/settings
//   app.models                   the list of GET v1/models, empty while the server loads them;
//                                app.model: the name chosen now, "" for the first
//   app.ready                    a promise, kept once they are there
//   app.onModel(fn)              fn(name) when another model is chosen
//   app.kept                     what the address holds for this tab: {name: string}
//   app.keep(values)             writes the tab's state to the address (strings; empty ones left out)
//   app.onKept(fn)               fn(values) when the address was changed by hand, link or Back
//   app.wrote(couplet)           says with what Decode is to begin when it is opened next
//   app.go(tab, values)          opens another tab with a state, e.g. go("check", {text})
//   app.poem(lines, options?)    verse as DOM, see verse.js: lines as in the API's answers
//
// Controls that every tab shares (slider, segments, select, notes, error box, busy) are functions
// of controls.js; `el(tag, properties, ...children)` of dom.js builds elements.

import * as api from "./api.js";
import { busy, errorBox } from "./controls.js";
import { el, recall, remember } from "./dom.js";
import { drawPoem } from "./verse.js";
import { label, lang, onLang, say, setLang, t } from "./words.js";

const TABS = {
  write: () => import("./write.js"),
  decode: () => import("./decode.js"),
  check: () => import("./check.js"),
  results: () => import("./results.js"),
};
// What shows nothing without a model, and what a model shows in.
const WITH_MODEL = ["decode"];
const OF_MODEL = ["write", "decode"];
const LOADING = 1500;
const at = (id) => document.getElementById(id);

// What all tabs share; each gets an object of its own laid over it, with its part of the address.
const shared = {
  t, say, label, onLang, api,
  get lang() { return lang(); },
  settings: null,
  models: [],
  model: "",
  onModel(fn) { modelListeners.push(fn); },
  go(tab, values = {}) { location.hash = hashOf(tab, values); },
  wrote(couplet) {
    const { prefix, end, ...rest } = valuesOf(mounted.decode?.hash ?? "#decode");
    if (rest.couplet !== couplet) lead("decode", hashOf("decode", { ...rest, couplet }));
  },
  poem: (lines, options) => drawPoem(lines, options),
};
const modelListeners = [];
const mounted = {};
shared.ready = new Promise((resolve) => { modelListeners.push(resolve); });

// The address: #tab?name=value&…
function hashOf(tab, values) {
  const filled = Object.entries(values).filter(([, value]) => value !== "" && value != null);
  const query = new URLSearchParams(filled).toString();
  return `#${tab}${query ? `?${query}` : ""}`;
}

function valuesOf(hash) {
  return Object.fromEntries(new URLSearchParams(hash.split(/\?(.*)/s)[1] ?? ""));
}

function readHash() {
  const { hash } = location;
  const [tab] = hash.slice(1).split("?");
  return { tab: Object.hasOwn(TABS, tab) ? tab : "write", values: valuesOf(hash) };
}

// The menu leads to a tab as it was left; a bare address, as Back may find it, is a bare tab.
function lead(tab, hash) {
  for (const link of document.querySelectorAll(`[data-tab="${tab}"]`)) link.setAttribute("href", hash);
}

function appOf(tab) {
  const listeners = [];
  const own = Object.create(shared, {
    kept: { value: readHash().values },
    keep: {
      value(values) {
        mounted[tab].hash = hashOf(tab, values);
        lead(tab, mounted[tab].hash);
        if (readHash().tab === tab) history.replaceState(null, "", mounted[tab].hash);
      },
    },
    onKept: { value: (fn) => listeners.push(fn) },
  });
  return { own, tell: (values) => listeners.forEach((fn) => fn(values)) };
}

// Shows the tab that the address names, and mounts it the first time.
async function open() {
  const { tab, values } = readHash();
  for (const link of document.querySelectorAll(".tabs a")) {
    if (link.dataset.tab === tab) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  for (const name of Object.keys(TABS)) at(name).hidden = name !== tab;
  document.title = t("page.title", { tab: t(`tab.${tab}`) });
  showUntouched();
  const known = mounted[tab];
  if (!known) return mount(tab);
  const wanted = hashOf(tab, values);
  if (wanted === known.hash) return;
  known.hash = wanted;
  lead(tab, wanted);
  known.tell(values);
}

async function mount(tab) {
  const { own, tell } = appOf(tab);
  const { values } = readHash();
  mounted[tab] = { hash: hashOf(tab, values), tell };
  lead(tab, mounted[tab].hash);
  const root = at(tab);
  try {
    const module = await moduleOf(tab);
    if (WITH_MODEL.includes(tab)) await shared.ready;
    root.replaceChildren();
    await module.mount(root, own);
  } catch (failure) {
    delete mounted[tab];
    root.replaceChildren(errorBox(failure, failure.again ?? (() => mount(tab))));
  }
}

// Browsers remember a module that could not be fetched: only a new page asks again.
async function moduleOf(tab) {
  try {
    return await TABS[tab]();
  } catch {
    const again = async () => { if ((await fetch("healthz").catch(() => null))?.ok) location.reload(); };
    throw Object.assign(new api.Failure(0), { again });
  }
}

function chooseModel(name) {
  shared.model = name;
  showUntouched();
  modelListeners.forEach((fn) => fn(name));
}

function showModels() {
  const names = shared.models.map((model) => model.id);
  const asked = [readHash().values.model, recall("model")].find((name) => names.includes(name));
  const select = at("model");
  select.replaceChildren(...names.map((name, place) =>
    el("option", { value: place ? name : "", textContent: name })));
  select.value = asked === names[0] ? "" : asked ?? "";
  select.addEventListener("change", () => {
    remember("model", select.value);
    chooseModel(select.value);
  });
  at("models").hidden = names.length < 2;
  chooseModel(select.value);
}

// Where poems are written by a model that was not trained on any, that is said.
function showUntouched() {
  const model = shared.models.find(({ id }) => id === shared.model) ?? shared.models[0];
  at("untouched").hidden = !OF_MODEL.includes(readHash().tab) || (model?.tuned ?? true);
}

function showLanguage() {
  document.documentElement.lang = lang() === "zh" ? "zh-Hant" : "en";
  document.title = t("page.title", { tab: t(`tab.${readHash().tab}`) });
  const other = lang() === "zh" ? "en" : "zh";
  const button = at("language");
  button.textContent = other === "zh" ? "中文" : "English";
  button.lang = other === "zh" ? "zh-Hant" : "en";
}

// Asks once for the server's API key; the answer is kept until the browser tab is closed.
function askKey(wrong) {
  const dialog = at("key");
  const field = at("key-field");
  at("key-wrong").hidden = !wrong;
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      resolve(dialog.returnValue === "give" ? field.value.trim() : "");
      field.value = "";
      dialog.returnValue = "";
    }, { once: true });
  });
}

async function start() {
  document.querySelectorAll("[data-say]").forEach((node) => say(node, node.dataset.say));
  document.querySelectorAll("[data-label]").forEach((node) => label(node, node.dataset.label));
  onLang(showLanguage);
  showLanguage();
  at("language").addEventListener("click", () => setLang(lang() === "zh" ? "en" : "zh"));
  api.onKeyWanted(askKey);
  await load();
}

// What needs no model comes first: while the server loads one, poems can be judged.
async function load() {
  const trouble = at("trouble");
  trouble.replaceChildren(busy("page.loading"));
  try {
    shared.settings = await api.get("v1/settings");
    // The link that skips to the content is no tab.
    window.addEventListener("hashchange", () => { if (location.hash !== "#main") open(); });
    open();
    await loadModels();
  } catch (failure) {
    trouble.replaceChildren(errorBox(failure, load));
  }
}

async function loadModels() {
  try {
    shared.models = (await api.get("v1/models")).data;
    at("trouble").replaceChildren();
    showModels();
  } catch (failure) {
    if (failure.status === 503) setTimeout(loadModels, LOADING);
    else at("trouble").replaceChildren(errorBox(failure, loadModels));
  }
}

start();
