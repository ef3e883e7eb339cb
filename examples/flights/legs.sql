-- legs: every scheduled flight on one clock, UTC.
--
-- The files mix clocks: `hour` and `minute` are New York's, the arrival columns are the
-- destination's, `time_hour` is UTC. The plan tells how long a flight takes once both its ends
-- are on one clock, and delays are plain minutes, so no arrival is ever read from a local clock:
--     landed_at = scheduled_at + planned minutes + arr_delay
-- (On all 327,346 arrivals this leaves 5 to 235 minutes of taxiing around `air_time`.)

WITH clocks AS (
    SELECT
        flights.*,
        time_hour + minute * INTERVAL 1 MINUTE AS scheduled_at,
        -- New York is 4 or 5 hours behind UTC: 20 or 19, modulo a day.
        (hour - EXTRACT(hour FROM time_hour) + 24) % 24 - 24 AS origin_zone,
        -- `airports` lacks only Puerto Rico and the Virgin Islands: Atlantic time, no summer time.
        COALESCE(airports.tz, -4) AS winter_zone,
        COALESCE(airports.dst, 'N') AS summer_time
    FROM flights LEFT JOIN airports ON airports.faa = flights.dest
),

plans AS (
    SELECT
        *,
        -- Where summer time is kept it begins with New York's, so the winter gap holds all year.
        CASE WHEN summer_time = 'N' THEN winter_zone - origin_zone ELSE winter_zone + 5 END AS zones_ahead,
        (sched_arr_time // 100 - hour) * 60 + sched_arr_time % 100 - minute AS clock_minutes
    FROM clocks
),

timed AS (
    SELECT *, (clock_minutes - 60 * zones_ahead + 2880) % 1440 AS planned_minutes FROM plans
)

SELECT
    scheduled_at,
    carrier,
    flight,
    tailnum,
    origin,
    dest,
    distance,
    planned_minutes,
    hour * 60 + minute AS minute_of_day,
    dep_delay,
    arr_delay,
    scheduled_at + dep_delay * INTERVAL 1 MINUTE AS departed_at,
    scheduled_at + (planned_minutes + arr_delay) * INTERVAL 1 MINUTE AS landed_at
FROM timed
