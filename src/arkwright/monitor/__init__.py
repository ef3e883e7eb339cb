"""The room where production is watched: rows become counts, counts are kept by the minute and added up to windows."""
