"""Rows and predictions as Arrow IPC streams."""
