"""Readers: every kind of source as batches of rows as they were found."""
