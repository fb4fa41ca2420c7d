// Asks the server at argv[3] with the `openai` package of the folder argv[2]; prints JSON.
import { createRequire } from "node:module";
import { join } from "node:path";

const OpenAI = createRequire(join(process.argv[2], "package.json"))("openai");
const baseURL = `${process.argv[3]}/v1`;
const client = new OpenAI({ apiKey: "key", baseURL, timeout: 20000 });
const couplet = "白日依山盡，黃河入海流。";
const common = { model: "tiny", top_p: 1, max_tokens: 30, seed: 3 };
const talk = { ...common, messages: [{ role: "user", content: couplet }] };
const text = { ...common, prompt: couplet };
const seen = {};

seen.models = [];
for await (const model of client.models.list()) seen.models.push(model.id);

seen.completion = await client.completions.create({ ...text, n: 2, logprobs: 1 });
seen.completionText = "";
for await (const chunk of await client.completions.create({ ...text, stream: true }))
  seen.completionText += chunk.choices[0].text;

seen.chat = await client.chat.completions.create({ ...talk, logprobs: true, top_logprobs: 2 });
const stream = client.chat.completions.stream({
  ...talk,
  logprobs: true,
  top_logprobs: 2,
  stream_options: { include_usage: true },
});
seen.deltas = [];
stream.on("content", (delta) => seen.deltas.push(delta));
seen.streamed = await stream.finalChatCompletion();
seen.verse = await client.chat.completions.create({ ...talk, max_tokens: null, verse: {} });

seen.errors = {};
for (const [name, change] of Object.entries({
  temperature: { temperature: "hot" },
  model: { model: "gpt-4o" },
})) {
  try {
    await client.chat.completions.create({ ...talk, ...change });
  } catch (error) {
    const { status, param, type, code } = error;
    seen.errors[name] = { class: error.constructor.name, status, param, type, code };
  }
}
console.log(JSON.stringify(seen));
