-- name: insertEvent
insert or ignore into events (ts, id, arrival, source, received_at, body)
values (@ts, @id, @arrival, @source, @received_at, @body)

-- name: insertRefused
insert into refused (received_at, source, key_id, position, event_id, code, detail, body)
values (@received_at, @source, @key_id, @position, @event_id, @code, @detail, @body)

-- name: forgetOldestRefused
delete from refused
where seq <= (select max(seq) from refused) - @keep

-- name: countIntake
insert into intake (hour, source, received, accepted, duplicate, refused)
values (@hour, @source, @received, @accepted, @duplicate, @refused)
on conflict (hour, source) do update
set received = received + excluded.received,
    accepted = accepted + excluded.accepted,
    duplicate = duplicate + excluded.duplicate,
    refused = refused + excluded.refused

-- name: moveToDuplicate
update intake
set accepted = accepted - @count, duplicate = duplicate + @count
where hour = @hour and source = @source

-- name: intakeTotals
select coalesce(sum(received), 0) as received, coalesce(sum(accepted), 0) as accepted,
       coalesce(sum(duplicate), 0) as duplicate, coalesce(sum(refused), 0) as refused
from intake

-- name: refused
select seq, received_at, source, position, event_id, code, detail, body
from refused
where seq > @after
order by seq
limit @limit

-- name: lastArrival
select coalesce(max(arrival), 0) as arrival
from events

-- name: waiting
select count(*) as waiting
from events

-- name: sending
select batch, last_ts, last_id, last_arrival
from sending
where one = 1

-- name: batchEnd
select ts, id
from events
where arrival <= @last_arrival
order by ts, id
limit 1 offset @offset

-- name: lastEvent
select ts, id
from events
where arrival <= @last_arrival
order by ts desc, id desc
limit 1

-- name: saveSending
insert into sending (one, batch, last_ts, last_id, last_arrival)
values (1, @batch, @last_ts, @last_id, @last_arrival)

-- name: batchEvents
select ts, id, source, received_at, body
from events
where (ts, id) <= (@last_ts, @last_id) and arrival <= @last_arrival
order by ts, id

-- name: clearBatch
delete from events
where (ts, id) <= (@last_ts, @last_id) and arrival <= @last_arrival

-- name: clearSending
delete from sending
where one = 1
