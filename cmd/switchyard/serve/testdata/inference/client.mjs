// Calls the gateway with the published client of gRPC, unmodified. The arguments are the
// address of the gateway, the endpoint to name in the metadata or "" where the path is
// enough, and for TLS the file of the authority and the host that it vouches for. What
// goes wrong ends it with an error.
import assert from "node:assert/strict";
import fs from "node:fs";
import grpc from "@grpc/grpc-js";
import { Service } from "./service.mjs";

const [address, endpoint, authority, host] = process.argv.slice(2);
const { status } = grpc;

const client = authority
  ? new Service(address, grpc.credentials.createSsl(fs.readFileSync(authority)), { "grpc.ssl_target_name_override": host })
  : new Service(address, grpc.credentials.createInsecure());

// named is the metadata that names an endpoint.
function named(name = endpoint) {
  const metadata = new grpc.Metadata();
  if (name) metadata.set("x-switchyard-endpoint", name);
  return metadata;
}

const patience = () => ({ deadline: Date.now() + 60_000 });

// call makes a unary call; its answer has the trailers beside the message.
function call(method, request, { metadata = named(), options = patience(), during } = {}) {
  return new Promise((resolve, reject) => {
    let trailers;
    const made = client[method](request, metadata, options, (err, message) => {
      if (err) reject(err);
      else setImmediate(() => resolve({ message, trailers }));
    });
    made.on("status", (s) => (trailers = s.metadata));
    during?.(made);
  });
}

const tensor = (contents) => ({ name: "x", datatype: "FP32", shape: [1, 2], contents });
const inference = (more) => ({ model_name: "model", id: "7", inputs: [tensor({ fp32_contents: [0.5, 2] })], ...more });

// One message each way.
assert.equal((await call("ServerLive", {})).message.live, true);
assert.equal((await call("ServerReady", {})).message.ready, true);
assert.equal((await call("ModelReady", { name: "model" })).message.ready, true);
assert.deepEqual((await call("ServerMetadata", {})).message.extensions, ["model_repository"]);
assert.deepEqual((await call("ModelMetadata", { name: "model" })).message.inputs, [{ name: "x", datatype: "FP32", shape: [-1, 2] }]);

const { message, trailers } = await call("ModelInfer", inference({ parameters: { threshold: { double_param: 0.25 }, trace: { bool_param: true } } }));
assert.equal(message.id, "7");
assert.deepEqual(message.outputs[0].contents.fp32_contents, [1, 4]);
assert.equal(message.parameters.threshold.double_param, 0.25);
assert.equal(message.parameters.trace.bool_param, true);
assert.deepEqual(trailers.get("x-cost"), ["3"]);

const raw = Buffer.alloc(3 << 20, 21);
const large = await call("ModelInfer", inference({ inputs: [{ name: "x", datatype: "UINT8", shape: [raw.length] }], raw_input_contents: [raw] }));
assert.ok(large.message.raw_output_contents[0].equals(Buffer.alloc(raw.length, 42)));

// Errors: the server's own with its details and trailers, and the gateway's.
await assert.rejects(call("ModelInfer", inference({ model_name: "other" })), (err) => {
  assert.equal(err.code, status.NOT_FOUND);
  assert.equal(err.details, "no model other: 100 % certain");
  assert.deepEqual(err.metadata.get("x-model-state"), ["unloaded"]);
  return true;
});
if (endpoint) {
  await assert.rejects(call("ModelInfer", inference(), { metadata: named("modle") }), (err) => {
    assert.equal(err.code, status.NOT_FOUND);
    assert.match(err.details, /did you mean "model"/);
    return true;
  });
}

// Calls that end before their answer.
await assert.rejects(call("ModelInfer", inference({ model_name: "slow" }), { options: { deadline: Date.now() + 300 } }), { code: status.DEADLINE_EXCEEDED });
await assert.rejects(call("ModelInfer", inference({ model_name: "slow" }), { during: (made) => setTimeout(() => made.cancel(), 300) }), { code: status.CANCELLED });

// Many messages each way: each answer comes before the next message is sent.
if (client.ModelStreamInfer) {
  const stream = client.ModelStreamInfer(named(), patience());
  const ended = new Promise((resolve, reject) => stream.on("status", resolve).on("error", reject));
  const answers = stream[Symbol.asyncIterator]();
  for (let i = 0; i < 5; i++) {
    stream.write(inference({ id: String(i), inputs: [tensor({ int64_contents: [i] })] }));
    const { value } = await answers.next();
    assert.equal(value.infer_response.id, String(i));
    assert.deepEqual(value.infer_response.outputs[0].contents.int64_contents, [2 * i]);
  }
  stream.end();
  assert.equal((await answers.next()).done, true);
  assert.deepEqual((await ended).metadata.get("x-cost"), ["3"]);

  const failing = client.ModelStreamInfer(named(), patience());
  failing.write(inference());
  failing.write(inference({ model_name: "other" }));
  let heard = 0;
  await assert.rejects(
    (async () => {
      for await (const _ of failing) heard++;
    })(),
    (err) => {
      assert.equal(err.code, status.NOT_FOUND);
      assert.equal(err.details, "no model other: 100 % certain");
      return true;
    },
  );
  assert.equal(heard, 1);

  const left = client.ModelStreamInfer(named(), patience());
  left.write(inference());
  await assert.rejects(
    (async () => {
      for await (const _ of left) left.cancel();
    })(),
    { code: status.CANCELLED },
  );
}
client.close();
