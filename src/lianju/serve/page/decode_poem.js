// The poem of the laboratory as verse: what was given is quiet, what was written leads back.

import { el } from "./dom.js";
import { inPairs, textLines } from "./verse.js";

const ENDS_LINE = /[，。！？；：、]$/u;

// `goBack(place)` is called when the character with that place after the couplet is chosen; a blank
// stands where the next one will, unless the poem has `ended`.
export function drawnPoem(app, couplet, prefix, ended, goBack) {
  const text = couplet + prefix;
  const given = [...couplet].length;
  const rows = textLines(text).map((line) => drawnLine(app, line, given, goBack));
  const blank = el("span", { class: "blank", textContent: "□" });
  if (!ended && (ENDS_LINE.test(text) || !rows.length)) rows.push(el("div", { class: "line" }, blank));
  else if (!ended) rows.at(-1).append(blank);
  const verse = el("div", { class: "verse", lang: "zh-Hant", role: "group" }, ...inPairs(rows));
  verse.setAttribute("aria-label", `${app.t("lab.poem")}: ${text}`);
  return verse;
}

function drawnLine(app, line, given, goBack) {
  const cells = line.characters.map((character, at) => {
    const place = line.places[at] - given;
    if (place < 0) return el("span", { class: "ch quiet", textContent: character });
    return el("button", { type: "button", class: "ch", tabIndex: -1, textContent: character,
      title: app.t("lab.return", { character }), onclick: () => goBack(place) });
  });
  return el("div", { class: "line" }, ...cells, el("span", { class: "stop", textContent: line.stop }));
}
