// A poem as DOM: couplet by couplet, in rows or, as books have it, in columns from the right.
//
//   drawPoem(lines, {view, on, tool, stops}) -> node
//
// `lines` as the API gives them: [{number, text, given, copied, characters: [{character, sign,
// readings, rhymes, faults}]}]. `view`: {vertical, tones, rhymes}, all optional; `setView(node,
// view)` changes it later. `on`: {peek(cell), leave(cell), press(cell)} makes the characters
// reachable by mouse, touch and arrow keys; a cell is a character's node, with `cell.dataset.line`
// and `.position`, counted from 1. `tool(line)` gives a node to stand at the line's end, or null.
// `stops`: what punctuation follows each line; the usual one if it is left out.

import { el, isHan } from "./dom.js";
import { label } from "./words.js";

const TONES = { "○": "level", "●": "oblique" };
const HOVER = 350;
const MOST_IN_COLUMNS = 12;
const MOST_OF_TITLE = 20;

export function drawPoem(lines, { view = {}, on, tool, stops } = {}) {
  const ends = lines.map((_, place) => stops?.[place] ?? usualStop(place));
  const rows = lines.map((line, place) => {
    const end = tool && (tool(line) ?? el("span", { class: "no-tool" }));
    return drawLine(line, ends[place], on, end);
  });
  const node = el("div", { class: "verse", role: "group", lang: "zh-Hant" }, ...inPairs(rows));
  node.setAttribute("aria-label", lines.map((line, place) => line.text + ends[place]).join(""));
  node.style.setProperty("--lines", rows.length);
  node.classList.toggle("rows", !fitsColumns(lines.map((line) => line.characters.map((one) => one.character))));
  setView(node, view);
  if (on) makeReachable(node, on);
  return node;
}

export function setView(node, { vertical = false, tones = false, rhymes = false }) {
  node.classList.toggle("vertical", vertical && !node.classList.contains("rows"));
  node.classList.toggle("tones", tones);
  node.classList.toggle("rhymes", rhymes);
}

// Author and title of a known poem; some titles bring half a preface along.
export function sourceWords({ author, title }, t) {
  const whole = [...title];
  return t("poem.source", { author, title: whole.length > MOST_OF_TITLE ? `${whole.slice(0, MOST_OF_TITLE).join("")}…` : title });
}

// Columns are for verse: a few short lines of Han characters. All else is set in rows.
function fitsColumns(lines) {
  return [lines, ...lines].every((each) => each.length <= MOST_IN_COLUMNS) && lines.flat().every(isHan);
}

export const usualStop = (place) => (place % 2 ? "。" : "，");

// Lines stand in couplets: a row each where there is room, two columns each.
export function inPairs(rows) {
  const pairs = [];
  for (let place = 0; place < rows.length; place += 2) {
    pairs.push(el("div", { class: "pair" }, ...rows.slice(place, place + 2)));
  }
  return pairs;
}

function drawLine(line, stop, on, tool) {
  const cells = line.characters.map((character, place) => drawCharacter(line, character, place, on));
  const row = el("div", { class: "line", "data-line": line.number }, ...cells,
    el("span", { class: "stop", "aria-hidden": "true", textContent: stop }));
  row.classList.toggle("given", Boolean(line.given));
  if (line.copied?.length) {
    row.classList.add("copied");
    row.append(el("span", { class: "known", "aria-hidden": "true", textContent: "※" }));
  }
  if (tool) row.append(tool);
  return row;
}

function drawCharacter(line, { character, sign, rhymes, faults }, place, on) {
  const cell = el("span", { class: "ch", "data-line": line.number, "data-position": place + 1 },
    el("span", { class: "glyph", textContent: character }),
    el("span", { class: "tone", "aria-hidden": "true", textContent: sign }));
  if (rhymes) cell.classList.add("rhyme");
  if (faults?.length) cell.classList.add("fault");
  if (on) {
    cell.setAttribute("role", "button");
    cell.tabIndex = -1;
    const said = `verse.${TONES[sign] ?? "unknown"}${rhymes ? ".rhyme" : ""}`;
    label(cell, said, { character });
  }
  return cell;
}

