// The field for an acrostic 藏頭: the characters that the lines to come begin with.

import { el, freshId, isHan } from "./dom.js";
import { textLines } from "./verse.js";

const LONGEST = 20;
const LINES = { wujue: [4], qijue: [4], wulu: [8], qilu: [8], auto: [4, 8] };

// {node, word, value, look(form, couplet)}; `look` shows what the characters lack for a form.
export function acrosticField(app, change) {
  const id = freshId("acrostic");
  const input = el("input", {
    type: "text", id, maxLength: LONGEST, lang: "zh-Hant", autocomplete: "off", spellcheck: false,
    oninput: change, "aria-describedby": `${id}-word`,
  });
  const word = el("p", { class: "help", id: `${id}-word`, role: "status", hidden: true });
  const node = el("div", { class: "choice-of acrostic" }, app.say(el("label", { htmlFor: id }), "acrostic.name"), input);

  function look(form, couplet) {
    const characters = [...input.value].filter(isHan);
    const free = form === "free";
    node.hidden = free;
    word.hidden = free;
    word.classList.remove("wrong");
    if (!characters.length) {
      app.say(word, "acrostic.help");
      return;
    }
    const heads = textLines(couplet).slice(0, 2).map((line) => line.characters[0]).join("");
    const lines = LINES[form];
    const whole = lines.includes(characters.length) && characters.slice(0, 2).join("") === heads;
    const fits = whole || lines.includes(characters.length + 2);
    word.classList.toggle("wrong", !fits);
    app.say(word, fits ? "acrostic.fits" : "acrostic.odd", {
      wanted: lines.map((number) => number - 2).join(app.t("acrostic.or")), count: characters.length,
      lines: characters.slice(whole ? 2 : 0).join(app.t("acrostic.and")),
    });
  }

  return {
    node, word, look,
    get value() { return input.value.trim(); },
    set value(wanted) { input.value = wanted; },
  };
}
