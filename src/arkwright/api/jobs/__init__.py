"""Verbs that take long, each in a process of its own."""
