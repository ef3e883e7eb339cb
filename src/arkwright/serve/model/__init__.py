"""A release ready to answer: its graph, its rows, its safeguards, its words."""
