// Two poems from the same place with the same seed and two sets of settings, and where they part.

import { busy, button, errorBox } from "./controls.js";
import { el } from "./dom.js";

// Where the lines of two poems have different characters: [{line, place, a, b}], "" where a poem
// has none; and how many places there are in all.
export function partings(one, other) {
  const found = [];
  let total = 0;
  for (let at = 0; at < Math.max(one.length, other.length); at += 1) {
    const [a, b] = [one, other].map((lines) => [...(lines[at]?.text ?? "")]);
    const length = Math.max(a.length, b.length);
    total += length;
    for (let place = 0; place < length; place += 1) {
      if (a[place] !== b[place]) {
        found.push({ line: at + 1, place: place + 1, a: a[place] ?? "", b: b[place] ?? "" });
      }
    }
  }
  return { found, total };
}

// `bodies()` gives the two requests without what makes them one of whole poems; `seed()` the seed.
export function both(app, bodies, seed) {
  let controller = new AbortController();
  let poems = null;
  const write = button("lab.both", () => ask(), "main");
  const result = el("div", { class: "lab-poems", "aria-live": "polite" });
  const node = el("section", { class: "lab-both" },
    el("div", { class: "row" }, write, app.say(el("p", { class: "help" }), "lab.both.help")), result);

  async function ask() {
    controller.abort();
    controller = new AbortController();
    const { signal } = controller;
    result.replaceChildren(busy("lab.both.writing"));
    try {
      const answers = await Promise.all(bodies().map((body) => app.api.post("v1/poems",
        { ...body, verse: { ...body.verse, particles: 1 }, n: 1, seed: seed() }, { signal })));
      poems = answers.map((answer) => answer.poems[0]);
      show();
    } catch (failure) {
      if (failure.name !== "AbortError") result.replaceChildren(errorBox(failure, ask));
    }
  }

  function show() {
    if (!poems) return;
    const { found, total } = partings(poems[0].lines, poems[1].lines);
    const [first] = found;
    const nothing = app.t("lab.both.nothing");
    const words = first
      ? app.t("lab.both.part", { ...first, a: first.a || nothing, b: first.b || nothing,
        count: found.length, total })
      : app.t("lab.both.same");
    result.replaceChildren(el("p", { textContent: words }),
      el("div", { class: "lab-pair" }, ...poems.map((poem, at) => drawn(poem, "AB"[at], found))));
  }

  function drawn(poem, letter, found) {
    const verse = app.poem(poem.lines, { view: { tones: false, rhymes: true } });
    found.forEach(({ line, place }, number) => {
      const cell = verse.querySelector(`.ch[data-line="${line}"][data-position="${place}"]`);
      cell?.classList.add("parts");
      if (!number) cell?.classList.add("first");
    });
    return el("figure", { class: "sheet" }, el("figcaption", { textContent: letter }), verse);
  }

  function clear() {
    controller.abort();
    poems = null;
    result.replaceChildren();
  }

  app.onLang(show);
  return { node, clear };
}
