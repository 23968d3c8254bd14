-- name: engineVersion
select version() as version

-- name: createStaging
create temp table staging (
  ts bigint,
  id varchar,
  kind varchar,
  source varchar,
  received_at bigint,
  units varchar,
  experiment varchar,
  version integer,
  variant varchar,
  name varchar,
  value_micros bigint,
  corrects varchar,
  request_id varchar,
  attributes varchar,
  properties varchar,
  details varchar
)

-- name: clearStaging
delete from staging

-- name: batch
select inserted, duplicates
from batches
where batch = $batch

-- name: lastSeq
select coalesce(max(first_seq + inserted), 0)::varchar as seq
from batches

-- name: duplicates
select source, received_at // 3600000 as hour, count(*)::integer as count
from staging as s
where exists (
  select 1
  from events as e
  where e.ts = s.ts and e.id = s.id and e.ts between $first_ts and $last_ts
)
group by all
order by all

-- name: insertNew
insert into events
select $last_seq + row_number() over (order by s.ts, s.id), s.ts, s.id, s.kind, s.source, s.received_at,
       s.units::json::map(varchar, varchar), s.experiment, s.version, s.variant, s.name, s.value_micros,
       s.corrects, s.request_id, s.attributes, s.properties, s.details
from staging as s
where not exists (
  select 1
  from events as e
  where e.ts = s.ts and e.id = s.id and e.ts between $first_ts and $last_ts
)

-- name: saveBatch
insert into batches (batch, first_seq, inserted, duplicates)
values ($batch, $first_seq, $inserted, $duplicates)
