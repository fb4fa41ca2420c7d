// A finished poem to look at before the first one is written; it needs no model.

import { button } from "./controls.js";
import { el } from "./dom.js";
import { drawPoem } from "./verse.js";

// The couplet is Wang Wei's, the rest is what a model that `lianju run` trained wrote to it.
const POEM = "空山新雨後，天氣晚來秋。一夜見雲去，不知春色愁。";
const WRITTEN_FROM = 3;

// {node, draw()}; `draw` asks the server for the marks. Without them there is nothing to show.
export function example(app, view) {
  const stage = el("div", { class: "stage" });
  const words = el("div", { class: "words" });
  const node = el("article", { class: "poem sheet example", hidden: true },
    el("header", {}, app.say(el("h3"), "example.title")), stage, words,
    el("footer", { class: "row" }, app.say(el("p", { class: "help" }), "view.legend"),
      button("example.check", () => app.go("check", { text: POEM }), "bare")));

  async function draw() {
    const { lines, said } = await app.api.post("v1/check", { text: POEM });
    const own = lines.map((line) => ({ ...line, copied: [], given: line.number < WRITTEN_FROM }));
    stage.replaceChildren(drawPoem(own, { view }));
    const show = () => words.replaceChildren(...said[app.lang].slice(0, 2)
      .map((textContent) => el("p", { class: "help", textContent })));
    app.onLang(show);
    show();
    node.hidden = false;
  }

  return { node, draw };
}
