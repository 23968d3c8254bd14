-- name: setting
select value
from settings
where name = @name

-- name: saveSetting
insert into settings (name, value)
values (@name, @value)
on conflict (name) do update
set value = excluded.value

-- name: keyByDigest
select id, name, scope, environment, created_at, revoked_at
from keys
where digest = @digest and revoked_at is null

-- name: keys
select id, name, scope, environment, created_at, revoked_at
from keys
order by created_at, id

-- name: saveKey
insert into keys (id, name, scope, environment, digest, created_at, revoked_at)
values (@id, @name, @scope, @environment, @digest, @created_at, null)

-- name: revokeKey
update keys
set revoked_at = @revoked_at
where id = @id and revoked_at is null

-- name: user
select name, password, created_at
from users
where name = @name

-- name: userCount
select count(*) as count
from users

-- name: saveUser
insert into users (name, password, created_at)
values (@name, @password, @created_at)
on conflict (name) do update
set password = excluded.password

-- name: session
select digest, user_name, csrf, created_at, used_at
from sessions
where digest = @digest

-- name: saveSession
insert into sessions (digest, user_name, csrf, created_at, used_at)
values (@digest, @user_name, @csrf, @created_at, @used_at)

-- name: touchSession
update sessions
set used_at = @used_at
where digest = @digest

-- name: endSession
delete from sessions
where digest = @digest

-- name: endSessionsOf
delete from sessions
where user_name = @user_name

-- name: endOldSessions
delete from sessions
where created_at < @created_before or used_at < @used_before

-- name: idempotentAnswer
select request_hash, status, body
from idempotent_answers
where key_id = @key_id and idempotency_key = @idempotency_key

-- name: saveIdempotentAnswer
insert into idempotent_answers (key_id, idempotency_key, request_hash, status, body, created_at)
values (@key_id, @idempotency_key, @request_hash, @status, @body, @created_at)

-- name: endOldIdempotentAnswers
delete from idempotent_answers
where created_at < @before
