// The pop-over on a character: its readings, and what else the model weighed in its place.

import { busy, errorBox } from "./controls.js";
import { el, percent } from "./dom.js";
import { asBody } from "./share.js";
import { label, lang, onLang, say, t } from "./words.js";

const SHOWN = 8;
const LINGER = 250;

// One for the page. What it is given is {app, poem, request, cell, place, choose}: the poem of a
// character, the request it came from, the character's node, how many characters of couplet and
// text stand before it (undefined where that is not known), and what to call with the beginning
// of a poem to go on from.
export class Tap {
  #node; #about = null; #pinned = false; #timer; #asking; #known = new Map();

  constructor(root) {
    this.#node = el("div", { class: "tap sheet", role: "dialog", hidden: true });
    this.#node.addEventListener("pointerenter", () => clearTimeout(this.#timer));
    this.#node.addEventListener("pointerleave", (event) => {
      if (event.pointerType === "mouse") this.leave();
    });
    root.append(this.#node);
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !this.#node.hidden) this.close(true);
    });
    document.addEventListener("pointerdown", ({ target }) => {
      if (!this.#node.hidden && !this.#node.contains(target) && !target.closest?.(".ch")) this.close();
    });
    window.addEventListener("resize", () => this.close());
    onLang(() => this.#about && this.#show());
  }

  // Shows a character in passing, unless one is held open.
  peek(about) {
    clearTimeout(this.#timer);
    if (!this.#pinned) this.#open(about);
  }

  leave() {
    clearTimeout(this.#timer);
    if (!this.#pinned) this.#timer = setTimeout(() => this.#pinned || this.close(), LINGER);
  }

  // Holds a character open until the reader leaves it, and leads the keyboard there.
  press(about) {
    this.#pinned = true;
    this.#open(about);
    this.#node.focus({ preventScroll: true });
  }

  close(back = false) {
    clearTimeout(this.#timer);
    this.#asking?.abort();
    const cell = this.#about?.cell;
    const inside = this.#node.contains(document.activeElement);
    cell?.classList.remove("open");
    this.#about = null;
    this.#pinned = false;
    this.#node.hidden = true;
    if (back && inside) cell?.focus();
  }

  #open(about) {
    if (this.#about?.cell === about.cell) return;
    this.#asking?.abort();
    this.#about?.cell.classList.remove("open");
    this.#about = about;
    about.cell.classList.add("open");
    this.#show();
  }

  #show() {
    const { cell, poem, place } = this.#about;
    const character = characterOf(this.#about);
    label(this.#node, "tap.title.for", { character: character.character });
    this.#node.tabIndex = -1;
    const close = el("button", { type: "button", class: "bare close", textContent: "×" });
    label(close, "tap.close");
    close.addEventListener("click", () => this.close(true));
    this.#node.replaceChildren(close, readings(character, poem, cell));
    if (place === undefined || place < [...poem.couplet].length) {
      this.#node.append(say(el("p", { class: "help" }), "tap.given"));
    } else this.#weighed();
    this.#node.hidden = false;
    this.#settle();
  }

  // Asks for the alternatives, once for each place of a poem.
  async #weighed() {
    const about = this.#about;
    const { app, poem, request, place } = about;
    const begun = [...(poem.couplet + poem.text)].slice([...poem.couplet].length, place).join("");
    const { couplet, n, seed, max_tokens, prefix, ...rest } = asBody(request);
    const body = { ...rest, couplet: poem.couplet, prefix: begun, top: 24 };
    const key = JSON.stringify(body);
    const box = el("div", { class: "weighed" }, say(el("h4"), "tap.alternatives"), busy("tap.loading"));
    this.#node.append(box);
    this.#asking = new AbortController();
    try {
      if (!this.#known.has(key)) {
        this.#known.set(key, await app.api.post("v1/explore/next", body, { signal: this.#asking.signal }));
      }
      if (this.#about === about) box.replaceChildren(...this.#alternatives(this.#known.get(key), begun));
    } catch (failure) {
      if (failure.name === "AbortError" || this.#about !== about) return;
      box.replaceChildren(errorBox(failure, () => { box.remove(); this.#weighed(); }));
    }
    this.#settle();
  }

  #alternatives(answer, begun) {
    const { character } = characterOf(this.#about);
    const { choose } = this.#about;
    const rows = weigh(answer, character);
    const most = Math.max(...rows.map((row) => Math.max(row.before, row.after)), 1e-9);
    const list = el("ul", { class: "bars" }, ...rows.map((row) => {
      const chance = percent(row.before);
      const mine = row.text === character;
      const name = row.ends ? t("tap.end") : row.text;
      const inside = [el("span", { class: "token", lang: "zh-Hant", textContent: name }),
        bar(row, most), el("span", { class: "amount", textContent: chance })];
      if (mine || row.ends) {
        const fixed = el("div", { class: `choice ${mine ? "mine" : ""}`, role: "img" }, ...inside);
        return el("li", {}, label(fixed, mine ? "tap.chosen" : "tap.ends", { character: name, chance }));
      }
      const press = el("button", { type: "button", class: "choice" }, ...inside);
      press.addEventListener("click", () => choose(begun + row.text));
      press.classList.toggle("cut", !row.after);
      return el("li", {}, label(press, "tap.go", { character: row.text, chance }));
    }));
    const alone = rows.length < 2;
    return [say(el("h4"), "tap.alternatives"), list,
      say(el("p", { class: "help" }), alone ? "tap.ruled" : "tap.hint"),
      ...(alone ? [] : [say(el("p", { class: "help" }), "tap.key")])];
  }

  // Beside its character, within the window; on a phone the style sheet lays it at the bottom.
  #settle() {
    if (!this.#about) return;
    const at = this.#about.cell.getBoundingClientRect();
    const own = this.#node.getBoundingClientRect();
    const right = at.right + 10;
    const fits = right + own.width < document.documentElement.clientWidth - 8;
    const left = fits ? right : Math.max(8, at.left - own.width - 10);
    const top = Math.max(8, Math.min(at.top - 24, window.innerHeight - own.height - 8));
    this.#node.style.left = `${left + window.scrollX}px`;
    this.#node.style.top = `${top + window.scrollY}px`;
  }
}

function characterOf({ poem, cell: { dataset } }) {
  return poem.lines[dataset.line - 1].characters[dataset.position - 1];
}

// The character, large, and how it is read; of several readings the one taken here comes first.
function readings({ character, sign, readings: every, faults }, poem, { dataset }) {
  const tone = (reading) => t(reading[0] === "平" ? "tap.level" : "tap.oblique");
  const list = every.map((reading, place) => {
    const mark = `${reading[0] === "平" ? "○" : "●"} ${reading.slice(1)}`;
    const here = every.length > 1 && place === 0 ? ` · ${t("tap.here")}` : "";
    return el("li", {}, el("span", { lang: "zh-Hant", textContent: mark }),
      el("span", { class: "quiet", textContent: ` ${tone(reading)}${here}` }));
  });
  const told = poem.verdict.faults
    .filter((fault) => fault.line === Number(dataset.line) && fault.position === Number(dataset.position))
    .filter((fault) => faults.includes(fault.rule))
    .map((fault) => el("p", { class: "wrong help", textContent: fault[`words_${lang()}`] }));
  return el("div", { class: "reading" },
    el("span", { class: "large", lang: "zh-Hant", textContent: character }),
    el("div", {}, el("ul", {}, ...list),
      ...(sign === "◌" ? [el("p", { class: "help", textContent: t("tap.unknown") })] : []), ...told));
}

// What can be told of the alternatives: {text, ends, before, after}, the likeliest first. `before`
// is what the model thinks under the rules, `after` the chance of being drawn with these settings.
function weigh({ stages, choices }, character) {
  const under = stages.some((stage) => stage.name === "rules") ? 1 : 0;
  const rows = choices
    .filter((choice) => choice.ends || !choice.text.startsWith("⟨"))
    .filter((choice) => choice.cut_at === null || choice.cut_at > under)
    .map(({ text, ends, probabilities }) =>
      ({ text, ends, before: probabilities[under], after: probabilities.at(-1) }))
    .sort((a, b) => b.before - a.before);
  const mine = rows.findIndex((row) => row.text === character);
  return rows.filter((row, place) => place < SHOWN || place === mine);
}

function bar({ before, after }, most) {
  const share = (tag, value) => {
    const strip = el("i", { class: tag });
    strip.style.width = `${(100 * value) / most}%`;
    return strip;
  };
  return el("span", { class: "track", "aria-hidden": "true" }, share("new", after), share("old", before));
}