// One tab stop for the whole poem; arrows move within it, and follow the way it is set.
function makeReachable(node, on) {
  const cells = [...node.querySelectorAll(".ch")];
  if (!cells.length) return;
  let timer;
  cells.at(0).tabIndex = 0;
  const later = (cell) => {
    clearTimeout(timer);
    timer = setTimeout(() => on.peek?.(cell), HOVER);
  };
  const cellOf = (event) => event.target.closest(".ch");
  node.addEventListener("pointerover", (event) => {
    if (event.pointerType === "mouse" && cellOf(event)) later(cellOf(event));
  });
  node.addEventListener("pointerout", (event) => {
    clearTimeout(timer);
    if (event.pointerType === "mouse" && cellOf(event)) on.leave?.(cellOf(event));
  });
  node.addEventListener("focusin", (event) => {
    const cell = cellOf(event);
    if (!cell) return;
    cells.forEach((other) => { other.tabIndex = other === cell ? 0 : -1; });
    if (cell.matches(":focus-visible")) later(cell);
  });
  node.addEventListener("click", (event) => {
    clearTimeout(timer);
    if (cellOf(event)) on.press?.(cellOf(event));
  });
  node.addEventListener("keydown", (event) => {
    const cell = cellOf(event);
    if (!cell || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "Enter" || event.key === " ") {
      clearTimeout(timer);
      on.press?.(cell);
    } else {
      const next = neighbour(cells, cell, event.key, node.classList.contains("vertical"));
      if (!next) return;
      next.focus();
    }
    event.preventDefault();
  });
}

// Where an arrow key leads from a character; in columns, down is onwards and left is the next line.
function neighbour(cells, cell, key, vertical) {
  const [back, onward, up, down] = vertical
    ? ["ArrowUp", "ArrowDown", "ArrowRight", "ArrowLeft"]
    : ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"];
  const place = cells.indexOf(cell);
  const { line, position } = cell.dataset;
  const beside = (number) => cells.find((other) =>
    other.dataset.line === String(number) && other.dataset.position === position);
  return {
    [back]: cells[place - 1], [onward]: cells[place + 1],
    [up]: beside(Number(line) - 1), [down]: beside(Number(line) + 1),
    Home: cells[0], End: cells.at(-1),
  }[key];
}

// A poem that is being written: {node, show(text, settled)}; the first `settled` characters stand
// firm, the others may still change. Nodes of characters that stay are kept.
export function drawDraft(view) {
  const node = el("div", { class: "verse draft", lang: "zh-Hant", "aria-hidden": "true" });
  setView(node, view);
  let shown = "";
  return {
    node,
    show(text, settled) {
      const same = commonLength(shown, text);
      shown = text;
      const lines = textLines(text);
      const rows = lines.map((line) => draftLine(line, settled, same));
      node.classList.toggle("rows", !fitsColumns(lines.map((line) => line.characters)));
      setView(node, view);
      node.style.setProperty("--lines", Math.max(4, rows.length));
      node.replaceChildren(...inPairs(rows));
    },
  };
}

function draftLine({ characters, stop, start }, settled, same) {
  const row = el("div", { class: "line" });
  characters.forEach((character, place) => {
    const at = start + place;
    const cell = el("span", { class: "ch" },
      el("span", { class: "glyph", textContent: character }), el("span", { class: "tone" }));
    cell.classList.toggle("faint", at >= settled);
    cell.classList.toggle("new", at >= same);
    row.append(cell);
  });
  row.append(el("span", { class: "stop", textContent: stop }));
  return row;
}

// Text cut into lines at its punctuation: [{characters, stop, start, places}]; `start` counts the
// characters (punctuation among them) before the line, `places` where each one stands.
export function textLines(text) {
  const lines = [];
  let open = null;
  [...text].forEach((character, at) => {
    const word = /[\p{L}\p{N}□]/u.test(character);
    if (word && (!open || open.stop)) {
      open = { characters: [], stop: "", start: at, places: [] };
      lines.push(open);
    }
    if (!open) return;
    if (word) {
      open.characters.push(character);
      open.places.push(at);
    } else if (!/\s/u.test(character) || open.characters.length) open.stop += character;
  });
  return lines;
}

function commonLength(one, other) {
  const a = [...one];
  const b = [...other];
  let length = 0;
  while (length < a.length && a[length] === b[length]) length += 1;
  return length;
}
