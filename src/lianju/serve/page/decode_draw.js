// Drawing a token from a distribution, with chances that a seed repeats.

const MOST = 16;

// A number in [0, 1) for a place of a poem: the same seed gives the same one, neighbours nothing
// alike (the mixing steps of splitmix32).
export function chance(seed, place) {
  let bits = Math.imul(seed, 0x85ebca6b) ^ Math.imul(place + 1, 0x9e3779b9);
  bits = Math.imul(bits ^ (bits >>> 16), 0x21f0aaad);
  bits = Math.imul(bits ^ (bits >>> 15), 0x735a2d97);
  return ((bits ^ (bits >>> 15)) >>> 0) / 2 ** 32;
}

// The token on which a random number falls when the last stage is laid end to end; null if it falls on one of
// those that the answer does not list.
export function fallsOn(step, random) {
  let end = 0;
  for (const choice of step.choices) {
    end += choice.probabilities.at(-1);
    if (random < end) return choice;
  }
  return null;
}

// What stands in the poem when a token is taken; "" for the one that ends it.
export function written(choice) {
  return choice.ends ? "" : choice.text.replaceAll("␣", " ").replaceAll("↵", "\n");
}

const isPart = (choice) => /^⟨.*⟩$/.test(choice.text);

// One draw as {text, ends}. A number that falls on a token that is not listed, or on a part of a character, is
// drawn by the server: characters from the same distribution, until one is not listed.
export async function draw(app, body, step, random, signal) {
  const hit = fallsOn(step, random);
  if (hit && !isPart(hit)) return { text: written(hit), ends: hit.ends };
  const listed = new Set(step.choices.filter((choice) => choice.probabilities.at(-1) && !isPart(choice))
    .map(written));
  const text = await unlisted(app, { ...body, seed: Math.floor(random * 2 ** 31) }, listed, signal);
  return { text, ends: text === "" };
}

// Has the server begin some poems, and takes the first character of the first that is not listed;
// "" stands for a poem that ends at once. If all are listed, the first of them.
async function unlisted(app, body, listed, signal) {
  const firsts = [];
  const enough = new AbortController();
  let found;
  const hear = ({ index, text }, over) => {
    const [first] = text.slice(body.prefix.length);
    if (first || over) firsts[index] ??= first ?? "";
    found = firsts[firsts.findIndex((each) => !listed.has(each))];
    if (found !== undefined) enough.abort();
  };
  const request = { ...body, verse: { ...body.verse, particles: 1 }, n: MOST };
  try {
    await app.api.stream("v1/poems", request, {
      signal: AbortSignal.any([signal, enough.signal]),
      draft: (draft) => hear(draft, false), poem: (poem) => hear(poem, true),
    });
  } catch (failure) {
    if (found === undefined) throw failure;
  }
  return found ?? firsts[0];
}
