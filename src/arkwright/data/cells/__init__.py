"""Cells: what was found becomes what the row class says, or a fault with its reason."""
