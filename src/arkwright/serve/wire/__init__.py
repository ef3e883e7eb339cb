"""HTTP/1.1 and its limits: from bytes to requests, and back."""
