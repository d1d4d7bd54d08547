-- Version 4: webhooks that ask who posts, addresses that runs wait at, subscriptions and their deliveries, people.

-- What a webhook asks of whoever posts, and what it makes of it: a JSON object; '{}': it is open.
ALTER TABLE webhook ADD COLUMN settings TEXT NOT NULL DEFAULT '{}';

-- An address that one step of one run waits at, and what came there.
CREATE TABLE callback (
    id INTEGER PRIMARY KEY,
    uri TEXT NOT NULL UNIQUE,
    record_id BIGINT NOT NULL REFERENCES record (id) ON DELETE CASCADE,
    run BIGINT NOT NULL,
    step TEXT NOT NULL,
    -- What it asks of whoever posts, and what it answers: a JSON object.
    settings TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    received_at BIGINT,
    -- What was posted, as a JSON document.
    payload TEXT,
    UNIQUE (record_id, run, step)
);
CREATE INDEX callback_created ON callback (created_at);
-- For the removal of those that are too old.
CREATE INDEX webhook_payload_received ON webhook_payload (received_at);

-- Who wants to hear of what happens to a customer's records and flows, and where.
CREATE TABLE hook (
    id INTEGER PRIMARY KEY,
    customer_id BIGINT NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
    public_id TEXT NOT NULL UNIQUE,
    -- The application that subscribed; its end is the subscription's.
    application_id BIGINT REFERENCES application (id) ON DELETE CASCADE,
    url TEXT NOT NULL,
    description TEXT NOT NULL,
    -- The names of events, with spaces between them.
    events TEXT NOT NULL,
    -- The flow whose events are wanted; NULL: all.
    flow BIGINT,
    -- The sealed signing key, and the one before it while both are used.
    secret BLOB NOT NULL,
    old_secret BLOB,
    old_secret_until BIGINT,
    enabled BIGINT NOT NULL,
    -- Why it is not enabled.
    reason TEXT,
    -- Since when nothing could be delivered; NULL: the last delivery arrived.
    failing_since BIGINT,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL
);
CREATE INDEX hook_customer ON hook (customer_id, id);
CREATE INDEX hook_application ON hook (application_id) WHERE application_id IS NOT NULL;

-- A message to one subscriber.
CREATE TABLE delivery (
    id INTEGER PRIMARY KEY,
    hook_id BIGINT NOT NULL REFERENCES hook (id) ON DELETE CASCADE,
    -- Its webhook-id, the same for every attempt.
    message_id TEXT NOT NULL,
    event TEXT NOT NULL,
    -- 0 waiting, 1 delivered, 2 given up.
    status BIGINT NOT NULL,
    attempt BIGINT NOT NULL DEFAULT 0,
    -- When it is to be attempted; NULL: it is under way or over.
    due_at BIGINT,
    lease TEXT,
    lease_until BIGINT,
    created_at BIGINT NOT NULL,
    ended_at BIGINT,
    -- What became of each attempt: a JSON array.
    attempts TEXT NOT NULL DEFAULT '[]',
    body TEXT NOT NULL,
    UNIQUE (hook_id, message_id)
);
CREATE INDEX delivery_due ON delivery (hook_id, due_at, id) WHERE due_at IS NOT NULL;
CREATE INDEX delivery_leased ON delivery (lease_until) WHERE lease_until IS NOT NULL;
CREATE INDEX delivery_hook ON delivery (hook_id, id);
CREATE INDEX delivery_ended ON delivery (ended_at) WHERE ended_at IS NOT NULL;

-- People of a customer, as document 002 has users.
CREATE TABLE person (
    id INTEGER PRIMARY KEY,
    customer_id BIGINT NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
    public_id TEXT NOT NULL UNIQUE,
    username TEXT NOT NULL,
    first_name TEXT NOT NULL,
    last_name TEXT NOT NULL,
    status TEXT NOT NULL,
    -- The names of roles and of permissions, with spaces between them.
    roles TEXT NOT NULL,
    permissions TEXT NOT NULL,
    last_login BIGINT,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    UNIQUE (customer_id, username)
);

CREATE TABLE person_token (
    hash BLOB NOT NULL PRIMARY KEY,
    person_id BIGINT NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    description TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT
);
CREATE INDEX person_token_person ON person_token (person_id);

-- The people that a flow belongs to, beside its customer.
CREATE TABLE flow_owner (
    customer_id BIGINT NOT NULL,
    flow BIGINT NOT NULL,
    person_id BIGINT NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    PRIMARY KEY (customer_id, flow, person_id),
    FOREIGN KEY (customer_id, flow) REFERENCES flow (customer_id, number) ON DELETE CASCADE
);
CREATE INDEX flow_owner_person ON flow_owner (person_id);

-- What document 002 calls flows and tenants by: 24 hexadecimal digits, given when first asked for.
ALTER TABLE flow ADD COLUMN public_id TEXT;
CREATE UNIQUE INDEX flow_public_id ON flow (public_id) WHERE public_id IS NOT NULL;
ALTER TABLE customer ADD COLUMN public_id TEXT;
CREATE UNIQUE INDEX customer_public_id ON customer (public_id) WHERE public_id IS NOT NULL;
-- What document 002 takes a flow for: ordinary, realtime or long_running. No step reads it.
ALTER TABLE flow ADD COLUMN kind TEXT NOT NULL DEFAULT 'ordinary';
-- The highest number of a flow that was removed: none is given twice, because what is remembered of a version never ends.
ALTER TABLE customer ADD COLUMN last_flow BIGINT NOT NULL DEFAULT 0;
