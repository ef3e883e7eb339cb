"""Scans: the aggregates of data promises, in one pass over Parquet files or in one SQL query."""
