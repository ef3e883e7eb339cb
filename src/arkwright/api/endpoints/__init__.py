"""Endpoints: what answers, on which terms, how it moves, what it answered."""
