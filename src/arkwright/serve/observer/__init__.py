"""What is noted of each request beside its answer: counters, traces, the access log, the log of predictions, labels."""
