"""The corridor: every verb there is. Each is `verb(site, by, project, …) -> noun`; the faces only call these."""
