"""What a running server tells of itself: counters, an access log, traces. Nothing here may fail or delay a request."""
