// One candidate on its sheet: growing, then as verse with its verdict and what can be done with it.

import { busy, button, errorBox, notes } from "./controls.js";
import { el, gently, percent } from "./dom.js";
import { savePicture } from "./picture.js";
import { FORMS, asBody, freshSeed, toAddress } from "./share.js";
import { drawDraft, drawPoem, sourceWords, textLines } from "./verse.js";

const NUMBERS = "一二三四五六";
const MOST_SOURCES = 2;

// `desk` is what the sheets share: view(), how verse is set now; usual, the settings to begin with;
// tap, the pop-over; tell(key, values), for screen readers; toast(key), for all; changed(address),
// when another poem is to stand in the address.
export class Sheet {
  #app; #desk; #number; #versions = []; #shown = -1; #locked = new Set();
  #verse; #words; #foot; #head; #draft; #couplet = ""; #begun = false;

  constructor(app, desk, number) {
    this.#app = app;
    this.#desk = desk;
    this.#number = number;
    this.#head = el("header");
    this.#verse = el("div", { class: "stage" });
    this.#words = el("div", { class: "words" });
    this.#foot = el("footer", { class: "row" });
    this.node = el("article", { class: "poem sheet", tabIndex: -1 },
      this.#head, this.#verse, this.#words, this.#foot);
    this.speak();
  }

  // All words anew, in the language now.
  speak() {
    this.#app.label(this.node, "poem.number", this.#named());
    this.#showHead();
    if (this.finished) this.#showWords();
  }

  get #version() { return this.#versions[this.#shown]; }
  get #poem() { return this.#version?.poem; }
  get finished() { return this.#versions.length > 0; }
  get begun() { return this.finished || this.#begun; }

  // --- growing ---

  // `stop`: what stops this sheet alone, if it is written alone.
  begin(couplet, stop = null) {
    this.#draft = drawDraft(this.#desk.view());
    this.#couplet = /[\p{L}\p{N}]$/u.test(couplet) ? `${couplet}。` : couplet;
    this.draft({ text: "", settled: "" });
    this.#verse.replaceChildren(this.#draft.node);
    this.#words.replaceChildren();
    const word = this.#app.models.length ? "live.writing" : "live.waiting";
    this.#foot.replaceChildren(busy(word), ...(stop ? [button("write.stop", stop)] : []));
    this.node.classList.add("growing");
  }

  draft({ text, settled }) {
    this.#begun ||= text !== "";
    const before = [...this.#couplet].length;
    this.#draft.show(this.#couplet + text, before + [...settled].length);
  }

  // The poem has ended: it is set as verse, and stands as the newest version.
  settle(poem, request, index) {
    this.#versions.push({ poem, request, index });
    this.#show(this.#versions.length - 1);
  }

  // Writing ended before the poem did: back to the version before, if there is one. `failure`:
  // null if the reader stopped it; `request`: what another poem is asked for with.
  broken(failure, request, again) {
    this.node.classList.remove("growing");
    if (this.finished) this.#show(this.#versions.length - 1);
    else {
      this.#draft.node.removeAttribute("aria-hidden");
      const word = this.#app.say(el("p", { class: "help" }), failure ? "poem.unfinished" : "poem.stopped");
      const another = () => this.#write({ ...request, n: 1, seed: freshSeed() });
      this.#foot.replaceChildren(word, ...(failure ? [] : [button("poem.next", another)]));
    }
    if (failure && again) this.#words.prepend(errorBox(failure, again));
  }

  best(yes) {
    this.node.classList.toggle("best", yes);
    this.#showHead();
  }

  focus() {
    this.node.focus({ preventScroll: true });
    this.node.scrollIntoView({ block: "nearest", behavior: gently() });
  }

  // --- standing ---

  #show(version) {
    this.#shown = version;
    const { poem, request } = this.#version;
    const kept = new Set(Object.keys(request.given).map(Number));
    this.#locked = new Set([...kept].filter((number) => number <= poem.lines.length));
    this.node.classList.remove("growing");
    this.#verse.replaceChildren(this.#drawn(poem, request));
    this.#showHead();
    this.#showWords();
    this.#showFoot();
  }

  #drawn(poem, request) {
    const { tap } = this.#desk;
    const about = (cell) => ({
      app: this.#app, poem, request, cell, place: placeOf(poem, cell),
      choose: (prefix) => this.#write({ ...this.#fresh(Number(cell.dataset.line)), prefix }),
    });
    const couplet = textLines(poem.couplet).length;
    const node = drawPoem(poem.lines, {
      view: this.#desk.view(),
      stops: stopsOf(poem),
      on: {
        peek: (cell) => tap.peek(about(cell)),
        leave: () => tap.leave(),
        press: (cell) => tap.press(about(cell)),
      },
      tool: (line) => (line.number > couplet && request.form !== "free" ? this.#lock(line.number) : null),
    });
    node.classList.toggle("acrostic", Boolean(request.acrostic));
    return node;
  }

  #lock(number) {
    const lock = el("button", { type: "button", class: "lock", onclick: () => this.#turn(lock, number) },
      el("i", { "aria-hidden": "true" }));
    lock.setAttribute("aria-pressed", String(this.#locked.has(number)));
    return this.#app.label(lock, "poem.lock", { line: number });
  }

  #turn(lock, number) {
    const on = !this.#locked.has(number);
    if (on) this.#locked.add(number);
    else this.#locked.delete(number);
    lock.setAttribute("aria-pressed", String(on));
    this.#desk.tell(on ? "live.locked" : "live.unlocked", { line: number });
    this.#showFoot();
  }

  // Writes this sheet anew: what stands now stays as an earlier version.
  async #write(request) {
    const { api } = this.#app;
    this.#desk.tap.close();
    const stop = new AbortController();
    this.begin(this.#poem?.couplet ?? request.couplet, () => stop.abort());
    this.draft({ text: request.prefix, settled: request.prefix });
    this.focus();
    try {
      await api.stream("v1/poems", asBody(request), {
        signal: stop.signal,
        draft: (draft) => this.draft(draft),
        poem: (poem) => this.settle(poem, request, 0),
        done: (answer) => {
          this.#version.remarks = answer;
          this.#showWords();
          this.#changed();
        },
      });
      this.#desk.tell("live.poem", { ...this.#named(), text: this.#poem.text });
    } catch (failure) {
      const stopped = failure.name === "AbortError";
      this.broken(stopped ? null : failure, request, () => this.#write(request));
      if (stopped) this.#desk.tell("live.stopped");
    }
  }

  #changed() {
    this.#desk.changed(toAddress(this.#version.request, this.#desk.usual, this.#version.index));
  }

  // The rest around the locked lines; without any, another poem of the same kind.
  #again() {
    const { prefix } = this.#version.request;
    return this.#write({ ...this.#fresh(0), prefix: this.#locked.size ? "" : prefix });
  }

  // A request for one more poem, with those of the locked lines that come after line `after`.
  #fresh(after) {
    const { poem, request } = this.#version;
    const kept = [...this.#locked].filter((number) => number > after).sort((a, b) => a - b);
    const given = Object.fromEntries(kept.map((number) => [number, poem.lines[number - 1].text]));
    // The form that the model chose is the one that these lines stand in.
    const own = FORMS.find((name) => name === poem.form?.replace("ü", "u"));
    const form = kept.length && request.form === "auto" ? (own ?? "auto") : request.form;
    return { ...request, form, given, n: 1, seed: freshSeed() };
  }

  // --- head, words, foot ---

  #named() {
    return { number: this.#app.lang === "zh" ? NUMBERS[this.#number] : this.#number + 1 };
  }

  #showHead() {
    const { say, label } = this.#app;
    const turn = (key, by, sign) => {
      const to = this.#shown + by;
      const disabled = !this.#versions[to];
      const press = el("button", { type: "button", class: "bare", textContent: sign, disabled });
      press.addEventListener("click", () => this.#turnTo(to, by));
      return label(press, key);
    };
    this.#head.replaceChildren(say(el("h3"), "poem.number", this.#named()));
    if (this.node.classList.contains("best")) {
      this.#head.append(say(el("span", { class: "favourite" }), "poem.best"));
    }
    if (this.#versions.length < 2) return;
    const place = { version: this.#shown + 1, versions: this.#versions.length };
    this.#head.append(el("div", { class: "versions" }, turn("poem.older", -1, "‹"),
      say(el("span"), "poem.version", place), turn("poem.newer", 1, "›")));
  }

  #turnTo(version, by) {
    this.#show(version);
    this.#changed();
    const { length: versions } = this.#versions;
    this.#desk.tell("live.back", { version: version + 1, versions, text: this.#poem.text });
    const [older, newer] = this.#head.querySelectorAll(".versions button");
    const same = by < 0 ? older : newer;
    (same.disabled ? (by < 0 ? newer : older) : same).focus();
  }

  #showWords() {
    const { lang, say } = this.#app;
    const { poem, remarks } = this.#version;
    const parts = poem.verdict.said[lang].slice(0, 2)
      .map((text) => el("p", { class: "help", textContent: text }));
    if (poem.fault && poem.finish === "stop") parts.push(el("p", { class: "help wrong", textContent: lang === "zh" ? poem.fault_zh : poem.fault }));
    if (poem.finish === "length") parts.push(say(el("p", { class: "help wrong" }), "poem.cut"));
    parts.push(...this.#sources());
    // Old-style verse is not held to these rules.
    const [faults, noted] = poem.verdict.why ? [[], []] : [poem.verdict.faults, poem.verdict.remarks];
    parts.push(...noted.map((remark) => el("p", { class: "help", textContent: remark[`words_${lang}`] })));
    const open = Boolean(this.#words.querySelector("details[open]"));
    const summary = faults.length ? "poem.faults" : "poem.more";
    const told = faults.map((fault) => el("li", { textContent: fault[`words_${lang}`] }));
    parts.push(el("details", { open }, say(el("summary"), summary, { count: faults.length }),
      el("ul", { class: "faults" }, ...told), this.#numbers()));
    this.#words.replaceChildren(...(remarks ? [notes(remarks)] : []), ...parts);
  }

  // Where the lines stand that were not written but remembered.
  #sources() {
    const { t, lang } = this.#app;
    return this.#poem.lines.filter((line) => line.copied.length).map((line) => {
      const named = line.copied.slice(0, MOST_SOURCES).map((source) => sourceWords(source, t));
      const more = line.copied.length - MOST_SOURCES;
      if (more > 0) named.push(t("poem.others", { count: lang === "zh" ? line.copied.length : more }));
      const sources = named.join(lang === "zh" ? "、" : ", ");
      return el("p", { class: "help source" }, el("i", { "aria-hidden": "true", textContent: "※ " }),
        t("poem.copied", { line: line.number, sources }));
    });
  }

  #numbers() {
    const { poem, request } = this.#version;
    const key = request.form === "free" ? "poem.numbers.free" : "poem.numbers";
    return this.#app.say(el("p", { class: "help numbers" }), key, {
      seed: request.seed, choices: Math.exp(-poem.logprob_per_character).toFixed(1),
      allowed: percent(Math.exp(poem.allowed)),
    });
  }

  #showFoot() {
    const { poem, request } = this.#version;
    const again = button(this.#locked.size ? "poem.redraw" : "poem.next", () => this.#again());
    again.disabled = this.#locked.size > 0 && this.#locked.size === this.#verse.querySelectorAll(".lock").length;
    this.#foot.replaceChildren(
      again,
      el("div", { class: "row tools" },
        button("poem.copy", () => this.#give(inCouplets(poem), "live.copied"), "bare"),
        button("poem.share", () => this.#shareLink(), "bare"),
        button("poem.picture", () => this.#save(), "bare"),
        button("poem.decode", () => this.#app.go("decode", insideOf(poem, request)), "bare")));
  }

  #save() {
    const vertical = Boolean(this.#verse.querySelector(".vertical"));
    return savePicture(this.#poem, stopsOf(this.#poem), vertical);
  }

  #shareLink() {
    this.#changed();
    this.#give(location.href, "share.copied");
  }

  // To the clipboard; where the browser refuses, into a field to copy from.
  async #give(text, done) {
    this.#words.querySelector(".given-text")?.remove();
    try {
      await navigator.clipboard.writeText(text);
      this.#desk.toast(done);
    } catch {
      const field = el("textarea", { readOnly: true, rows: 3, value: text });
      this.#words.append(el("label", { class: "given-text help" },
        this.#app.say(el("span"), "poem.copy.failed"), field));
      field.select();
    }
  }
}

// A poem as text, a couplet a row.
function inCouplets(poem) {
  const stops = stopsOf(poem);
  return poem.lines.map((line, place) => line.text + stops[place] + (place % 2 ? "\n" : "")).join("").trim();
}

// What punctuation follows each line.
function stopsOf(poem) {
  const lines = textLines(poem.couplet + poem.text);
  return poem.lines.map(({ text }, place) =>
    (lines[place]?.characters.join("") === text ? lines[place].stop : ""));
}

// How many characters of couplet and text stand before a cell's; undefined where line and text
// differ.
function placeOf(poem, { dataset }) {
  const { places = [], characters } = textLines(poem.couplet + poem.text)[dataset.line - 1] ?? {};
  const at = dataset.position - 1;
  const same = characters?.[at] === poem.lines[dataset.line - 1].characters[at].character;
  return same ? places[at] : undefined;
}

// The next-token laboratory, at the beginning of the poem's third line, with the same settings.
function insideOf({ couplet }, { form, temperature, top_k, top_p, seed }) {
  return { couplet, form, temperature, top_k, top_p, seed };
}
