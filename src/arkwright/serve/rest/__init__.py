"""What is answered over REST: raw rows, inference requests, and what asks about the server."""
