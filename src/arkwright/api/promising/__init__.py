"""What has to hold: requirements, proposals, reviews."""
