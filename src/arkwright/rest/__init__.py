"""REST: every verb, generated from the functions themselves."""
