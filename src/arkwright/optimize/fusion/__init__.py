"""The project's polars `features` as part of the model's graph, where that is exact."""
