-- Blocks that the statements below take in.

-- name: met
met as (
  select units[$unit_type] as unit, variant, ts
  from events
  where kind = 'exposure'
    and experiment = $experiment
    and seq <= $watermark
    and ts between $started_at and $entry_until
    and (version between $version_from and $version_to or (version is null and $external))
    and units[$unit_type] is not null
    and list_contains(from_json($variants, '["VARCHAR"]'), variant)
)

-- name: first_met
-- include: met
,
first_met as (
  -- The first exposure by event time; a unit seen in two variants belongs to neither.
  select unit, min(ts) as entered_at, min(variant) as variant,
         min(variant) <> max(variant) as crossed_over
  from met
  group by unit
)

-- name: enrolled
-- include: first_met
,
enrolled as (
  select unit, variant, entered_at
  from first_met
  where not crossed_over
)

-- name: matched_by_value
matched as (
  select units[$unit_type] as unit, ts, id, corrects, value_micros as amount
  from events
  where kind = 'outcome'
    and name = $event
    and seq <= $watermark
    and ts <= $as_of
    and units[$unit_type] is not null
)

-- name: matched_by_property
matched as (
  select units[$unit_type] as unit, ts, id, corrects,
         -- Numbers were rounded to millionths at intake, so this cast is exact.
         case json_type(properties, $value_pointer)
           when 'BIGINT' then (properties ->> $value_pointer)::decimal(38, 6) * 1000000
           when 'UBIGINT' then (properties ->> $value_pointer)::decimal(38, 6) * 1000000
           when 'DOUBLE' then (properties ->> $value_pointer)::decimal(38, 6) * 1000000
         end::bigint as amount
  from events
  where kind = 'outcome'
    and name = $event
    and seq <= $watermark
    and ts <= $as_of
    and units[$unit_type] is not null
)

-- name: reached
contributions as (
  select unit, ts, 1 as sign, amount, (amount is null or amount <> 0) as happened
  from matched
  where corrects is null
  union all
  -- A correction is dated at the event it corrects; until that event is here it counts for nothing.
  select correction.unit, original.ts, -1, correction.amount, original.happened
  from matched as correction
  join (
    -- Of one id at two times, the earlier; min_by skips nulls, so what it is asked for is never null.
    select unit, id, min(ts) as ts, min_by(amount is null or amount <> 0, ts) as happened
    from matched
    where corrects is null
    group by unit, id
  ) as original
    on original.unit = correction.unit and original.id = correction.corrects
  where correction.corrects is not null
),
followed as (
  select unit, variant, entered_at
  from enrolled
  where entered_at <= $mature_until
),
reached as (
  select f.unit, c.sign, c.amount, c.happened
  from followed as f
  join contributions as c
    on c.unit = f.unit
   and c.ts between f.entered_at + $window_from and f.entered_at + $window_to
   and c.ts <= $outcomes_until
)

-- name: sums
-- Exact integers: y is in millionths; its square is summed in two halves, because it may need more than
-- 128 bits: y = high * 10^12 + low, so sum(y^2) = 10^24 * high_high + 2 * 10^12 * high_low + low_low.
select variant, count(*)::varchar as n, coalesce(sum(events), 0)::varchar as events,
       sum(y)::varchar as total,
       sum(high * high)::varchar as high_high,
       sum(high * low)::varchar as high_low,
       sum(low * low)::varchar as low_low
from (
  select f.variant, v.events, coalesce(v.y, 0)::hugeint as y,
         coalesce(v.y, 0)::hugeint // 1000000000000 as high,
         coalesce(v.y, 0)::hugeint % 1000000000000 as low
  from followed as f
  left join per_unit as v on v.unit = f.unit
)
group by variant
order by variant

-- name: conversion
with
-- include: enrolled
,
-- include: matched_by_value
,
-- include: reached
,
per_unit as (
  select unit, count(*) as events,
         case when sum(sign) filter (where happened) > 0 then 1000000 else 0 end as y
  from reached
  group by unit
)
-- include: sums

-- name: count
with
-- include: enrolled
,
-- include: matched_by_value
,
-- include: reached
,
per_unit as (
  select unit, count(*) as events, sum(sign) * 1000000 as y
  from reached
  group by unit
)
-- include: sums

-- name: sum_of_value
with
-- include: enrolled
,
-- include: matched_by_value
,
-- include: reached
,
per_unit as (
  select unit, count(*) as events, sum(amount) as y
  from reached
  group by unit
)
-- include: sums

-- name: sum_of_property
with
-- include: enrolled
,
-- include: matched_by_property
,
-- include: reached
,
per_unit as (
  select unit, count(*) as events, sum(amount) as y
  from reached
  group by unit
)
-- include: sums

-- name: arms
with
-- include: first_met
select crossed_over, case when crossed_over then '' else variant end as arm, count(*)::integer as units
from first_met
group by all
order by all

-- name: strays
-- Exposures that name the experiment but enrol nobody, by the first reason that holds.
select case
         when units[$unit_type] is null then 'no_unit'
         when not list_contains(from_json($variants, '["VARCHAR"]'), variant) then 'unknown_variant'
         when not coalesce(version between $version_from and $version_to, $external) then 'other_version'
         when ts < $started_at then 'before_start'
         else 'after_stop'
       end as reason,
       count(*)::integer as events
from events
where kind = 'exposure'
  and experiment = $experiment
  and seq <= $watermark
  and ts <= $as_of
  and not coalesce(
    ts between $started_at and $entry_until
    and (version between $version_from and $version_to or (version is null and $external))
    and units[$unit_type] is not null
    and list_contains(from_json($variants, '["VARCHAR"]'), variant), false)
group by all
order by all

-- name: exposureDays
with
-- include: enrolled
select (entered_at // 86400000)::integer as day, variant, count(*)::integer as units
from enrolled
group by all
order by all

-- name: matureUnits
-- As each moment saw it: a unit that is met in a second variant later had not crossed over yet.
with
-- include: met
,
variant_met as (
  select unit, variant, min(ts) as met_at
  from met
  group by unit, variant
),
entered as (
  select unit, min(met_at) as entered_at, list_sort(list(met_at))[2] as crossed_at
  from variant_met
  group by unit
),
moments as (
  -- The same instant twice (asOf on a look) must not count its units twice.
  select distinct unnest(from_json($moments, '["BIGINT"]')) as moment
)
select moment::double as moment, count(unit)::integer as units
from moments
left join entered
  on entered_at <= moment - $maturity
 and (crossed_at is null or crossed_at > moment)
group by moment
order by moment

-- name: hasExposures
select count(*)::integer as found
from (
  select 1
  from events
  where kind = 'exposure' and experiment = $experiment
  limit 1
)
