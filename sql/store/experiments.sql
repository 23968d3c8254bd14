-- name: experiment
select key, version, salt_version_from, salt, state, started_at, stopped_at, stop_reason, plan_hash,
       frozen_metrics, definition, created_at, updated_at
from experiments
where key = @key

-- name: experiments
select key, version, salt_version_from, salt, state, started_at, stopped_at, stop_reason, plan_hash,
       frozen_metrics, definition, created_at, updated_at
from experiments
order by key

-- name: experimentsPage
select key, version, salt_version_from, salt, state, started_at, stopped_at, stop_reason, plan_hash,
       frozen_metrics, definition, created_at, updated_at
from experiments
where key > @after
order by key
limit @limit

-- name: saveExperiment
insert into experiments (key, version, salt_version_from, salt, state, started_at, stopped_at,
                         stop_reason, plan_hash, frozen_metrics, definition, created_at, updated_at)
values (@key, @version, @salt_version_from, @salt, @state, @started_at, @stopped_at,
        @stop_reason, @plan_hash, @frozen_metrics, @definition, @created_at, @updated_at)
on conflict (key) do update
set version = excluded.version,
    salt_version_from = excluded.salt_version_from,
    salt = excluded.salt,
    state = excluded.state,
    started_at = excluded.started_at,
    stopped_at = excluded.stopped_at,
    stop_reason = excluded.stop_reason,
    plan_hash = excluded.plan_hash,
    frozen_metrics = excluded.frozen_metrics,
    definition = excluded.definition,
    updated_at = excluded.updated_at

-- name: saveExperimentVersion
insert into experiment_versions (key, version, salt, definition, created_at)
values (@key, @version, @salt, @definition, @created_at)

-- name: saltSeed
select salt, purpose
from salt_seeds
where seed = @seed

-- name: saveSaltSeed
insert into salt_seeds (seed, salt, purpose)
values (@seed, @salt, @purpose)
