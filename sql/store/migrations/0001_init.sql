-- Definitions, their versions, stored analyses, keys and people. Times are integer milliseconds, UTC.

create table settings (
  name text primary key,
  value text not null
) strict, without rowid;

create table experiments (
  key text primary key,
  version integer not null check (version >= 1),
  -- Exposures of versions salt_version_from..version enrol: they share the salt.
  salt_version_from integer not null check (salt_version_from between 1 and version),
  salt text not null,
  state text not null check (state in ('draft', 'running', 'stopped', 'shipped', 'archived')),
  started_at integer,
  stopped_at integer,
  stop_reason text,
  plan_hash text,
  -- Metric definitions as they were when the plan was frozen: a JSON object by metric key.
  frozen_metrics text,
  definition text not null,
  created_at integer not null,
  updated_at integer not null,
  check ((state = 'draft') = (started_at is null)),
  check (stopped_at is null or stopped_at >= started_at)
) strict, without rowid;

-- Versions are kept for ever.
create table experiment_versions (
  key text not null references experiments (key),
  version integer not null,
  salt text not null,
  definition text not null,
  created_at integer not null,
  primary key (key, version)
) strict, without rowid;

-- Every seed that was ever derived from a salt: no two experiments may divide units alike.
create table salt_seeds (
  seed integer primary key,
  salt text not null,
  purpose text not null
) strict;

create table metrics (
  key text primary key,
  version integer not null check (version >= 1),
  definition text not null,
  created_at integer not null
) strict, without rowid;

create table metric_versions (
  key text not null references metrics (key),
  version integer not null,
  definition text not null,
  created_at integer not null,
  primary key (key, version)
) strict, without rowid;

create table models (
  key text primary key,
  definition text not null,
  created_at integer not null
) strict, without rowid;

create table model_versions (
  model text not null references models (key),
  version text not null,
  definition text not null,
  created_at integer not null,
  primary key (model, version)
) strict, without rowid;

create table offline_evaluations (
  id text primary key,
  model text not null,
  version text not null,
  definition text not null,
  created_at integer not null,
  foreign key (model, version) references model_versions (model, version)
) strict, without rowid;

create index offline_evaluations_by_version on offline_evaluations (model, version, created_at);

create table analyses (
  id text primary key,
  experiment text not null references experiments (key),
  created_at integer not null,
  as_of integer not null,
  watermark text not null,
  analysis text not null,
  detail text not null
) strict, without rowid;

create index analyses_by_experiment on analyses (experiment, created_at, id);

-- Secrets are kept as digests only.
create table keys (
  id text primary key,
  name text not null,
  scope text not null check (scope in ('client', 'server', 'admin')),
  environment text not null,
  digest text not null unique,
  created_at integer not null,
  revoked_at integer
) strict, without rowid;

create table users (
  name text primary key,
  password text not null,
  created_at integer not null
) strict, without rowid;

create table sessions (
  digest text primary key,
  user_name text not null references users (name),
  csrf text not null,
  created_at integer not null,
  used_at integer not null
) strict, without rowid;

create table idempotent_answers (
  key_id text not null,
  idempotency_key text not null,
  request_hash text not null,
  status integer not null,
  body text not null,
  created_at integer not null,
  primary key (key_id, idempotency_key)
) strict, without rowid;

create index idempotent_answers_by_age on idempotent_answers (created_at);
