"""The Open Inference Protocol v2 over gRPC, beside the one over REST."""
