"""A site elsewhere, with the API of one here: `arkwright.connect(url)`."""
