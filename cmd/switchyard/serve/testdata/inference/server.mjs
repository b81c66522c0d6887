// A model server of the Open Inference Protocol. It prints its address, then a line for
// each call that its caller gave up, and ends with its standard input.
import grpc from "@grpc/grpc-js";
import { Service } from "./service.mjs";

const { status } = grpc;

// infer doubles the first input, whichever way it is written.
function infer(request) {
  const [input] = request.inputs;
  const output = { name: "y", datatype: input.datatype, shape: input.shape };
  const answer = { model_name: request.model_name, model_version: "3", id: request.id, parameters: request.parameters, outputs: [output] };
  if (request.raw_input_contents.length > 0) {
    answer.raw_output_contents = request.raw_input_contents.map((raw) => raw.map((b) => 2 * b));
    return answer;
  }
  output.contents = {
    fp32_contents: input.contents.fp32_contents.map((x) => 2 * x),
    int64_contents: input.contents.int64_contents.map((x) => 2 * x),
  };
  return answer;
}

// refusal is the error of a call that names no model that is here.
function refusal(name) {
  if (name === "model") return null;
  const metadata = new grpc.Metadata();
  metadata.set("x-model-state", "unloaded");
  return { code: status.NOT_FOUND, details: `no model ${name}: 100 % certain`, metadata };
}

const cost = () => {
  const metadata = new grpc.Metadata();
  metadata.set("x-cost", "3");
  return metadata;
};

const handlers = {
  ServerLive: (_, reply) => reply(null, { live: true }),
  ServerReady: (_, reply) => reply(null, { ready: true }),
  ModelReady: (call, reply) => reply(null, { ready: call.request.name === "model" }),
  ServerMetadata: (_, reply) => reply(null, { name: "server", version: "1", extensions: ["model_repository"] }),
  ModelMetadata: (call, reply) =>
    reply(refusal(call.request.name), {
      name: call.request.name,
      versions: ["3"],
      platform: "test",
      inputs: [{ name: "x", datatype: "FP32", shape: [-1, 2] }],
      outputs: [{ name: "y", datatype: "FP32", shape: [-1, 2] }],
    }),
  ModelInfer: (call, reply) => {
    if (call.request.model_name === "slow") {
      call.on("cancelled", () => console.log("given up"));
      return;
    }
    const refused = refusal(call.request.model_name);
    if (refused) reply(refused);
    else reply(null, infer(call.request), cost());
  },
  ModelStreamInfer: (call) => {
    call.on("data", (request) => {
      const refused = refusal(request.model_name);
      if (refused) call.emit("error", refused);
      else call.write({ infer_response: infer(request) });
    });
    call.on("cancelled", () => console.log("given up"));
    call.on("end", () => call.end(cost()));
  },
};

const server = new grpc.Server();
server.addService(Service.service, Object.fromEntries(Object.entries(handlers).filter(([name]) => name in Service.service)));
server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (err, port) => {
  if (err) throw err;
  console.log(`http://127.0.0.1:${port}`);
});
process.stdin.on("end", () => process.exit(0)).resume();
