// The verdict on one poem: its lines with their marks, faults, remarks, readings.

import { notes } from "./controls.js";
import { el } from "./dom.js";
import { sourceWords } from "./verse.js";

// `found`: the answer of POST v1/check; `about`: {title, author}, each "" where it has none.
export function verdict(found, about, app) {
  const verse = app.poem(found.lines.map((line) => ({ ...line, given: false })),
    { view: { tones: true, rhymes: true } });
  const [head, ...more] = found.said[app.lang];
  // Old-style verse breaks no rule that it wants to keep.
  const held = !found.why;
  const faults = said(found.faults, app);
  const heading = [about.title && `《${about.title}》`, about.author].filter(Boolean).join(" ");
  return [
    notes(found),
    el("div", { class: `sheet met-poem ${found.style}` },
      ...(heading ? [el("p", { class: "quiet", lang: "zh-Hant", textContent: heading })] : []),
      el("h3", {}, mark(found), head),
      ...more.map((words) => el("p", { textContent: words })), verse,
      app.say(el("p", { class: "quiet" }), "met.legend")),
    ...section(app, "met.faults", "faults", held ? faults : []),
    ...section(app, "met.remarks", "", said(found.remarks, app)),
    ...section(app, "met.copied", "", copied(found.lines, app)),
    ...folded(app, "met.differs", "", held ? [] : faults),
    ...folded(app, "met.readings", "readings", readings(found.lines, app)),
  ];
}

// ✓ for a regular poem, ✗ for one with faults; nothing for old-style verse, which breaks no rule.
function mark(found) {
  const signs = { regulated: "✓ ", faulty: "✗ " };
  return el("span", { class: "mark", "aria-hidden": "true", textContent: signs[found.style] ?? "" });
}

function section(app, name, kind, items) {
  if (!items.length) return [];
  return [el("section", {}, app.say(el("h3"), name), el("ul", { class: `met-list ${kind}` }, ...items))];
}

function folded(app, name, kind, items) {
  if (!items.length) return [];
  return [el("details", {}, app.say(el("summary"), name, { count: items.length }),
    el("ul", { class: `met-list ${kind}` }, ...items))];
}

// The first of each rule with the rule.
function said(faults, { lang }) {
  const told = new Set();
  return faults.map((fault) => {
    const rule = fault.rule_said[lang];
    const more = told.has(rule) ? [] : [el("p", { class: "help", textContent: rule })];
    told.add(rule);
    return el("li", { class: "met-rule" }, el("p", { textContent: fault.said[lang] }), ...more);
  });
}

// Where lines stand in known poems, those of the same poems together.
function copied(lines, app) {
  const numbers = new Map();
  for (const line of lines.filter((one) => one.copied.length)) {
    const where = line.copied.map((poem) => sourceWords(poem, app.t)).join(app.t("write.and"));
    numbers.set(where, [...(numbers.get(where) ?? []), line.number]);
  }
  return [...numbers].map(([where, found]) => el("li", {
    textContent: app.t("met.copied.lines", { lines: found.join(app.t("met.comma")), where }),
  }));
}

// The characters that can be read in several ways, the way taken here first.
function readings(lines, app) {
  return lines.flatMap((line) => line.characters.flatMap((character, place) => {
    const [here, ...also] = character.readings;
    if (!also.length) return [];
    const words = app.t("met.reading", { line: line.number, position: place + 1, here: named(here),
      also: also.map(named).join(app.t("met.or")) });
    return [el("li", {}, el("b", { lang: "zh-Hant", textContent: character.character }), ` ${words}`)];
  }));
}

// A reading such as 平東 with its sign.
const named = (reading) => `${reading.startsWith("平") ? "○" : "●"} ${reading}`;
