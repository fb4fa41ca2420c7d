// The fields for characters that have their places: the acrostic 藏頭, with which the lines to come
// begin, and the rhymes 限韻, with which the even ones end.

import { el, freshId, isHan } from "./dom.js";
import { textLines } from "./verse.js";

const LONGEST = 20;
const LINES = { wujue: [4], qijue: [4], wulu: [8], qilu: [8], auto: [4, 8] };
// Signs for a rhyme that is left open, as the server takes them.
const OPEN = "_＿〇？?□*.";

export const acrosticField = (app, change) => placesField(app, change, {
  name: "acrostic",
  read: (text) => [...text].filter(isHan),
  perPoem: (lines) => lines,
  own: (couplet) => couplet.map((line) => line.characters[0]),
});

export const rhymesField = (app, change) => placesField(app, change, {
  name: "rhymes",
  read: (text) => [...text].map((one) => (OPEN.includes(one) ? "" : one)).filter((one) => !one || isHan(one)),
  perPoem: (lines) => lines / 2,
  own: (couplet) => couplet.slice(1).map((line) => line.characters.at(-1)),
});

// {node, value, look(form, couplet)}; `look` shows what the characters lack for a form. `read`:
// the characters of a text, "" for an open one. `perPoem`: how many a whole poem has, of which its
// couplet has its `own`.
function placesField(app, change, { name, read, perPoem, own }) {
  const id = freshId(name);
  const input = el("input", {
    type: "text", id, maxLength: LONGEST, lang: "zh-Hant", autocomplete: "off", spellcheck: false,
    oninput: change, "aria-describedby": `${id}-word`,
  });
  const word = el("p", { class: "help", id: `${id}-word`, role: "status" });
  const node = el("div", { class: "choice-of places" },
    app.say(el("label", { htmlFor: id }), `${name}.name`), input, word);

  function look(form, couplet) {
    const characters = read(input.value);
    node.hidden = form === "free";
    word.classList.remove("wrong");
    if (node.hidden || !characters.length) {
      app.say(word, `${name}.help`);
      return;
    }
    const first = own(textLines(couplet).slice(0, 2));
    const counts = LINES[form].map(perPoem);
    const given = perPoem(2);
    const whole = counts.includes(characters.length) && first.length === given
      && first.every((one, at) => !characters[at] || characters[at] === one);
    const fits = whole || counts.includes(characters.length + given);
    word.classList.toggle("wrong", !fits);
    app.say(word, fits ? `${name}.fits` : `${name}.odd`, {
      wanted: counts.map((count) => count - given).join(app.t("places.or")), count: characters.length,
      lines: characters.slice(whole ? given : 0).map((one) => one || app.t("places.any")).join(app.t("places.and")),
    });
  }

  return {
    node, look,
    get value() { return input.value.trim(); },
    set value(wanted) { input.value = wanted; },
  };
}
