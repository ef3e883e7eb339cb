"""The pages: what people look at and decide on. Rendered here; htmx replaces parts of them."""
