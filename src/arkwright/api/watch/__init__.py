"""The watch: production measured against what is promised of it, and what is done where a promise is broken."""
