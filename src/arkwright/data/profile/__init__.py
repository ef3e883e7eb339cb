"""Profiles: a dataset in numbers, for people to look at."""
