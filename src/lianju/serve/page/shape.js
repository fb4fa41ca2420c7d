// What stands in the field for the couplet: whether it is one, and the word on what it lacks.

import { isHan } from "./dom.js";
import { textLines, usualStop } from "./verse.js";

export const LONGEST_COUPLET = 200;
// The forms' lines, and the form of as many lines with lines of the other length.
export const LENGTHS = { wujue: 5, wulu: 5, qijue: 7, qilu: 7 };
export const TWINS = { wujue: "qijue", wulu: "qilu", qijue: "wujue", qilu: "wulu" };
// Poems in a row, by their characters, and the characters of their lines.
const RUNS = { 20: 5, 28: 7, 40: 5, 56: 7 };
const MOST_LINES = 6;

// {key, lengths}: the key of the word on a text, "" for a couplet that suits `form`, and how long its
// lines are. Ends in .one or .run: a second line is wanted; .whole: a poem; .long: no couplet.
export function shapeWord(text, form) {
  const lines = text.split(/[^\p{Script=Han}〇□]+/u).filter(Boolean);
  const lengths = lines.map((line) => [...line].length);
  const found = (key) => ({ key: key && `write.shape${key}`, lengths });
  if (!lengths.length || [...text].some(isForeign)) return found(text.length > LONGEST_COUPLET ? ".long" : ".none");
  if (isWhole(lengths)) return found(".whole");
  if (text.length > LONGEST_COUPLET) return found(".long");
  if (lengths.length > 2) return found(".many");
  const length = lineLength(lengths);
  if (lengths.length === 1 && ![5, 7].includes(length)) return found(lengths[0] < 10 ? ".one" : ".run");
  if (![5, 7].includes(length) || lengths.some((each) => each !== lengths[0])) return found(".odd");
  return found((LENGTHS[form] ?? length) === length ? "" : ".form");
}

// Ten or fourteen characters in a row are two lines, see inTwo.
export function lineLength(lengths) {
  return lengths.length === 1 ? lengths[0] / 2 : lengths[0];
}

// Ten or fourteen characters without punctuation are two lines of equal length.
export function inTwo(text) {
  const characters = [...text];
  const half = characters.length / 2;
  return [5, 7].includes(half) && characters.every(isHan) ? coupletOf(characters, half) : text;
}

// The first couplet of a whole poem, whatever stands above it.
export function firstCouplet(text) {
  const lines = textLines(text);
  const length = commonest(lines.map(({ characters }) => characters.length));
  if (lines.length === 1) return coupletOf(lines[0].characters, RUNS[length]);
  const first = lines.findIndex(({ characters }) => characters.length === length);
  return lines.slice(first, first + 2)
    .map(({ characters, stop }, place) => characters.join("") + ([...stop.trim()][0] ?? usualStop(place)))
    .join("");
}

function coupletOf(characters, length) {
  const [one, other] = [0, length].map((start) => characters.slice(start, start + length).join(""));
  return `${one}${usualStop(0)}${other}${usualStop(1)}`;
}

const isForeign = (character) => /[\p{L}\p{N}]/u.test(character) && !isHan(character);

function isWhole(lengths) {
  if (lengths.length === 1) return lengths[0] in RUNS;
  const length = commonest(lengths);
  return lengths.length > MOST_LINES || lengths.filter((each) => each === length).length > 3;
}

function commonest(lengths) {
  const count = (length) => lengths.filter((each) => each === length).length;
  return lengths.reduce((best, each) => (count(each) > count(best) ? each : best), lengths[0]);
}
