"""The walk through the rooms: raw rows in, a release (or a refusal with its evidence) out."""
