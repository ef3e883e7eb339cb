"""Between requests and models: which release answers, and what is computed together."""
