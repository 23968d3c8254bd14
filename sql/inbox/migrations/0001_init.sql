-- Events that were acknowledged and wait for the warehouse, and events that were refused.

-- An event's identity is (ts, id). `arrival` fixes which rows belong to a batch that is on its way.
create table events (
  ts integer not null,
  id text not null,
  arrival integer not null,
  source text not null,
  received_at integer not null,
  body text not null,
  primary key (ts, id)
) strict, without rowid;

create table refused (
  seq integer primary key,
  received_at integer not null,
  source text not null,
  key_id text not null,
  position integer not null,
  event_id text,
  code text not null,
  detail text not null,
  body text not null
) strict;

-- received = accepted + duplicate + refused, by hour and source.
create table intake (
  hour integer not null,
  source text not null,
  received integer not null,
  accepted integer not null,
  duplicate integer not null,
  refused integer not null,
  primary key (hour, source),
  check (received = accepted + duplicate + refused)
) strict, without rowid;

-- The batch that was last sent to the warehouse and is not yet cleared here: at most one.
create table sending (
  one integer primary key check (one = 1),
  batch text not null,
  last_ts integer not null,
  last_id text not null,
  last_arrival integer not null
) strict;
