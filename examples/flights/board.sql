-- board: what can be seen at the airport at the moment we are asked, one hour before each flight.
--
-- An as-of join without ASOF, so that it means the same on every engine: every fact goes up on the
-- board at one moment (+1) and comes down at a later one (-1), every flight looks at one moment,
-- and a running sum over both in order of time is what then hangs there. Whatever is posted at or
-- after the moment of looking comes later in the order, so it cannot be seen.

WITH known AS (
    SELECT
        scheduled_at, carrier, flight, tailnum, origin, dest, dep_delay, arr_delay, departed_at, landed_at,
        -- The way back is not in the data: out and back at the planned pace is the best guess.
        departed_at + 2 * planned_minutes * INTERVAL 1 MINUTE AS back_at
    FROM legs
),

facts AS (
    -- Due out and not gone. A cancellation is never announced in these data, so every flight,
    -- cancelled or merely very late, comes down after three hours: which it was is not known yet.
    SELECT
        *, 'waiting' AS fact, 0 AS delay, scheduled_at AS posted,
        LEAST(COALESCE(departed_at, scheduled_at + INTERVAL 3 HOUR), scheduled_at + INTERVAL 3 HOUR) AS removed
    FROM known WHERE departed_at IS NULL OR dep_delay > 0
    UNION ALL
    SELECT *, 'departed', dep_delay, departed_at, departed_at + INTERVAL 2 HOUR FROM known WHERE departed_at IS NOT NULL
    UNION ALL
    SELECT *, 'landed', arr_delay, landed_at, landed_at + INTERVAL 4 HOUR FROM known WHERE landed_at IS NOT NULL
),

-- The steps are doubles because sums of integers widen differently on each engine.
moments AS (
    SELECT *, posted AS moment, CAST(1 AS DOUBLE) AS step FROM facts
    UNION ALL
    SELECT *, removed, -1 FROM facts
    UNION ALL
    SELECT *, 'asked', 0, NULL, NULL, scheduled_at - INTERVAL 1 HOUR, 0 FROM known
),

-- 'asked' is the first fact in the alphabet, so that at equal moments we look before the news is up.
-- Aircraft need a total order, because they ask for the *last* value.
running AS (
    SELECT
        *,
        SUM(CASE WHEN fact = 'waiting' THEN step END) OVER airport AS airport_waiting,
        SUM(CASE WHEN fact = 'departed' THEN step END) OVER airport AS airport_departures,
        SUM(CASE WHEN fact = 'departed' THEN step * delay END) OVER airport AS airport_minutes,
        SUM(CASE WHEN fact = 'waiting' THEN step END) OVER airline AS airline_waiting,
        SUM(CASE WHEN fact = 'departed' THEN step END) OVER airline AS airline_departures,
        SUM(CASE WHEN fact = 'departed' THEN step * delay END) OVER airline AS airline_minutes,
        SUM(CASE WHEN fact = 'waiting' THEN step END) OVER destination AS dest_waiting,
        SUM(CASE WHEN fact = 'landed' THEN step END) OVER destination AS dest_arrivals,
        SUM(CASE WHEN fact = 'landed' THEN step * delay END) OVER destination AS dest_minutes,
        LAST_VALUE(CASE WHEN fact = 'landed' AND step > 0 THEN delay END IGNORE NULLS) OVER aircraft AS inbound_delay,
        LAST_VALUE(CASE WHEN fact = 'departed' AND step > 0 THEN back_at END IGNORE NULLS) OVER aircraft AS inbound_at
    FROM moments
    WINDOW
        airport AS (PARTITION BY origin ORDER BY moment, fact ROWS UNBOUNDED PRECEDING),
        airline AS (PARTITION BY origin, carrier ORDER BY moment, fact ROWS UNBOUNDED PRECEDING),
        destination AS (PARTITION BY dest ORDER BY moment, fact ROWS UNBOUNDED PRECEDING),
        aircraft AS (PARTITION BY tailnum ORDER BY moment, fact, scheduled_at, carrier, flight ROWS UNBOUNDED PRECEDING)
)

SELECT
    scheduled_at,
    carrier,
    flight,
    origin,
    moment AS asked_at,
    COALESCE(airport_waiting, 0) AS airport_waiting,
    airport_minutes / NULLIF(airport_departures, 0) AS airport_delay,
    COALESCE(airline_waiting, 0) AS airline_waiting,
    airline_minutes / NULLIF(airline_departures, 0) AS airline_delay,
    COALESCE(dest_waiting, 0) AS dest_waiting,
    dest_minutes / NULLIF(dest_arrivals, 0) AS dest_delay,
    inbound_delay,
    inbound_at
FROM running WHERE fact = 'asked'
