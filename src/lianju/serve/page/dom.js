// Small things on top of the browser's own.

// An element with its properties set: `class`, aria-… and data-… as attributes, on… as listeners.
export function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

// A number for the `id` that a label needs.
let ids = 0;
export const freshId = (name) => `${name}-${(ids += 1)}`;

// What the reader chose last time. Some browsers keep nothing; then the page just forgets.
export function recall(name) {
  try { return localStorage.getItem(`lianju.${name}`); } catch { return null; }
}

export function remember(name, value) {
  try { localStorage.setItem(`lianju.${name}`, value); } catch { /* see above */ }
}

export const isHan = (character) => /\p{Script=Han}|〇|□/u.test(character);

// Calls `fn` once, `wait` milliseconds after the last call.
export function debounced(fn, wait) {
  let timer;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => fn(...values), wait);
  };
}

// How to scroll somewhere: smoothly, unless the reader asked for no motion.
export const gently = () =>
  (matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth");

// A probability for a reader: "23%", "4.1%", "0.05%", "<0.01%".
export function percent(probability) {
  const value = 100 * probability;
  if (value > 0 && value < 0.01) return "<0.01%";
  return `${value < 1 ? value.toFixed(2) : value < 9.95 ? value.toFixed(1) : value.toFixed(0)}%`;
}
