// The tab Check 格律: a poem judged by the rules of regulated verse, as it is typed.

import { busy, errorBox, notes, toggle } from "./controls.js";
import { debounced, el, freshId, isHan } from "./dom.js";

const TYPING = 350;
const LONGEST = 4000;
const EXAMPLES = [
  ["met.ex.regular", "移舟泊煙渚，日暮客愁新。\n野曠天低樹，江清月近人。"],
  ["met.ex.fault", "移舟泊煙渚，日暮客愁新。\n野曠天低樹，江清月近樓。"],
  ["met.ex.eight", "空山新雨後，天氣晚來秋。\n明月松間照，清泉石上流。\n竹喧歸浣女，蓮動下漁舟。\n隨意春芳歇，王孫自可留。"],
  ["met.ex.famous", "故人西辭黃鶴樓，煙花三月下揚州。\n孤帆遠影碧空盡，唯見長江天際流。"],
  ["met.ex.old", "千山鳥飛絕，萬徑人蹤滅。\n孤舟蓑笠翁，獨釣寒江雪。"],
];

export function mount(root, app) {
  new Checker(root, app).open(app.kept);
}

class Checker {
  #controller = new AbortController();
  #answer = null;

  constructor(root, app) {
    this.app = app;
    const id = freshId("poem");
    this.text = el("textarea", { id, rows: 5, maxLength: LONGEST, lang: "zh-Hant", spellcheck: false });
    this.text.addEventListener("input", debounced(() => this.#judge(), TYPING));
    this.strict = toggle({ name: "met.strict", value: false, change: () => this.#judge() });
    this.borrow = toggle({ name: "met.borrow", value: true, change: () => this.#judge() });
    this.verdict = el("div", { class: "met-verdict" });
    this.told = el("p", { class: "off", role: "status" });
    root.append(
      el("div", { class: "lead" }, app.say(el("h2"), "met.title"), app.say(el("p", { class: "quiet" }), "met.lead")),
      el("div", { class: "met" },
        el("div", { class: "met-asked" },
          el("div", { class: "field" }, app.say(el("label", { htmlFor: id }), "met.text"), this.text),
          this.#examples(), this.#switch(this.strict, "met.strict.help"), this.#switch(this.borrow, "met.borrow.help")),
        this.verdict), this.told);
    app.onLang(() => this.#show());
    app.onKept((kept) => this.open(kept));
  }

  #examples() {
    const chips = EXAMPLES.map(([name, text]) => this.app.say(el("button", { type: "button", class: "chip",
      onclick: () => { this.text.value = text; this.#judge(); } }), name));
    return el("div", { class: "row met-chips" }, this.app.say(el("span", { class: "quiet" }), "met.examples"), ...chips);
  }

  #switch(control, help) {
    return el("div", {}, control.node, this.app.say(el("p", { class: "help" }), help));
  }

  // Takes over what the address holds; the first example where it holds nothing.
  open(kept) {
    this.text.value = kept.text ?? EXAMPLES[0][1];
    this.strict.value = kept.strict === "1";
    this.borrow.value = kept.borrow !== "0";
    this.#judge();
  }

  async #judge() {
    const { app, text, strict, borrow } = this;
    this.#controller.abort();
    this.#controller = new AbortController();
    const { signal } = this.#controller;
    app.keep({ text: text.value, strict: strict.value ? "1" : "", borrow: borrow.value ? "" : "0" });
    this.#answer = null;
    if (![...text.value].some(isHan)) return this.#show();
    if (!this.verdict.hasChildNodes()) this.verdict.append(busy("met.judging"));
    try {
      const body = { text: text.value, strict: strict.value, borrow: borrow.value };
      const answer = await app.api.post("v1/check", body, { signal });
      if (signal.aborted) return undefined;
      this.#answer = answer;
      return this.#show();
    } catch (failure) {
      if (!signal.aborted) this.verdict.replaceChildren(errorBox(failure, () => this.#judge()));
      return undefined;
    }
  }

  #show() {
    const { app } = this;
    const found = this.#answer;
    if (!found) {
      const word = this.text.value.trim() ? "met.none" : "met.empty";
      this.told.textContent = "";
      this.verdict.replaceChildren(app.say(el("p", { class: "quiet", role: "status" }), word));
      return;
    }
    const verse = app.poem(found.lines.map((line) => ({ ...line, given: false })),
      { view: { tones: true, rhymes: true } });
    const [head, ...more] = found.said[app.lang];
    this.told.textContent = head;
    // Old-style verse breaks no rule that it wants to keep.
    const regular = !found.why;
    const faults = found.faults.map((fault) => said(fault, app));
    this.verdict.replaceChildren(notes(found.notes),
      el("div", { class: `sheet met-poem ${found.style}` },
        el("h3", {}, mark(found), head),
        ...more.map((words) => el("p", { textContent: words })), verse,
        app.say(el("p", { class: "quiet" }), "met.legend")),
      ...section(app, "met.faults", "faults", regular ? faults : []),
      ...section(app, "met.remarks", "", found.remarks.map((remark) => said(remark, app))),
      ...section(app, "met.copied", "", copied(found.lines, app)),
      ...folded(app, "met.differs", "", regular ? [] : faults),
      ...folded(app, "met.readings", "readings", readings(found.lines, app)));
  }
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

function said(fault, app) {
  return el("li", {}, el("p", { textContent: fault.said[app.lang] }),
    el("p", { class: "help", textContent: fault.rule_said[app.lang] }));
}

// Where lines stand in known poems, those of the same poems together.
function copied(lines, app) {
  const numbers = new Map();
  for (const line of lines.filter((one) => one.copied.length)) {
    const where = line.copied.map((poem) => app.t("poem.source", poem)).join(app.t("write.and"));
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
