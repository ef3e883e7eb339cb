"""The tracking and registry API that unmodified MLflow clients speak."""
