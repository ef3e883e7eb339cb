"""What comes over from an MLflow server."""
