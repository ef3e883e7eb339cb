-- What was known at the end of June. Whatever came after that is traffic, which nobody had seen when the model was made.
SELECT * FROM flown WHERE scheduled_at < TIMESTAMP '2013-07-01'
