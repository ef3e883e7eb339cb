"""The processes of a server: one that people start, and its workers."""
