// Calls the gateway with the published OpenAI client, unmodified. The URL of the
// gateway is the argument; what goes wrong ends it with an error.
import assert from "node:assert/strict";
import OpenAI from "openai";

const gateway = process.argv[2];
const messages = [{ role: "user", content: "Is it warm outside?" }];

// The two ways to an endpoint: by its URL, and by the model of the body.
for (const [baseURL, model] of [
  [`${gateway}/v1/chat`, "whatever"],
  [`${gateway}/openai/v1`, "chat"],
]) {
  const client = new OpenAI({ baseURL, apiKey: "none", maxRetries: 0 });

  const chat = await client.chat.completions.create({ model, messages });
  assert.equal(chat.choices[0].message.content, "Yes, it is.");
  assert.equal(chat.model, "chat-7b");
  assert.ok(chat._request_id);

  const stream = await client.chat.completions.create({ model, messages, stream: true });
  let text = "";
  for await (const part of stream) text += part.choices[0].delta.content;
  assert.equal(text, "Yes, it is.");

  const endless = await client.chat.completions.create({ model, messages, stream: true, user: "endless" });
  for await (const part of endless) {
    assert.equal(part.choices[0].delta.content, "on and ");
    endless.controller.abort();
  }

  const response = await client.responses.create({ model, input: "Is it warm outside?" });
  assert.equal(response.output_text, "Yes, it is.");

  const embedding = await client.embeddings.create({ model, input: "warm", encoding_format: "float" });
  assert.deepEqual(embedding.data[0].embedding, [0.25, 0.5]);

  const models = [];
  for await (const m of await client.models.list()) models.push(m.id);
  assert.deepEqual(models, baseURL.endsWith("/openai/v1") ? ["chat"] : ["chat-7b"]);
}

const client = new OpenAI({ baseURL: `${gateway}/openai/v1`, apiKey: "none", maxRetries: 0 });
await assert.rejects(client.chat.completions.create({ model: "chatt", messages }), (err) => {
  assert.ok(err instanceof OpenAI.NotFoundError);
  assert.equal(err.code, "model_not_found");
  assert.match(err.message, /did you mean "chat"/);
  return true;
});
