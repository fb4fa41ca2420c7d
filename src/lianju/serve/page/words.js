// All words of the page in English and traditional Chinese.

import { recall, remember } from "./dom.js";
import { MORE } from "./words_more.js";
import { WORDS } from "./words_page.js";

const ALL = { ...WORDS, ...MORE };
const listeners = [];
// Nodes hold their key in data-…, values that fill it are kept here.
const filling = new WeakMap();
let now = recall("lang") ?? (navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en");

export const lang = () => now;
export const onLang = (fn) => listeners.push(fn);

// The words of a key in the language now; "{name}" in them becomes values.name.
export function t(key, values = {}) {
  const [english, chinese] = ALL[key] ?? [key, key];
  const words = now === "zh" ? chinese : english;
  return words.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

// Sets the node's text now and after every switch.
export function say(node, key, values) {
  node.dataset.say = key;
  filling.set(node, { ...filling.get(node), say: values });
  node.textContent = t(key, values);
  return node;
}

// The same for what the server says in both languages: {en, zh}.
export function speak(node, words) {
  node.dataset.spoken = "";
  filling.set(node, { ...filling.get(node), spoken: words });
  node.textContent = words[now];
  return node;
}

// The same as `say` for what screen readers hear and the mouse shows.
export function label(node, key, values) {
  node.dataset.label = key;
  filling.set(node, { ...filling.get(node), label: values });
  const words = t(key, values);
  node.setAttribute("aria-label", words);
  if (node.matches("button, a")) node.title = words;
  return node;
}

export function setLang(wanted) {
  now = wanted;
  remember("lang", wanted);
  for (const node of document.querySelectorAll("[data-say]")) {
    say(node, node.dataset.say, filling.get(node)?.say);
  }
  for (const node of document.querySelectorAll("[data-label]")) {
    label(node, node.dataset.label, filling.get(node)?.label);
  }
  for (const node of document.querySelectorAll("[data-spoken]")) speak(node, filling.get(node).spoken);
  listeners.forEach((fn) => fn(now));
}
