-- Version 2: records held back from the queue, fields to search records by, requests that may be repeated, narrower
-- tokens.

-- Rebuilt rather than extended: a column after the data could only be read by reading past the data.
CREATE TABLE record_2 (
    id INTEGER PRIMARY KEY,
    customer_id BIGINT NOT NULL,
    uuid TEXT NOT NULL,
    flow BIGINT NOT NULL,
    flow_version BIGINT NOT NULL,
    status BIGINT NOT NULL,
    -- Why a record that waits is not in the queue: 0 it is, 1 paused, 2 taken out.
    hold BIGINT NOT NULL DEFAULT 0,
    due_at BIGINT NOT NULL,
    -- due_at while the record waits for the engine, else NULL: what the engine's index holds.
    waits_until BIGINT,
    attempt BIGINT NOT NULL DEFAULT 0,
    lease TEXT,
    lease_until BIGINT,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    started_at BIGINT,
    last_run_at BIGINT,
    num_runs BIGINT NOT NULL DEFAULT 0,
    request_hash BLOB NOT NULL,
    data TEXT NOT NULL,
    UNIQUE (customer_id, uuid),
    FOREIGN KEY (customer_id, flow) REFERENCES flow (customer_id, number) ON DELETE CASCADE
);
INSERT INTO record_2 (id, customer_id, uuid, flow, flow_version, status, due_at, waits_until, attempt, lease,
    lease_until, created_at, modified_at, started_at, last_run_at, num_runs, request_hash, data)
SELECT id, customer_id, uuid, flow, flow_version, status, due_at, waits_until, attempt, lease,
    lease_until, created_at, modified_at, started_at, last_run_at, num_runs, request_hash, data FROM record;
DROP TABLE record;
ALTER TABLE record_2 RENAME TO record;
CREATE INDEX record_waits ON record (waits_until) WHERE waits_until IS NOT NULL;
CREATE INDEX record_leased ON record (lease_until) WHERE lease_until IS NOT NULL;
CREATE INDEX record_created ON record (customer_id, created_at);

-- What a record can be searched by: the data fields that its flow and its customer's schema declare.
CREATE TABLE record_field (
    record_id BIGINT NOT NULL REFERENCES record (id) ON DELETE CASCADE,
    position BIGINT NOT NULL,
    customer_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (record_id, position)
);
CREATE INDEX record_field_value ON record_field (customer_id, name, value, record_id);

-- Requests whose sender may repeat them, and what came of them.
CREATE TABLE repeat (
    customer_id BIGINT NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
    actor TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    request_hash BLOB NOT NULL,
    outcome TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (customer_id, actor, idempotency_key)
);
CREATE INDEX repeat_expires ON repeat (expires_at);

-- NULL: the token gives all that its application may do.
ALTER TABLE token ADD COLUMN scopes TEXT;
-- What tokens that come from one another have in common, so that they can be revoked together.
ALTER TABLE token ADD COLUMN family TEXT;
CREATE INDEX token_family ON token (family) WHERE family IS NOT NULL;
