-- name: analysis
select id, experiment, analysis, detail
from analyses
where experiment = @experiment and id = @id

-- name: latestAnalysis
select id, experiment, analysis, detail
from analyses
where experiment = @experiment
order by created_at desc, id desc
limit 1

-- name: saveAnalysis
insert into analyses (id, experiment, created_at, as_of, watermark, analysis, detail)
values (@id, @experiment, @created_at, @as_of, @watermark, @analysis, @detail)
