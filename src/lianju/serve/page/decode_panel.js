// One set of settings with the distribution that it makes: sliders, chart, random number, draw.

import { busy, button, errorBox, notes } from "./controls.js";
import { chart, highest, strip } from "./decode_chart.js";
import { chance, draw } from "./decode_draw.js";
import { settingsPanel } from "./decode_settings.js";
import { el } from "./dom.js";

const TOP = 40;
const WAIT = 120;
const PAUSE = 250;
const pause = (time) => new Promise((resolve) => { setTimeout(resolve, time); });

export class Panel {
  #controller = new AbortController();
  #pending = Promise.resolve();
  #step = null;
  #every = false;
  #playing = false;
  #drawing = false;

  // `lab` is what both panels share: the `Lab` of decode.js.
  constructor(app, lab, letter, values) {
    Object.assign(this, { app, lab, letter, values });
    this.settings = settingsPanel(app, values, (wanted) => {
      this.values = wanted;
      lab.moved();
      this.ask(WAIT);
    });
    this.title = el("h3");
    this.shown = el("div", { class: "lab-shown" });
    this.drawButton = button("lab.draw", () => this.#one(), "main");
    this.playButton = button("lab.play", () => (this.#playing ? this.stop() : this.#run()));
    this.actions = el("div", { class: "row lab-actions" }, this.drawButton, this.playButton);
    this.node = el("section", { class: "lab-panel sheet" }, this.title, this.settings.node,
      el("div", { class: "lab-side" }, this.actions, this.shown));
  }

  put(values) {
    this.values = values;
    this.settings.put(values);
  }

  // The request that this panel makes, of one token or of a whole poem.
  body() {
    return { ...this.lab.asked(), ...this.values };
  }

  get highest() {
    return this.#step ? highest(this.#step) : 0;
  }

  // Asks for the distribution after `wait` milliseconds; only the last question is answered.
  ask(wait = 0) {
    this.#controller.abort();
    this.#controller = new AbortController();
    this.#pending = this.#answer(this.#controller.signal, wait);
  }

  async #answer(signal, wait) {
    if (wait) await pause(wait);
    if (signal.aborted) return;
    this.shown.setAttribute("aria-busy", "true");
    if (!this.shown.hasChildNodes()) this.shown.append(busy("lab.loading"));
    try {
      const answer = await this.app.api.post("v1/explore/next", { ...this.body(), top: TOP }, { signal });
      if (signal.aborted) return;
      this.#step = answer;
      this.lab.changed();
    } catch (failure) {
      if (signal.aborted) return;
      this.#fail(failure);
    }
    this.shown.removeAttribute("aria-busy");
  }

  #fail(failure) {
    this.#step = null;
    this.stop();
    this.shown.replaceChildren(errorBox(failure, () => this.ask()));
  }

  // Waits for the answer to the last question, however often another was asked meanwhile.
  async #settled() {
    let last;
    while (last !== this.#pending) {
      last = this.#pending;
      await last;
    }
  }

  get #random() {
    return chance(this.lab.state.seed, this.lab.state.written.length);
  }

  // Draws the answer that is there, its bars to `scale`.
  show(scale) {
    const step = this.#step;
    if (!step) return;
    const { app, shown, values } = this;
    const held = shown.contains(document.activeElement) ? document.activeElement.dataset.token : null;
    shown.replaceChildren(notes(step), strip(step, this.#random, app), chart(step, {
      app, settings: values, scale, every: this.#every,
      take: (choice) => { this.stop(); this.lab.take(choice); },
      turn: () => this.#turn(),
    }));
    if (held) (shown.querySelector(`[data-token="${held}"]:enabled`) ?? this.drawButton).focus();
  }

  #turn() {
    this.#every = !this.#every;
    this.lab.changed();
    this.shown.querySelector(".turn").focus();
  }

  async #one() {
    if (this.#drawing) return;
    this.#drawing = true;
    try {
      await this.#settled();
      if (!this.#step || this.lab.state.ended) return;
      const { signal } = this.#controller;
      const found = await draw(this.app, this.body(), this.#step, this.#random, signal);
      if (!signal.aborted) this.lab.put(found);
    } catch (failure) {
      if (failure.name !== "AbortError") this.#fail(failure);
    } finally {
      this.#drawing = false;
    }
  }

  async #run() {
    this.#playing = true;
    this.name();
    while (this.#playing && !this.lab.state.ended) {
      await this.#one();
      await this.#settled();
      await pause(PAUSE);
    }
    this.stop();
  }

  stop() {
    this.#playing = false;
    this.name();
  }

  // After the poem's end there is nothing to draw.
  finish(ended) {
    this.actions.hidden = ended;
    if (ended) this.stop();
  }

  // Buttons say whose settings they draw with where there are two.
  name() {
    const { app, letter, lab: { state: { two } } } = this;
    this.title.hidden = !two;
    app.say(this.title, "lab.panel", { letter });
    app.say(this.drawButton, two ? "lab.draw.with" : "lab.draw", { letter });
    app.say(this.playButton, this.#playing ? "lab.stop" : two ? "lab.play.with" : "lab.play", { letter });
  }
}
