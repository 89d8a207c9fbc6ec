// What the official Node client sends and reads, one exchange of each kind; run by test_node_client.py.
import fs from "node:fs";
import OpenAI, { toFile } from "openai";

const client = new OpenAI({ baseURL: process.argv[2], apiKey: "any", maxRetries: 0 });
const messages = [{ role: "user", content: "hello" }];
const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const tools = [{ type: "function", function: { name: "weather", parameters } }];
const model = "assay-chat";
const wav = fs.readFileSync(process.argv[3]);
const png = fs.readFileSync(process.argv[4]);

async function drained(stream) {
  let count = 0;
  for await (const _ of await stream) count += 1;
  if (count === 0) throw new Error("a stream without events");
}

await client.models.list();
await client.models.retrieve(model);
await client.chat.completions.create({ model, messages, n: 2, logprobs: true, stop: ["."] });
const called = await client.chat.completions.create({ model, messages, tools, tool_choice: "required" });
const call = called.choices[0].message;
const results = call.tool_calls.map((one) => ({ role: "tool", tool_call_id: one.id, content: "rain" }));
await client.chat.completions.create({ model, messages: [...messages, call, ...results], tools });
await drained(client.chat.completions.create({ model, messages, stream: true, stream_options: { include_usage: true } }));
await drained(client.chat.completions.create({ model, messages, tools, stream: true }));
await client.completions.create({ model: "assay-text", prompt: "Once", max_tokens: 4 });
await client.embeddings.create({ model: "text-embedding-3-small", input: ["otter", "river"] });
await client.embeddings.create({ model: "text-embedding-3-small", input: "otter", encoding_format: "float", dimensions: 8 });
await client.moderations.create({ input: "otter" });
await client.images.generate({ model: "gpt-image-1", prompt: "otter", size: "1024x1024" });
await client.images.edit({ model: "gpt-image-1", prompt: "otter", image: await toFile(png, "a.png", { type: "image/png" }) });
await client.audio.transcriptions.create({ model: "whisper-1", file: await toFile(wav, "a.wav", { type: "audio/wav" }) });
await (await client.audio.speech.create({ model: "tts-1", voice: "alloy", input: "hi", response_format: "wav" })).arrayBuffer();

const file = await client.files.create({ file: await toFile(Buffer.from("otter"), "a.txt"), purpose: "user_data" });
await client.files.retrieve(file.id);
await drained(client.files.list({ limit: 1 }));
await (await client.files.content(file.id)).text();
await client.files.delete(file.id);

const first = await client.responses.create({ model, input: "hello", store: true });
await client.responses.create({ model, input: "go on", previous_response_id: first.id });
await drained(client.responses.create({ model, input: "hello", stream: true }));
await client.responses.create({ model, input: "hello", tools: [{ type: "function", name: "weather", parameters, strict: false }] });
await client.responses.retrieve(first.id);
await drained(client.responses.inputItems.list(first.id));
await client.responses.delete(first.id);
const conversation = await client.conversations.create({ metadata: { a: "b" } });
await client.conversations.retrieve(conversation.id);
await client.conversations.delete(conversation.id);

for (const wrong of [() => client.chat.completions.create({ model, messages: [] }), () => client.models.retrieve("nobody")]) {
  let refused = false;
  await wrong().catch((error) => { refused = error instanceof OpenAI.APIError && Boolean(error.code); });
  if (!refused) throw new Error("a wrong call was not refused");
}
