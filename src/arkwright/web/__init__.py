"""What the faces that speak HTTP share: who asks, what they may, how errors are told. Above it REST, pages, MLflow."""
