// The tab Results 評測: reports of this machine's runs, evaluations, sweeps and comparisons, and its
// training runs in a table, of which those picked are laid side by side.

import { busy, button, errorBox } from "./controls.js";
import { el } from "./dom.js";
import { RunTable } from "./results_runs.js";

const COMMANDS = [
  ["lianju run", "res.run"],
  ["lianju evaluate --against base", "res.evaluate"],
  ["lianju explore sweep --suite legal --couplets 30 --out sweeps/first", "res.sweep"],
];

export async function mount(root, app) {
  await new Results(root, app).look();
}

class Results {
  #controller = new AbortController();
  #found = [];
  // The report that is shown: its id, or those of runs that are compared, with commas between
  // them; and the address of its text in this browser.
  #open = "";
  #alone = "";

  constructor(root, app) {
    this.app = app;
    this.#open = opened(app.kept);
    this.runs = new RunTable(app, (ids) => app.go("results", { runs: ids.join(",") }));
    this.list = el("div", { class: "res-list" });
    this.report = el("div", { class: "res-report" });
    root.append(el("div", { class: "lead" }, app.say(el("h2"), "res.title"),
      app.say(el("p", { class: "quiet" }), "res.lead"), button("res.refresh", () => this.look(), "bare")),
    this.runs.node, this.list, this.report);
    app.onLang(() => { this.#showList(); this.runs.draw(); });
    app.onKept((kept) => this.#show(opened(kept)));
  }

  async look() {
    this.list.replaceChildren(busy("res.loading"));
    try {
      const [{ results }, runs] = await Promise.all(
        ["v1/results", "v1/runs"].map((path) => this.app.api.get(path)));
      this.#found = results;
      this.runs.show(runs);
      this.#showList();
      await this.#show(this.#open);
    } catch (failure) {
      this.list.replaceChildren(errorBox(failure, () => this.look()));
    }
  }

  #showList() {
    const { app } = this;
    if (!this.#found.length) {
      this.list.replaceChildren(nothing(app));
      return;
    }
    this.list.replaceChildren(el("ul", {}, ...this.#found.map((result) => this.#item(result))));
  }

  #item(result) {
    const { app } = this;
    const when = new Date(1000 * result.created);
    const locale = app.lang === "zh" ? "zh-TW" : undefined;
    const open = el("button", { type: "button", class: "res-item sheet", onclick: () => this.#choose(result.id) },
      el("span", { class: `res-kind ${result.kind}`, textContent: app.t(`res.kind.${result.kind}`) }),
      el("strong", { textContent: result.name }),
      el("time", { class: "quiet", dateTime: when.toISOString(),
        textContent: when.toLocaleString(locale, { dateStyle: "medium", timeStyle: "short" }) }),
      el("span", { class: "res-summary", textContent: app.lang === "zh" ? result.summary_zh : result.summary }));
    if (result.id === this.#open) open.setAttribute("aria-current", "true");
    return el("li", {}, open);
  }

  #choose(id) {
    this.app.go("results", { id });
  }

  // Fetches a report, with the API key if there is one, and shows it where it can do nothing.
  async #show(id) {
    const { app, report } = this;
    this.#controller.abort();
    this.#controller = new AbortController();
    const { signal } = this.#controller;
    URL.revokeObjectURL(this.#alone);
    this.#open = id;
    this.#showList();
    report.replaceChildren();
    if (!id) return;
    report.append(busy("res.fetching"));
    try {
      const html = await app.api.text(addressOf(id), { signal });
      if (signal.aborted) return;
      this.#alone = URL.createObjectURL(new Blob([html], { type: "text/html" }));
      report.replaceChildren(...this.#frame(id));
      report.scrollIntoView({ block: "start" });
    } catch (failure) {
      if (!signal.aborted) report.replaceChildren(errorBox(failure, () => this.#show(id)));
    }
  }

  // A blob, not `srcdoc`: there a report's links to its own parts would lead out of it.
  #frame(id) {
    const { app } = this;
    const name = this.#found.find((result) => result.id === id)?.name ?? id;
    const [words, values] = id.includes(",") ? ["runs.compared", { count: id.split(",").length }]
      : ["res.report", { name }];
    const alone = app.say(el("a", { href: this.#alone, target: "_blank", rel: "noopener" }), "res.alone");
    const frame = el("iframe", { sandbox: "allow-same-origin", src: this.#alone, class: "sheet" });
    return [el("div", { class: "row" }, app.say(el("h3"), words, values), alone,
      button("res.close", () => this.#choose(""), "bare")), app.label(frame, words, values)];
  }
}

const opened = ({ id, runs }) => runs ?? id ?? "";

function addressOf(id) {
  if (!id.includes(",")) return `v1/results/${encodeURIComponent(id)}`;
  return `v1/runs/compared?${new URLSearchParams(id.split(",").map((run) => ["run", run]))}`;
}

function nothing(app) {
  return el("div", { class: "res-none sheet" }, app.say(el("h3"), "res.none"), app.say(el("p"), "res.none.why"),
    el("dl", {}, ...COMMANDS.map(([command, why]) => el("div", {},
      el("dt", {}, el("code", { textContent: command })), app.say(el("dd", { class: "quiet" }), why)))));
}
