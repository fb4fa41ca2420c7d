// The tab Check 格律: poems judged by the rules of regulated verse, as they are typed.

import { several } from "./check_table.js";
import { verdict } from "./check_verdict.js";
import { busy, button, errorBox, notes, toggle } from "./controls.js";
import { debounced, el, freshId, isHan } from "./dom.js";

const TYPING = 350;
const LONGEST = 20_000;
const EXAMPLES = [
  ["met.ex.regular", "移舟泊煙渚，日暮客愁新。\n野曠天低樹，江清月近人。"],
  ["met.ex.fault", "移舟泊煙渚，日暮客愁新。\n野曠天低樹，江清月近樓。"],
  ["met.ex.eight", "空山新雨後，天氣晚來秋。\n明月松間照，清泉石上流。\n竹喧歸浣女，蓮動下漁舟。\n隨意春芳歇，王孫自可留。"],
  ["met.ex.famous", "故人西辭黃鶴樓，煙花三月下揚州。\n孤帆遠影碧空盡，唯見長江天際流。"],
  ["met.ex.old", "千山鳥飛絕，萬徑人蹤滅。\n孤舟蓑笠翁，獨釣寒江雪。"],
  ["met.ex.several", "移舟泊煙渚，日暮客愁新。野曠天低樹，江清月近人。\n千山鳥飛絕，萬徑人蹤滅。孤舟蓑笠翁，獨釣寒江雪。\n故人西辭黃鶴樓，煙花三月下揚州。孤帆遠影碧空盡，唯見長江天際流。"],
];

export function mount(root, app) {
  new Checker(root, app).open(app.kept);
}

class Checker {
  #controller = new AbortController();
  // The answer on all poems; which of several is open, as a string, "" for none; the answer on it.
  #answer = null;
  #open = "";
  #one = null;

  constructor(root, app) {
    this.app = app;
    const id = freshId("poem");
    this.text = el("textarea", { id, rows: 5, maxLength: LONGEST, lang: "zh-Hant", spellcheck: false,
      "aria-describedby": `${id}-help` });
    this.text.addEventListener("input", debounced(() => this.#judge(), TYPING));
    this.strict = toggle({ name: "met.strict", value: false, change: () => this.#judge(this.#open) });
    this.borrow = toggle({ name: "met.borrow", value: true, change: () => this.#judge(this.#open) });
    this.verdict = el("div", { class: "met-verdict", tabIndex: -1 });
    this.told = el("p", { class: "off", role: "status" });
    root.append(
      el("div", { class: "lead" }, app.say(el("h2"), "met.title"), app.say(el("p", { class: "quiet" }), "met.lead")),
      el("div", { class: "met" },
        el("div", { class: "met-asked" },
          el("div", { class: "field" }, app.say(el("label", { htmlFor: id }), "met.text"), this.text,
            app.say(el("p", { class: "help", id: `${id}-help` }), "met.text.help")),
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
    this.#judge(kept.poem ?? "");
  }

  // Asks for the verdicts, and shows them; of several poems, the one with the number `open`.
  async #judge(open = "") {
    const { app, text } = this;
    const signal = this.#another(open);
    this.#answer = null;
    if (![...text.value].some(isHan)) return this.#show();
    if (!this.verdict.hasChildNodes()) this.verdict.append(busy("met.judging"));
    try {
      const answer = await app.api.post("v1/check/poems", this.#body(text.value), { signal });
      if (signal.aborted) return undefined;
      this.#answer = answer;
      this.#one = answer.only;
      return this.#shows(open) ? await this.#fetch(open, signal) : this.#show();
    } catch (failure) {
      return this.#fail(failure, signal, () => this.#judge(open));
    }
  }

  // Opens one of several poems, or, for "", goes back to all of them.
  async #turnTo(open) {
    const signal = this.#another(open);
    this.#one = null;
    try {
      if (open) await this.#fetch(open, signal);
      else this.#show();
      this.verdict.focus({ preventScroll: true });
      this.verdict.scrollIntoView({ block: "nearest" });
    } catch (failure) {
      this.#fail(failure, signal, () => this.#turnTo(open));
    }
  }

  #another(open) {
    const { app, text, strict, borrow } = this;
    this.#controller.abort();
    this.#controller = new AbortController();
    this.#open = open;
    app.keep({ text: text.value, strict: strict.value ? "1" : "", borrow: borrow.value ? "" : "0", poem: open });
    return this.#controller.signal;
  }

  #body(text) {
    return { text, strict: this.strict.value, borrow: this.borrow.value };
  }

  #shows(open) {
    return !this.#answer.only && this.#poem(open) !== undefined;
  }

  #poem(number) {
    return this.#answer.poems.find((poem) => String(poem.number) === number);
  }

  async #fetch(open, signal) {
    const one = await this.app.api.post("v1/check", this.#body(this.#poem(open).text), { signal });
    if (signal.aborted) return;
    this.#one = one;
    this.#show();
  }

  #fail(failure, signal, again) {
    if (!signal.aborted) this.verdict.replaceChildren(errorBox(failure, again));
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
    if (this.#one) this.#showOne(found);
    else {
      this.told.textContent = app.t("met.several", { count: found.poems.length });
      this.verdict.replaceChildren(notes(found), ...several(found, app, (number) => this.#turnTo(number)));
    }
  }

  #showOne(found) {
    const poem = found.only ? found.poems[0] : this.#poem(this.#open);
    [this.told.textContent] = this.#one.said[this.app.lang];
    const above = found.only ? notes(found) : button("met.back", () => this.#turnTo(""), "bare back");
    this.verdict.replaceChildren(above, ...verdict(this.#one, poem, this.app));
  }
}
