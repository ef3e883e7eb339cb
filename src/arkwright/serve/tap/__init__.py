"""The tap: every prediction logged aside, found again, and joined with the labels that come later.

`writer.py` runs beside the event loop and imports nothing heavy; `compact.py` and `query.py` run in other processes.
"""
