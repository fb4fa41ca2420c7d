// The training runs of this machine as a table: sorted by any column, picked to be compared.

import { button } from "./controls.js";
import { el } from "./dom.js";

// As many as the server compares at once.
const MOST = 24;
const number = (value, digits) => (value === null ? "–" : value.toFixed(digits));
const share = (value) => `${(100 * value).toFixed(1)}`;

// Each: its name, what it is sorted by, whether more is better, and what its cell holds.
const COLUMNS = [
  ["before", (run) => run.loss_before, false, (run) => [number(run.loss_before, 3)]],
  ["loss", (run) => run.loss, false, (run) => [el("strong", { textContent: number(run.loss, 3) }),
    ...beneath(run.loss_n && `n ${run.loss_n.toLocaleString()}`)]],
  ["shape", (run) => run.shape, true, (run) => (run.shape === null ? ["–"] : [`${share(run.shape)}%`,
    ...beneath(run.shape_low !== null && `${share(run.shape_low)}–${share(run.shape_high)}% · n ${run.shape_n}`)])],
  ["step", (run) => run.step, false, (run, app) => [run.step === null ? "–" : app.t("runs.of", run)]],
  ["time", (run) => run.seconds, false,
    (run, app) => [run.seconds === null ? "–" : app.t("runs.seconds", { count: Math.round(run.seconds).toLocaleString() })]],
  ["when", (run) => run.changed, true, (run, app) => [when(run, app)]],
];

// `compare(ids)` is called with what the reader has picked.
export class RunTable {
  #found = { settings: [], runs: [] };
  #by = "when"; #turned = false; #picked = new Set();

  constructor(app, compare) {
    this.app = app;
    this.node = el("section", { class: "runs", hidden: true });
    this.compare = compare;
  }

  show(found) {
    this.#found = found;
    this.#picked = new Set(found.runs.map((run) => run.id).filter((id) => this.#picked.has(id)));
    this.draw();
  }

  draw() {
    const { app } = this;
    const { runs } = this.#found;
    this.node.hidden = !runs.length;
    const table = el("table", {}, this.#head(), el("tbody", {}, ...this.#sorted().map((run) => this.#row(run))));
    this.button = button("runs.compare", () => this.compare([...this.#picked]));
    this.node.replaceChildren(app.say(el("h3"), "runs.title"), app.say(el("p", { class: "quiet" }), "runs.lead"),
      app.label(el("div", { class: "scroll", tabIndex: 0, role: "region" }, table), "runs.title"), this.button);
    this.#count();
  }

  #count() {
    const count = this.#picked.size;
    this.app.say(this.button, "runs.compare", { count });
    this.button.disabled = count < 2 || count > MOST;
  }

  #columns() {
    const settings = this.#found.settings.map((name) => [name, (run) => run.settings[name] ?? null, false,
      (run) => [setting(run, name)]]);
    return [["name", (run) => run.name, false], ...settings, ...COLUMNS];
  }

  #head() {
    const { app } = this;
    const cells = this.#columns().map(([name]) => {
      const shown = this.#found.settings.includes(name) ? name : app.t(`runs.${name}`);
      const press = app.label(el("button", { type: "button", class: "bare", textContent: shown,
        onclick: () => this.#sort(name) }), "runs.sort", { name: shown });
      const cell = el("th", { scope: "col" }, press);
      if (name === this.#by) cell.setAttribute("aria-sort", this.#rising() ? "ascending" : "descending");
      return cell;
    });
    return el("thead", {}, el("tr", {}, el("td"), ...cells));
  }

  // The best or newest first; a second press turns it round.
  #rising() {
    const more = this.#columns().find(([name]) => name === this.#by)?.[2] ?? false;
    return more === this.#turned;
  }

  #sort(name) {
    this.#turned = name === this.#by && !this.#turned;
    this.#by = name;
    this.draw();
    this.node.querySelector("[aria-sort] button").focus();
  }

  // What says nothing in the column comes last, however it is turned.
  #sorted() {
    const value = this.#columns().find(([name]) => name === this.#by)?.[1] ?? ((run) => run.changed);
    const sign = this.#rising() ? 1 : -1;
    return [...this.#found.runs].sort((one, other) => {
      const [a, b] = [value(one), value(other)];
      if (a === null || b === null) return (a === null) - (b === null);
      return sign * (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b)));
    });
  }

  #row(run) {
    const { app } = this;
    const pick = el("input", { type: "checkbox", checked: this.#picked.has(run.id), disabled: run.state !== "finished",
      onchange: () => this.#pick(run.id, pick.checked) });
    const advice = app.lang === "zh" ? run.advice_zh : run.advice;
    const [, ...columns] = this.#columns();
    return el("tr", { class: run.state }, el("td", {}, app.label(pick, "runs.pick", { name: run.name })),
      el("th", { scope: "row" }, el("span", { textContent: run.name }), ...beneath(advice)),
      ...columns.map(([, , , cell]) => el("td", {}, ...cell(run, app))));
  }

  #pick(id, wanted) {
    if (wanted) this.#picked.add(id);
    else this.#picked.delete(id);
    this.#count();
  }
}

const beneath = (text) => (text ? [el("span", { class: "help", textContent: text })] : []);

function setting(run, name) {
  if (!(name in run.settings)) return "–";
  const value = run.settings[name];
  if (value === null) return "none";
  return typeof value === "boolean" ? (value ? "on" : "off") : String(value);
}

function when(run, app) {
  const locale = app.lang === "zh" ? "zh-TW" : undefined;
  return new Date(1000 * run.changed).toLocaleString(locale, { dateStyle: "short", timeStyle: "short" });
}
