// Where the reader says what to write: the couplet, the form, and the settings folded below.

import { button, choice, segments, slider, toggle } from "./controls.js";
import { el } from "./dom.js";
import { acrosticField, rhymesField } from "./places.js";
import { LENGTHS, LONGEST_COUPLET, TWINS, firstCouplet, inTwo, lineLength, shapeWord } from "./shape.js";
import { FORMS, MOST, RANGES, freshSeed } from "./share.js";

// As much as can be checked: whole poems are pasted here too.
const LONGEST = 20_000;

// {node, request(), fill(request), writing(on), focus()}. `write` and `stop` are called by the
// big button; `usual` is what the settings are to begin with.
export class Desk {
  #app; #usual; #field; #shape; #press; #form; #rhyme; #count; #sliders; #seed; #pin; #examples;
  #acrostic; #rhymes; #formHelp; #summary; #keep; #key = ""; #on = false;

  constructor(app, usual, { write: begin, stop }) {
    this.#app = app;
    this.#usual = usual;
    const write = () => this.#go(begin);
    this.#press = button("write.write", () => (this.#on ? stop() : write()), "main big");
    this.node = el("form", {
      class: "desk",
      onsubmit: (event) => {
        event.preventDefault();
        if (!this.#on) write();
      },
    }, this.#couplet(write), this.#choices(), this.#more());
    this.fill(usual);
    app.onLang(() => this.#look());
  }

  #couplet(write) {
    const { say } = this.#app;
    this.#field = el("textarea", {
      id: "couplet", rows: 1, lang: "zh-Hant", spellcheck: false, autocomplete: "off", maxLength: LONGEST,
      "aria-describedby": "couplet-shape",
      oninput: () => this.#look(),
      onkeydown: (event) => {
        if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
        event.preventDefault();
        if (!this.#on) write();
      },
    });
    this.#shape = el("p", { class: "help", id: "couplet-shape", role: "status" });
    this.#keep = button("write.whole.keep", () => this.#take(firstCouplet(this.#field.value)));
    this.#examples = el("ul", { class: "chips" });
    return el("div", { class: "opening" },
      say(el("h2"), "write.title"),
      el("div", { class: "couplet sheet" },
        say(el("label", { htmlFor: "couplet", class: "off" }), "write.couplet"), this.#field, this.#press),
      el("div", { class: "row" }, this.#shape, this.#keep),
      el("div", { class: "examples" },
        say(el("span", { class: "quiet" }), "write.examples"), this.#examples,
        button("write.another", () => this.showExamples(), "bare")));
  }

  #choices() {
    const { say, settings } = this.#app;
    this.#form = segments({
      name: "form.name", value: "auto", options: FORMS.map((name) => [name, `form.${name}`]),
      change: () => this.#look(),
    });
    // A group's title ends in its name: 上平聲一東.
    this.#rhyme = choice({
      name: "rhyme.name", value: "auto", change: () => this.#look(),
      options: [["auto", "rhyme.auto"], ["off", "rhyme.off"],
        ...settings.rhymes.map((title) => [title.at(-1), title, true])],
    });
    this.#count = segments({
      name: "count.name", value: "3",
      options: Array.from({ length: MOST }, (_, place) => [String(place + 1), String(place + 1)]),
    });
    this.#acrostic = acrosticField(this.#app, () => this.#look());
    this.#rhymes = rhymesField(this.#app, () => this.#look());
    this.#formHelp = say(el("p", { class: "help" }), "form.auto.help");
    return el("div", { class: "choices" },
      this.#form.node, this.#rhyme.node, this.#count.node, this.#formHelp,
      this.#acrostic.node, this.#rhymes.node);
  }

  #more() {
    const { say, settings } = this.#app;
    this.#sliders = Object.fromEntries(Object.entries(RANGES).map(([name, range]) => [name, slider({
      ...range, name: `set.${name}`, help: `set.${name}.help`, value: settings.decode[name].default ?? 0,
      change: () => this.#look(),
    })]));
    this.#seed = el("input", { type: "number", id: "seed", min: 0, step: 1, inputMode: "numeric" });
    this.#seed.addEventListener("input", () => { this.#pin.value = this.#seed.value !== ""; });
    this.#pin = toggle({ name: "set.pin", value: false });
    this.#summary = el("summary");
    return el("details", { class: "more" }, this.#summary,
      el("div", { class: "sliders" }, ...Object.values(this.#sliders).map((each) => each.node),
        el("div", { class: "seed" },
          say(el("label", { htmlFor: "seed" }), "set.seed"), this.#seed, this.#pin.node,
          say(el("p", { class: "help" }), "set.seed.help"))),
      button("more.reset", () => this.fill({ ...this.#usual, couplet: this.#field.value }), "bare"));
  }

  // What is asked for now. A seed that is not kept is drawn anew.
  request() {
    const kept = this.#pin.value && this.#seed.value !== "";
    const seed = kept ? Math.trunc(Math.abs(Number(this.#seed.value))) : freshSeed();
    this.#seed.value = seed;
    this.#field.value = inTwo(this.#field.value.trim());
    const numbers = Object.fromEntries(
      Object.entries(this.#sliders).map(([name, each]) => [name, each.value]));
    return {
      couplet: this.#field.value, model: this.#app.model, form: this.#form.value,
      rhyme: this.#rhyme.value, acrostic: this.#acrostic.value, rhymes: this.#rhymes.value, given: {}, prefix: "",
      n: Number(this.#count.value), ...numbers, seed,
    };
  }

  // Sets every control as a request has it.
  fill(request) {
    this.#field.value = request.couplet;
    this.#form.value = request.form;
    this.#rhyme.value = request.rhyme;
    this.#acrostic.value = request.acrostic;
    this.#rhymes.value = request.rhymes;
    this.#count.value = String(request.n);
    for (const [name, each] of Object.entries(this.#sliders)) each.value = request[name];
    this.#seed.value = request.seed ?? "";
    this.#pin.value = false;
    this.#look();
  }

  // While poems are written the big button stops them.
  writing(on) {
    this.#on = on;
    this.#press.classList.toggle("stopping", on);
    this.#look();
  }

  // A couplet is written on from; a whole poem is led to where it is judged; what lacks a line is
  // asked for it.
  #go(begin) {
    const { value } = this.#field;
    if (this.#key === "write.shape.whole") return this.#app.go("check", { text: value });
    const lacks = !value.trim() || ["one", "run", "long"].some((end) => this.#key === `write.shape.${end}`);
    if (!lacks) return begin();
    this.#shape.classList.add("wrong");
    return this.focus();
  }

  focus() {
    this.#field.focus();
  }

  async showExamples() {
    const { couplets } = await this.#app.api.get("v1/examples?count=3");
    const chips = couplets.map((couplet) => {
      const chip = el("button", { type: "button", class: "chip", lang: "zh-Hant", textContent: couplet });
      chip.addEventListener("click", () => this.#take(couplet));
      return el("li", {}, this.#app.label(chip, "write.example", { couplet }));
    });
    this.#examples.replaceChildren(...chips);
  }

  #take(couplet) {
    this.#field.value = couplet;
    this.#look();
    this.#field.focus();
  }

  // What depends on the controls: the gentle word on the shape, the form's sentence, the summary.
  #look() {
    const { say, t } = this.#app;
    const form = this.#form.value;
    const { key, lengths } = shapeWord(this.#field.value, form);
    const whole = key === "write.shape.whole";
    this.#key = key;
    say(this.#shape, key || "write.shape.fine", {
      lengths: lengths.join(t("write.and")), count: lengths.length, length: lineLength(lengths),
      wanted: LENGTHS[form], form: t(`form.${form}`), other: t(`form.${TWINS[form]}`), most: LONGEST_COUPLET,
    });
    this.#shape.classList.remove("wrong");
    this.#shape.hidden = !key;
    this.#keep.hidden = !whole;
    say(this.#press, this.#on ? "write.stop" : whole ? "write.whole.check" : "write.write");
    say(this.#formHelp, `form.${form}.help`);
    this.#rhyme.node.hidden = form === "free";
    this.#acrostic.look(form, this.#field.value);
    this.#rhymes.look(form, this.#field.value);
    this.#sliders.max_tokens.node.hidden = form !== "free";
    const changed = Object.entries(this.#sliders)
      .filter(([name, each]) => each.value !== this.#usual[name]);
    say(this.#summary, changed.length ? "more.changed" : "more.title", { count: changed.length });
  }
}
