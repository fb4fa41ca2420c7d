// A request for poems as the page holds it, and the same in the page's address.
//
// {couplet, model ("": the first), form, rhyme, acrostic, rhymes, given: {number: text}, prefix, n, temperature,
// top_k, top_p, max_tokens (0: as needed), seed}

// The part of each setting's range that is worth a slider.
export const RANGES = {
  temperature: { min: 0, max: 2, step: 0.05 },
  top_k: { min: 0, max: 100, step: 1 },
  top_p: { min: 0.05, max: 1, step: 0.05 },
  max_tokens: { min: 0, max: 128, step: 1 },
};
const NUMBERS = Object.keys(RANGES);
export const FORMS = ["auto", "wujue", "qijue", "wulu", "qilu", "free"];
export const MOST = 6;

// What a reader who chose nothing asks for; `settings` as GET v1/settings answers.
export function defaults(settings) {
  const numbers = Object.fromEntries(NUMBERS.map((name) => [name, settings.decode[name].default ?? 0]));
  const rules = { form: "auto", rhyme: "auto", acrostic: "", rhymes: "", given: {} };
  return { couplet: "", model: "", ...rules, prefix: "", n: 3, ...numbers };
}

// What the server is asked with. A poem in a form is as long as its form.
export function asBody({ model: name, form, rhyme, acrostic, rhymes, given, max_tokens: length, ...rest }) {
  const model = name || null;
  if (form === "free") return { ...rest, model, verse: { form }, max_tokens: length || null };
  return { ...rest, model, verse: { form, rhyme, acrostic, rhymes, given }, max_tokens: null };
}

// Names and strings for the address: what is as usual is left out. `index` is the poem meant.
export function toAddress(request, usual, index = 0) {
  const { given, couplet, seed, ...rest } = request;
  const values = { couplet };
  for (const [name, value] of Object.entries(rest)) {
    if (value !== usual[name]) values[name] = String(value);
  }
  for (const [number, text] of Object.entries(given)) values[`line${number}`] = text;
  values.seed = String(seed);
  if (index) values.poem = String(index + 1);
  return values;
}

// The way back. Strangers write addresses: what is no value of the setting is left as usual.
export function fromAddress(values, usual, groups) {
  const request = { ...usual, given: {} };
  if (values.couplet) request.couplet = values.couplet;
  if (values.model) request.model = values.model;
  if (values.prefix) request.prefix = values.prefix;
  if (values.acrostic) request.acrostic = values.acrostic;
  if (values.rhymes) request.rhymes = values.rhymes;
  if (FORMS.includes(values.form)) request.form = values.form;
  if (["off", ...groups].includes(values.rhyme)) request.rhyme = values.rhyme;
  for (const name of NUMBERS) {
    const { min, max } = RANGES[name];
    const asked = Number(values[name] || NaN);
    if (asked >= min && asked <= max) request[name] = asked;
  }
  for (const [name, text] of Object.entries(values)) {
    const number = /^line([1-9]\d*)$/.exec(name)?.[1];
    if (number) request.given[number] = text;
  }
  request.n = whole(values.n, 1, MOST) ?? usual.n;
  request.seed = whole(values.seed, 0, Number.MAX_SAFE_INTEGER);
  return { request, index: (whole(values.poem, 1, request.n) ?? 1) - 1 };
}

function whole(text, least, most) {
  const value = /^\d+$/.test(text ?? "") ? Number(text) : NaN;
  return value >= least && value <= most ? value : undefined;
}

export const freshSeed = () => crypto.getRandomValues(new Uint32Array(1))[0] % 1_000_000;
