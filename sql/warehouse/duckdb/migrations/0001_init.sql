-- Every accepted event, once. `seq` is gapless in the order of draining; times are milliseconds, UTC;
-- numbers that enter a metric are integers of a millionth.
create table events (
  seq bigint not null,
  ts bigint not null,
  id varchar not null,
  kind varchar not null,
  source varchar not null,
  received_at bigint not null,
  units map(varchar, varchar) not null,
  experiment varchar,
  version integer,
  variant varchar,
  name varchar,
  value_micros bigint,
  corrects varchar,
  request_id varchar,
  attributes json,
  properties json,
  details json
);

-- One row a batch that arrived, written in the batch's own transaction.
create table batches (
  batch varchar not null,
  first_seq bigint not null,
  inserted bigint not null,
  duplicates varchar not null
);
