// The service as @grpc/proto-loader makes it from the proto.
import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";

const definition = loader.loadSync(process.env.PROTO, { keepCase: true, longs: Number, defaults: true, oneofs: true });

export const Service = grpc.loadPackageDefinition(definition).inference.GRPCInferenceService;
