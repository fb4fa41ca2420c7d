// The distribution of one token as pictures: the tokens at every stage, and the random number that picks one.

import { el } from "./dom.js";
import { fallsOn } from "./decode_draw.js";

const ROWS = 12;
const HATCH = "lab-hatch";

export function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

// The pattern of what is struck out; it stands once in the page.
export function hatch() {
  return svg("svg", { class: "off", "aria-hidden": "true" },
    svg("defs", {}, svg("pattern",
      { id: HATCH, width: 5, height: 5, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
      svg("line", { x1: 0, y1: 0, x2: 0, y2: 5 }))));
}

// A probability for a reader: "23.4%", "0.05%", "<0.01%".
export function share(probability) {
  const percent = 100 * probability;
  if (percent > 0 && percent < 0.01) return "<0.01%";
  if (percent < 0.995) return `${percent.toFixed(2)}%`;
  // 99.97 is not all.
  return probability > 0.99995 ? "100%" : `${Math.min(percent, 99.9).toFixed(1)}%`;
}

const choices = (value) => (value < 99.95 ? value.toFixed(1) : Math.round(value).toLocaleString("en"));
const whole = (value) => value.toLocaleString("en");

// What a token reads as in the language now.
export const reading = (choice, app) => (choice.ends ? app.t("lab.end") : choice.text);

// Why a token cannot be taken by a click, as a key of words; "" if it can.
export function barred(choice, step) {
  if (/^⟨.*⟩$/.test(choice.text)) return "lab.part";
  return step.stages[choice.cut_at]?.name === "rules" ? "lab.forbidden" : "";
}

// The highest probability that the chart of this step shows, to draw several to one scale.
export const highest = (step) => Math.max(...step.choices.flatMap((choice) => choice.probabilities));

// The tokens as rows, the stages as columns; in each cell the bar before the stage in outline, the
// bar after it filled, and hatched what the stage struck. `settings` names the values in the heads.
export function chart(step, { app, settings, scale, every, take, turn }) {
  const rows = every ? step.choices : likeliest(step);
  const table = el("table", { class: "stages" },
    el("caption", { class: "off", textContent: app.t("lab.table") }),
    el("thead", {}, el("tr", {},
      el("th", { scope: "col", textContent: app.t("lab.token") }),
      ...step.stages.map((stage) => head(stage, app, settings)))),
    el("tbody", { class: "tokens" },
      ...rows.map((choice) => row(choice, step, app, scale, take)), others(rows, step, app)),
    el("tbody", { class: "figures" }, ...figures(step, app)));
  table.style.setProperty("--stages", step.stages.length);
  const scroll = el("div", { class: "scroll", tabIndex: 0, role: "region" }, table);
  scroll.setAttribute("aria-label", app.t("lab.table"));
  if (step.choices.length <= likeliest(step).length) return scroll;
  const words = app.t(every ? "lab.fewer" : "lab.all", { count: step.choices.length });
  return el("div", {}, scroll,
    el("button", { type: "button", class: "bare turn", textContent: words, onclick: turn }));
}

// The likeliest tokens at any stage, and of each stage that strikes some, the likeliest of those.
function likeliest(step) {
  const most = (choice) => Math.max(...choice.probabilities);
  const kept = new Set([...step.choices].sort((a, b) => most(b) - most(a)).slice(0, ROWS));
  step.stages.forEach((_, at) => {
    const struck = step.choices.filter((choice) => choice.cut_at === at);
    struck.sort((a, b) => b.probabilities[at - 1] - a.probabilities[at - 1]);
    if (struck.length) kept.add(struck[0]);
  });
  return step.choices.filter((choice) => kept.has(choice));
}

function head(stage, app, settings) {
  const own = stage.name in settings;
  return el("th", { scope: "col", title: app.t(`${own ? "set" : "stage"}.${stage.name}.help`) },
    `${app.t(`stage.${stage.name}`)} `, ...(own ? [el("b", { textContent: settings[stage.name] })] : []));
}

function row(choice, step, app, scale, take) {
  const why = barred(choice, step);
  const name = el("button", { type: "button", class: "token", disabled: Boolean(why), lang: "zh-Hant",
    textContent: reading(choice, app), "data-token": choice.token });
  name.setAttribute("aria-label", spoken(choice, step, app));
  const cells = step.stages.map((_, at) => cell(choice, step, at, app, scale));
  return el("tr", { class: why ? "barred" : "open", title: why ? app.t(why) : "",
    onclick: () => { if (!why) take(choice); } }, el("th", { scope: "row" }, name), ...cells);
}

function spoken(choice, step, app) {
  const struck = step.stages[choice.cut_at];
  return app.t(struck ? "lab.take.cut" : "lab.take", {
    token: reading(choice, app), raw: share(choice.probabilities[0]),
    end: share(choice.probabilities.at(-1)), stage: struck && app.t(`stage.${struck.name}`),
  });
}

function cell(choice, step, at, app, scale) {
  const cut = choice.cut_at;
  if (cut !== null && at > cut) {
    return el("td", { class: "gone" }, el("span", { class: "off", textContent: app.t("lab.gone") }));
  }
  const struck = at === cut;
  const before = at ? choice.probabilities[at - 1] / scale : 0;
  const picture = svg("svg", { "aria-hidden": "true" });
  if (struck) picture.append(bar("struck", before));
  else {
    picture.append(bar("new", choice.probabilities[at] / scale));
    if (at) picture.append(bar("old", before));
  }
  const stage = app.t(`stage.${step.stages[at].name}`);
  const words = struck
    ? [el("span", { "aria-hidden": "true", textContent: "✗" }),
      el("span", { class: "off", textContent: app.t("lab.struck", { stage }) })]
    : [share(choice.probabilities[at])];
  return el("td", { class: struck ? "struck" : "" }, picture, el("span", { class: "amount" }, ...words));
}

function bar(kind, part) {
  const shape = { class: kind, x: 0, y: "12%", width: `${100 * part}%`, height: "76%" };
  return svg("rect", kind === "struck" ? { ...shape, fill: `url(#${HATCH})` } : shape);
}

function others(rows, step, app) {
  const left = step.rest.map((rest, at) =>
    rest + step.choices.filter((choice) => !rows.includes(choice))
      .reduce((sum, choice) => sum + choice.probabilities[at], 0));
  return el("tr", { class: "others" }, el("th", { scope: "row", textContent: app.t("lab.others") }),
    ...left.map((value) => el("td", {}, el("span", { class: "amount",
      textContent: value > 1e-7 ? share(value) : "–" }))));
}

function figures(step, app) {
  const lines = {
    left: (stage) => whole(stage.left),
    cut: (stage) => (stage.cut ? share(stage.cut) : "–"),
    effective: (stage) => choices(stage.effective),
    entropy: (stage) => stage.bits.toFixed(2),
  };
  return Object.entries(lines).map(([name, words]) => el("tr", {},
    el("th", { scope: "row", textContent: app.t(`lab.${name}`),
      title: name === "effective" ? app.t("lab.effective.help") : "" }),
    ...step.stages.map((stage) => el("td", { textContent: words(stage) }))));
}

// The last stage laid end to end from 0 to 1, and where the random number falls on it.
export function strip(step, random, app) {
  const hit = fallsOn(step, random);
  const picture = svg("svg", { class: "strip", "aria-hidden": "true" });
  let from = 0;
  for (const choice of step.choices) {
    const part = choice.probabilities.at(-1);
    if (!part) continue;
    picture.append(segment(from, part, choice === hit ? "hit" : "", reading(choice, app)));
    from += part;
  }
  const rest = Math.max(0, 1 - from);
  if (rest > 1e-6) picture.append(segment(from, rest, hit ? "rest" : "rest hit", app.t("lab.others")));
  const needle = svg("svg", { x: `${100 * random}%`, class: "needle" },
    svg("path", { d: "M-5 0h10l-5 7zM-.75 6h1.5v34h-1.5z" }));
  picture.append(needle);
  const words = hit
    ? app.t("lab.random", { random: random.toFixed(3), token: reading(hit, app) })
    : app.t("lab.random.others", { random: random.toFixed(3) });
  return el("div", { class: "random" }, picture,
    el("p", { title: app.t("lab.random.help") }, el("b", { textContent: words }), " ",
      el("span", { class: "quiet", textContent: app.t("lab.random.help") })));
}

function segment(from, part, kind, words) {
  const box = { x: `${100 * from}%`, y: 8, width: `${100 * part}%`, height: 26 };
  const group = svg("g", { class: kind }, svg("rect", box));
  if (kind.startsWith("rest")) group.append(svg("rect", { ...box, fill: `url(#${HATCH})` }));
  if (part > 0.045) {
    const text = svg("text", { x: `${100 * (from + part / 2)}%`, y: 27, "text-anchor": "middle" });
    text.textContent = words;
    group.append(text);
  }
  return group;
}
