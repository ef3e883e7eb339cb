"""The user's folder: `arkwright.toml` says what must hold, the code beside it says how."""
