// 續詩: a couplet in, poems out.

import { errorBox, notes, segments, toggle } from "./controls.js";
import { Desk } from "./desk.js";
import { el, gently, recall, remember } from "./dom.js";
import { example } from "./example.js";
import { Sheet } from "./sheet.js";
import { asBody, defaults, fromAddress, toAddress } from "./share.js";
import { Tap } from "./tap.js";
import { setView } from "./verse.js";

// 王維，山居秋暝.
const FIRST = "空山新雨後，天氣晚來秋。";
const EARLIER = 12;
const TOAST = 3500;

export async function mount(root, app) {
  await new Write(root, app).start();
}

class Write {
  #root; #app; #desk; #usual; #rhymes; #live; #toast; #said; #bar; #board; #earlier; #stop = null;
  #sheets = []; #old = []; #shared; #view; #fading;

  constructor(root, app) {
    this.#root = root;
    this.#app = app;
    this.#usual = defaults(app.settings);
    this.#rhymes = app.settings.rhymes.map((title) => title.at(-1));
    this.#view = {
      vertical: recall("vertical") !== "no",
      tones: recall("tones") !== "no",
      rhymes: recall("rhymes") !== "no",
    };
    this.#desk = new Desk(app, this.#usual, {
      write: () => this.#write(this.#desk.request()), stop: () => this.#stop.abort(),
    });
    this.#live = el("p", { class: "off", role: "status", "aria-live": "polite" });
    this.#toast = el("p", { class: "toast", role: "status", hidden: true });
    this.#said = el("div", { class: "told" });
    this.#bar = el("div", { class: "bar" }, ...this.#viewControls());
    this.#board = el("div", { class: "board" });
    this.#earlier = el("details", { class: "earlier", hidden: true },
      el("summary"), el("div", { class: "board" }));
    root.append(this.#desk.node, this.#live, this.#said, this.#bar, this.#board, this.#earlier,
      this.#toast);
    this.#shared = {
      view: () => this.#view, usual: this.#usual, tap: new Tap(root),
      tell: (key, values) => app.say(this.#live, key, values),
      toast: (key) => this.#showToast(key),
      changed: (address) => app.keep(address),
    };
    this.#bar.hidden = true;
    app.onLang(() => [...this.#sheets, ...this.#old].forEach((sheet) => sheet.speak()));
  }

  // A link with a seed shows its poem; without one the desk is laid with what it has.
  async start() {
    this.#app.onKept((values) => this.#open(values));
    this.#desk.fill({ ...this.#usual, couplet: FIRST });
    this.#open(this.#app.kept);
    if (!this.#sheets.length) this.#showPoem();
    await this.#desk.showExamples();
  }

  // Something to look at until there is a poem.
  async #showPoem() {
    const { node, draw } = example(this.#app, this.#view);
    this.#board.replaceChildren(node);
    this.#board.dataset.count = 1;
    await draw().catch(() => node.remove());
  }

  #open(values) {
    const { request, index } = fromAddress(values, this.#usual, this.#rhymes);
    if (!request.couplet) return;
    this.#desk.fill(request);
    if (request.seed !== undefined) this.#write(request, index);
  }

  // Waits until the server has its models; a link may name one that it does not have.
  async #ready(request, signal) {
    await Promise.race([this.#app.ready, new Promise((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason));
    })]);
    if (!this.#app.models.some(({ id }) => id === request.model)) request.model = "";
  }

  // Writes all poems of a request; `index` is the one that is meant by a link.
  async #write(request, index = 0) {
    this.#shared.tap.close();
    this.#stop?.abort();
    const stop = new AbortController();
    this.#stop = stop;
    this.#lay(request);
    this.#app.wrote(request.couplet);
    this.#desk.writing(true);
    this.#shared.tell("live.writing");
    const sheets = this.#sheets;
    try {
      await this.#ready(request, stop.signal);
      this.#app.keep(toAddress(request, this.#usual, index));
      await this.#app.api.stream("v1/poems", asBody(request), {
        signal: stop.signal,
        draft: (draft) => sheets[draft.index].draft(draft),
        poem: (poem) => {
          sheets[poem.index].settle(poem, request, poem.index);
          this.#shared.tell("live.poem", { number: poem.index + 1, text: poem.text });
        },
        done: (answer) => {
          if (answer.notes.length) this.#said.replaceChildren(notes(answer));
          if (answer.order.length > 1) sheets[answer.order[0]].best(true);
        },
      });
      if (index) sheets[index].focus();
    } catch (failure) {
      this.#broken(failure, request, sheets, index);
    }
    if (this.#stop === stop) this.#desk.writing(false);
  }

  #broken(failure, request, sheets, index) {
    const stopped = failure.name === "AbortError";
    for (const sheet of sheets) if (!sheet.finished) sheet.broken(stopped ? null : failure, request);
    if (stopped) return this.#shared.tell("live.stopped");
    if (sheets !== this.#sheets) return;
    this.#said.replaceChildren(errorBox(failure, () => this.#write(request, index)));
    if (!sheets.some((sheet) => sheet.begun)) {
      this.#board.replaceChildren();
      this.#bar.hidden = true;
      this.#sheets = [];
    }
    if (failure.param === "couplet") this.#desk.focus();
  }

  // Fresh sheets for a request; those that were finished go to the earlier ones.
  #lay(request) {
    const finished = this.#sheets.filter((sheet) => sheet.finished);
    finished.forEach((sheet) => sheet.best(false));
    this.#old = [...finished, ...this.#old].slice(0, EARLIER);
    const [title, list] = this.#earlier.children;
    list.replaceChildren(...this.#old.map((sheet) => sheet.node));
    this.#earlier.hidden = !this.#old.length;
    this.#app.say(title, "earlier.title", { count: this.#old.length });
    this.#sheets = Array.from({ length: request.n },
      (_, number) => new Sheet(this.#app, this.#shared, number));
    this.#sheets.forEach((sheet) => sheet.begin(request.couplet));
    this.#board.replaceChildren(...this.#sheets.map((sheet) => sheet.node));
    this.#board.dataset.count = request.n;
    this.#said.replaceChildren();
    this.#bar.hidden = false;
    const hidden = this.#board.getBoundingClientRect().top > 0.7 * window.innerHeight;
    if (hidden) this.#bar.scrollIntoView({ block: "start", behavior: gently() });
  }

  #viewControls() {
    const turn = (name, value) => {
      this.#view = { ...this.#view, [name]: value };
      remember(name, value ? "yes" : "no");
      for (const verse of this.#root.querySelectorAll(".poem .verse")) setView(verse, this.#view);
    };
    return [
      segments({
        name: "view.name", quiet: true, value: this.#view.vertical ? "vertical" : "horizontal",
        options: [["vertical", "view.vertical"], ["horizontal", "view.horizontal"]],
        change: (value) => turn("vertical", value === "vertical"),
      }).node,
      ...["tones", "rhymes"].map((name) => toggle({
        name: `view.${name}`, value: this.#view[name], change: (value) => turn(name, value),
      }).node),
      this.#app.say(el("p", { class: "help" }), "view.help"),
    ];
  }

  #showToast(key) {
    this.#app.say(this.#toast, key);
    this.#toast.hidden = false;
    clearTimeout(this.#fading);
    this.#fading = setTimeout(() => { this.#toast.hidden = true; }, TOAST);
  }
}
