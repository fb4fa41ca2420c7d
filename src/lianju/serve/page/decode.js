// The tab Decode 解碼: what the next token could be, live, and a poem drawn token by token.

import { button, choice, segments } from "./controls.js";
import { both } from "./decode_both.js";
import { hatch } from "./decode_chart.js";
import { written } from "./decode_draw.js";
import { Panel } from "./decode_panel.js";
import { drawnPoem } from "./decode_poem.js";
import { OFF, defaults, fromAddress, toAddress } from "./decode_settings.js";
import { debounced, el, freshId } from "./dom.js";

const FORMS = ["auto", "wujue", "qijue", "wulu", "qilu", "free"];
const EXAMPLES = 3;
const HIGHEST_SEED = 2 ** 31 - 1;
const TYPING = 300;
const KEEPING = 400;

export async function mount(root, app) {
  const lab = new Lab(root, app);
  await lab.showExamples();
  lab.open(app.kept);
}

class Lab {
  // `written`: the characters after the couplet; `ended`: whether the token after them was the end.
  state = { couplet: "", written: [], ended: false, form: "auto", seed: 0, two: false };

  constructor(root, app) {
    Object.assign(this, { root, app, usual: defaults(app) });
    this.panels = [new Panel(app, this, "A", this.usual), new Panel(app, this, "B", OFF)];
    this.both = both(app, () => this.panels.map((panel) => panel.body()), () => this.state.seed);
    this.keep = debounced(() => app.keep(this.#address()), KEEPING);
    this.#build();
    app.onLang(() => { this.#showPoem(); this.changed(); });
    app.onModel(() => this.#renew());
    app.onKept((kept) => this.open(kept));
  }

  // --- what the panels need -------------------------------------------------------------------

  // What both panels ask; each adds its settings.
  asked() {
    const { couplet, form } = this.state;
    return { model: this.app.model || null, couplet, prefix: this.#prefix(), verse: { form } };
  }

  take(token) {
    this.put({ text: written(token), ends: token.ends });
  }

  // Puts a token that was drawn or chosen into the poem.
  put({ text, ends }) {
    this.state.written.push(...text);
    this.state.ended = ends;
    this.told.textContent = this.app.t("lab.took", { token: ends ? this.app.t("lab.end") : text });
    this.#renew();
  }

  // After new settings, which make what both wrote with the old ones stale.
  moved() {
    this.both.clear();
    this.keep();
  }

  // After a new answer: both charts to one scale.
  changed() {
    const shown = this.state.two ? this.panels : this.panels.slice(0, 1);
    const scale = Math.max(...shown.map((panel) => panel.highest), 1e-9);
    shown.forEach((panel) => panel.show(scale));
  }

  // --- state ----------------------------------------------------------------------------------

  #prefix() {
    return this.state.written.join("");
  }

  // Takes over what the address holds.
  open(kept) {
    const { state, app } = this;
    state.couplet = kept.couplet || state.couplet;
    state.written = [...(kept.prefix ?? "")];
    state.ended = kept.end === "1";
    state.form = FORMS.includes(kept.form) ? kept.form : "auto";
    state.two = kept.two === "1";
    this.#setSeed(Number(kept.seed || 0));
    this.panels[0].put(fromAddress(kept, this.usual, ""));
    this.panels[1].put(fromAddress(kept, OFF, "b."));
    this.couplet.value = state.couplet;
    this.form.value = state.form;
    this.view.value = state.two ? "two" : "one";
    this.#layOut();
    this.#renew();
  }

  #address() {
    const { couplet, ended, form, seed, two } = this.state;
    const { app, panels: [a, b] } = this;
    return {
      couplet, prefix: this.#prefix(), end: ended ? "1" : "", form: form === "auto" ? "" : form,
      seed: seed || "", two: two ? "1" : "", model: app.model,
      ...toAddress(a.values, this.usual, ""), ...(two ? toAddress(b.values, OFF, "b.") : {}),
    };
  }

  #goBack(length) {
    this.panels.forEach((panel) => panel.stop());
    this.state.written.length = Math.max(0, length);
    this.state.ended = false;
    this.#renew();
  }

  #setSeed(value) {
    this.state.seed = Number.isInteger(value) ? Math.min(HIGHEST_SEED, Math.max(0, value)) : 0;
    this.seed.value = this.state.seed;
  }

  // After anything on which both distributions depend.
  #renew() {
    const { state, panels: [a, b] } = this;
    this.both.clear();
    if (this.soFar.value !== this.#prefix()) this.soFar.value = this.#prefix();
    this.#showPoem();
    this.back.disabled = !state.written.length && !state.ended;
    this.restart.disabled = this.back.disabled;
    this.ended.hidden = !state.ended;
    this.panels.forEach((panel) => panel.finish(state.ended));
    if (state.couplet) {
      a.ask();
      if (state.two) b.ask();
    }
    this.keep();
  }

  // --- what is seen ---------------------------------------------------------------------------

  #build() {
    const { app, root, panels } = this;
    const couplet = this.#field("couplet", { lang: "zh-Hant", class: "lab-couplet" });
    const soFar = this.#field("soFar", { lang: "zh-Hant" }, "lab.so-far");
    const seed = this.#field("seed", { type: "number", min: 0, max: HIGHEST_SEED, step: 1 });
    this.#listen();
    this.form = choice({ name: "lab.rules", options: FORMS.map((form) => [form, `lab.form.${form}`]),
      value: "auto", change: (form) => { this.state.form = form; this.#renew(); } });
    this.view = segments({ name: "lab.view", options: [["one", "lab.view.one"], ["two", "lab.view.two"]],
      value: "one", change: (view) => { this.state.two = view === "two"; this.#layOut(); this.#renew(); } });
    this.chips = el("div", { class: "row lab-chips" });
    this.poem = el("div", { class: "lab-poem sheet" });
    this.back = button("lab.back", () => this.#goBack(this.state.written.length - !this.state.ended));
    this.restart = button("lab.restart", () => this.#goBack(0));
    const check = button("lab.check", () => app.go("check", { text: this.state.couplet + this.#prefix() }));
    this.ended = el("div", { class: "row lab-ended", role: "status" }, app.say(el("p"), "lab.ended"), check);
    this.told = el("p", { class: "off", role: "status" });
    root.append(hatch(),
      el("div", { class: "lead" }, app.say(el("h2"), "lab.title"), app.say(el("p", { class: "quiet" }), "lab.lead")),
      el("div", { class: "lab-asked" }, couplet, this.form.node, this.chips),
      this.poem,
      el("div", { class: "lab-steps" }, soFar, el("div", { class: "row" }, this.back, this.restart),
        el("div", { class: "row lab-seed" }, seed, button("lab.seed.new", () => this.#newSeed(), "bare")),
        this.view.node),
      this.ended, this.told,
      el("div", { class: "lab-panels" }, ...panels.map((panel) => panel.node)), key(app), this.both.node);
  }

  // A text field with its name, kept under `name`.
  #field(name, properties, words = `lab.${name}`) {
    const id = freshId("lab");
    this[name] = el("input", { type: "text", id, autocomplete: "off", spellcheck: false, ...properties });
    return el("div", { class: "field" }, this.app.say(el("label", { htmlFor: id }), words), this[name]);
  }

  #listen() {
    const { state } = this;
    const typed = (input, change) => input.addEventListener("input", debounced(() => {
      change(input.value);
      this.#renew();
    }, TYPING));
    typed(this.couplet, (text) => { state.couplet = text.trim(); });
    typed(this.soFar, (text) => { state.written = [...text]; state.ended = false; });
    this.seed.addEventListener("change", () => { this.#setSeed(Number(this.seed.value)); this.#renew(); });
  }

  #newSeed() {
    this.#setSeed(Math.floor(Math.random() * HIGHEST_SEED));
    this.#renew();
  }

  #layOut() {
    const { two } = this.state;
    this.root.classList.toggle("two", two);
    this.panels[1].node.hidden = !two;
    this.both.node.hidden = !two;
    this.panels.forEach((panel) => panel.name());
  }

  #showPoem() {
    const { couplet, ended } = this.state;
    this.poem.replaceChildren(drawnPoem(this.app, couplet, this.#prefix(), ended, (place) => this.#goBack(place)));
  }

  async showExamples() {
    const { app, state } = this;
    const { couplets } = await app.api.get(`v1/examples?count=${EXAMPLES}`);
    const chips = couplets.map((text) => el("button", { type: "button", class: "chip", lang: "zh-Hant",
      textContent: text, onclick: () => { this.couplet.value = text; state.couplet = text; this.#goBack(0); } }));
    this.chips.replaceChildren(app.say(el("span", { class: "quiet" }), "lab.examples"), ...chips,
      button("lab.another", () => this.showExamples(), "bare"));
    state.couplet ||= couplets[0];
  }
}

// What the bars mean.
function key(app) {
  const sign = (kind) => el("span", {}, el("i", { class: `sign ${kind}`, "aria-hidden": "true" }),
    app.say(el("span"), `lab.key.${kind}`));
  return el("p", { class: "lab-key quiet" }, sign("before"), sign("after"), sign("cut"),
    app.say(el("span"), "lab.key.click"));
}
