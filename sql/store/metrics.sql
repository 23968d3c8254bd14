-- name: metric
select key, version, definition, created_at
from metrics
where key = @key

-- name: metrics
select key, version, definition, created_at
from metrics
order by key

-- name: metricsPage
select key, version, definition, created_at
from metrics
where key > @after
order by key
limit @limit

-- name: saveMetric
insert into metrics (key, version, definition, created_at)
values (@key, @version, @definition, @created_at)
on conflict (key) do update
set version = excluded.version, definition = excluded.definition, created_at = excluded.created_at

-- name: saveMetricVersion
insert into metric_versions (key, version, definition, created_at)
values (@key, @version, @definition, @created_at)
