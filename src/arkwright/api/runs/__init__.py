"""Runs and what clients logged, to look at."""
