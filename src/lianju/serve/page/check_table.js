// Several poems: totals for each form, and a table in which each one can be opened.

import { el } from "./dom.js";

const COUNTS = ["rhymes", "scans", "regular"];

// `found`: the answer of POST v1/check/poems; `open(number)` is called with a poem's number as a string.
export function several({ poems, totals, old_style: old }, app, open) {
  const { lang, say, t } = app;
  const head = (name, kind) => say(el("th", { scope: "col", class: kind }), name);
  return [
    el("div", { class: "sheet met-several" },
      say(el("h3"), "met.several", { count: poems.length }),
      el("div", { class: "scroll" }, el("table", { class: "met-totals" },
        el("thead", {}, el("tr", {}, head("met.form", ""),
          ...["poems", ...COUNTS].map((name) => head(`met.total.${name}`, "number")))),
        el("tbody", {}, ...totals.map((total) => el("tr", {},
          el("th", { scope: "row", textContent: total.form[lang] }),
          el("td", { class: "number", textContent: total.poems.toLocaleString() }),
          ...COUNTS.map((name) => share(total[name], total.poems))))))),
      ...(old ? [say(el("p", { class: "help" }), "met.total.old", { old, count: poems.length })] : [])),
    el("table", { class: "sheet met-table" },
      say(el("caption", { class: "off" }), "met.table"),
      el("thead", {}, el("tr", {}, ...["number", "poem-of", "form", "style", "rhyme", "brief"]
        .map((name) => head(`met.${name}`, name)))),
      el("tbody", {}, ...poems.map((poem) => row(poem, app, open)))),
  ];

  function share(count, total) {
    return el("td", { class: "number" }, `${count.toLocaleString()} `,
      el("span", { class: "quiet", textContent: t("met.share", { share: `${Math.round((100 * count) / total)}%` }) }));
  }
}

function row(poem, app, open) {
  const { lang } = app;
  const about = [poem.title && `《${poem.title}》`, poem.author].filter(Boolean).join(" ");
  const press = el("button", { type: "button", class: "bare", lang: "zh-Hant", textContent: poem.opening,
    onclick: () => open(String(poem.number)) });
  app.label(press, "met.open", { number: poem.number, poem: poem.opening });
  const cell = (name, text) => el("td", { class: name, textContent: text });
  return el("tr", { class: poem.style },
    cell("number", poem.number),
    el("th", { scope: "row", class: "poem-of" }, press,
      ...(about ? [el("span", { class: "help", lang: "zh-Hant", textContent: about })] : [])),
    cell("form", poem.form_said[lang]), cell("style", poem.style_said[lang]),
    cell("rhyme", poem.rhyme), cell("brief", poem.brief[lang]));
}
