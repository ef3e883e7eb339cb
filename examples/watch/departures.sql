-- What was known at the end of June. Whatever came after that is traffic, which nobody had seen when the model was made.
-- Of every second hour, so that learning takes half as long; the traffic is that of the same hours.
SELECT * FROM flown
WHERE scheduled_at < TIMESTAMP '2013-07-01' AND EXTRACT(hour FROM scheduled_at) % 2 = 0
