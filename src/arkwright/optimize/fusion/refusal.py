"""Why a function stays in Python."""


class NotFusable(Exception):
    """A features function that cannot be put into the graph exactly; the message says what stands in the way."""
