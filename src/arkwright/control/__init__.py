"""The control room: one application of all faces that speak HTTP, and the process that serves it."""
