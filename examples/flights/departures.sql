-- departures: one row per flight that flew, with only what was known an hour before it was due,
-- and how it ended.
--
-- A flight that never arrived (cancelled, diverted: 2.8 %) has no answer to learn from and gets no
-- row here. On other flights' boards it still waits at the gate like any that is late.

-- A reading carries the hour it was taken in (usually at :51), so we have it once that hour is over.
WITH looks AS (
    SELECT DISTINCT origin, asked_at, asked_at AS moment, CAST(NULL AS TIMESTAMP) AS reading FROM board
    UNION ALL
    SELECT origin, NULL, time_hour + INTERVAL 1 HOUR, time_hour FROM weather
),

-- The latest reading is a running maximum; a row's own minute is seen, since the hour is then over.
readings AS (
    SELECT origin, asked_at, MAX(reading) OVER (PARTITION BY origin ORDER BY moment) AS reading
    FROM looks
)

SELECT
    legs.scheduled_at,
    legs.carrier,
    legs.flight,
    legs.origin,
    legs.dest,
    legs.minute_of_day,
    legs.distance,
    legs.planned_minutes,
    planes.seats,
    planes.year AS plane_year,
    board.airport_waiting,
    board.airport_delay,
    board.airline_waiting,
    board.airline_delay,
    board.dest_waiting,
    board.dest_delay,
    board.inbound_delay,
    -- Minutes to turn the aircraft round; below zero it is not expected back in time. Yesterday's
    -- aircraft is simply here, so half a day is as good as any longer.
    LEAST(DATE_DIFF('minute', board.inbound_at, legs.scheduled_at), 720) AS inbound_slack,
    weather.temp,
    weather.dewp,
    weather.wind_dir,
    CASE WHEN weather.wind_speed < 150 THEN weather.wind_speed END AS wind_speed, -- one reading says 1048 mph
    weather.precip,
    weather.pressure,
    weather.visib,
    CASE WHEN legs.arr_delay >= 30 THEN 1 ELSE 0 END AS late
FROM legs
JOIN board USING (scheduled_at, carrier, flight)
LEFT JOIN readings ON readings.origin = legs.origin AND readings.asked_at = board.asked_at
-- After six silent hours the last reading says nothing any more.
LEFT JOIN weather
    ON weather.origin = legs.origin AND weather.time_hour = readings.reading
    AND weather.time_hour >= board.asked_at - INTERVAL 6 HOUR
LEFT JOIN planes ON planes.tailnum = legs.tailnum
WHERE legs.arr_delay IS NOT NULL
