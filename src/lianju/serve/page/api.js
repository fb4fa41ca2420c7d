// Talking to the server that the page came from.

const KEY = "lianju.key";
let keyWanted = null;
let asking = null;

// What the server refused: `status` 0 if it could not be reached; `said` in its own words, {en, zh},
// each empty if it has none; `param` the field at fault, if one is; `after` the seconds to wait, if
// it says so.
export class Failure extends Error {
  constructor(status, said = { en: "", zh: "" }, param = null, after = null) {
    super(said.en);
    Object.assign(this, { status, said, param, after });
  }
}

const saidIn = (answer) => ({ en: answer.error.message, zh: answer.message_zh ?? "" });

// `ask(wrong)` gives a promise of the API key that the reader types, "" if none.
export function onKeyWanted(ask) {
  keyWanted = ask;
}

export async function get(path, { signal } = {}) {
  return (await request(path, { signal })).json();
}

export async function text(path, { signal } = {}) {
  return (await request(path, { signal })).text();
}

export async function post(path, body, { signal } = {}) {
  return (await request(path, sent(body, signal))).json();
}

// Reads server-sent events; calls the function named like each event with its data. Resolves when
// the stream has ended with `done`.
export async function stream(path, body, { signal, ...on }) {
  const response = await request(path, sent({ ...body, stream: true }, signal));
  let ended = false;
  for await (const { event, data } of unbroken(events(response.body))) {
    const value = JSON.parse(data);
    if (event === "error") {
      throw new Failure(value.error.code === "timeout" ? 504 : 500, saidIn(value));
    }
    ended ||= event === "done";
    on[event]?.(value);
  }
  if (!ended) throw new Failure(0);
}

// A connection that breaks is a failure like any other; a reader who stops is none.
async function* unbroken(items) {
  try {
    yield* items;
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Failure(0);
  }
}

function sent(body, signal) {
  const headers = { "content-type": "application/json" };
  return { method: "POST", headers, body: JSON.stringify(body), signal };
}

async function request(path, options) {
  const key = sessionStorage.getItem(KEY);
  const headers = { ...options.headers, ...(key ? { authorization: `Bearer ${key}` } : {}) };
  let response;
  try {
    response = await fetch(path, { ...options, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Failure(0);
  }
  if (response.ok) return response;
  if (response.status === 401 && (await newKey(key))) return request(path, options);
  throw await failure(response);
}

// Asks the reader for a key, once for all requests that wait; false if none was given.
async function newKey(tried) {
  if (sessionStorage.getItem(KEY) !== tried) return true;
  asking ??= keyWanted(tried !== null).finally(() => { asking = null; });
  const key = await asking;
  if (key) sessionStorage.setItem(KEY, key);
  return Boolean(key);
}

async function failure(response) {
  const after = Number(response.headers.get("retry-after")) || null;
  try {
    const answer = await response.json();
    return new Failure(response.status, saidIn(answer), answer.error.param, after);
  } catch {
    const { status, statusText } = response;
    return new Failure(status, { en: `${status} ${statusText}`, zh: String(status) }, null, after);
  }
}

// The events of a text/event-stream body: {event, data}.
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const blocks = (rest + value.replaceAll("\r", "")).split("\n\n");
      rest = blocks.pop();
      for (const block of blocks) {
        const event = parsed(block);
        if (event.data) yield event;
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

function parsed(block) {
  const event = { event: "message", data: "" };
  for (const line of block.split("\n")) {
    const [, name, value] = /^(\w+): ?(.*)$/.exec(line) ?? [];
    if (name === "event") event.event = value;
    if (name === "data") event.data += value;
  }
  return event;
}
