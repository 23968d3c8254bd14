-- name: model
select key, definition, created_at
from models
where key = @key

-- name: models
select key, definition, created_at
from models
order by key

-- name: modelsPage
select key, definition, created_at
from models
where key > @after
order by key
limit @limit

-- name: saveModel
insert into models (key, definition, created_at)
values (@key, @definition, @created_at)
on conflict (key) do update
set definition = excluded.definition

-- name: modelVersion
select model, version, definition, created_at
from model_versions
where model = @model and version = @version

-- name: modelVersions
select model, version, definition, created_at
from model_versions
order by model, created_at, version

-- name: saveModelVersion
insert into model_versions (model, version, definition, created_at)
values (@model, @version, @definition, @created_at)
on conflict (model, version) do update
set definition = excluded.definition

-- name: offlineEvaluations
select id, model, version, definition, created_at
from offline_evaluations
where model = @model and version = @version
order by created_at, id

-- name: saveOfflineEvaluation
insert into offline_evaluations (id, model, version, definition, created_at)
values (@id, @model, @version, @definition, @created_at)
