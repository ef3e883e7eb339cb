"""Training: which rows are held out, the user's fit, and an estimator kept as data only."""
