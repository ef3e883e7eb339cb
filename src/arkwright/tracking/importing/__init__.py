"""What an MLflow server elsewhere keeps, read over its REST API and written here."""
