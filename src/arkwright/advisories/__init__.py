"""The room of known vulnerabilities: advisories in OSV format, from a file or over HTTPS, held against packages."""
