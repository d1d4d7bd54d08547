-- Version 3: what the engine keeps of records on their way through flows, secrets, schedules, partners' descriptions.

-- Rebuilt rather than extended: a column after the data could only be read by reading past the data.
CREATE TABLE record_3 (
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
    -- How often the step was tried in vain.
    attempt BIGINT NOT NULL DEFAULT 0,
    -- The step the record stands at: NULL before a run, empty at its beginning.
    step TEXT,
    -- The step whose output that one takes; NULL: it takes the record's data.
    input_step TEXT,
    lease TEXT,
    lease_until BIGINT,
    -- The record whose run waits for the end of this one's.
    parent BIGINT,
    -- How many records deep this one was made by flows: 0 it came from outside.
    depth BIGINT NOT NULL DEFAULT 0,
    -- How often flows have moved it on since somebody else put it where it was.
    moves BIGINT NOT NULL DEFAULT 0,
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
INSERT INTO record_3 (id, customer_id, uuid, flow, flow_version, status, hold, due_at, waits_until, attempt, created_at,
    modified_at, started_at, last_run_at, num_runs, request_hash, data)
SELECT id, customer_id, uuid, flow, flow_version, status, hold, due_at, waits_until, attempt, created_at,
    modified_at, started_at, last_run_at, num_runs, request_hash, data FROM record;
DROP TABLE record;
ALTER TABLE record_3 RENAME TO record;
-- By flow, so that neither the records of a paused flow nor those of a slow one stand before those of others.
CREATE INDEX record_waits ON record (customer_id, flow, waits_until, id) WHERE waits_until IS NOT NULL;
-- Those that wait in the midst of a run: a flow that keeps the order of its records ends these first.
CREATE INDEX record_under_way ON record (customer_id, flow, id) WHERE step IS NOT NULL AND waits_until IS NOT NULL;
-- Those that wait for the end of another one, and that those behind them wait for where a flow keeps their order.
CREATE INDEX record_awaits ON record (customer_id, flow) WHERE status = 1 AND lease IS NULL AND waits_until IS NULL;
CREATE INDEX record_leased ON record (lease_until) WHERE lease_until IS NOT NULL;
CREATE INDEX record_created ON record (customer_id, created_at);
CREATE INDEX record_parent ON record (parent) WHERE parent IS NOT NULL;
CREATE INDEX record_failed ON record (customer_id, created_at) WHERE status = 3;

-- What happened in a run: a row for each commit of the engine.
CREATE TABLE run_log (
    id INTEGER PRIMARY KEY,
    record_id BIGINT NOT NULL REFERENCES record (id) ON DELETE CASCADE,
    run BIGINT NOT NULL,
    at BIGINT NOT NULL,
    -- The attempts as people may see them: a JSON array, capped and masked.
    attempts TEXT NOT NULL,
    -- The outputs that later steps may read: a JSON object of step and output, whole.
    outputs TEXT NOT NULL
);
CREATE INDEX run_log_record ON run_log (record_id, run, id);

-- What people noted of a record when they marked it.
CREATE TABLE record_note (
    id INTEGER PRIMARY KEY,
    record_id BIGINT NOT NULL REFERENCES record (id) ON DELETE CASCADE,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    status BIGINT NOT NULL,
    note TEXT NOT NULL
);
CREATE INDEX record_note_record ON record_note (record_id, id);

CREATE TABLE secret (
    customer_id BIGINT NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    sealed BLOB NOT NULL,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    PRIMARY KEY (customer_id, name)
);

-- When flows with a schedule start a record next.
CREATE TABLE flow_schedule (
    customer_id BIGINT NOT NULL,
    flow BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    PRIMARY KEY (customer_id, flow),
    FOREIGN KEY (customer_id, flow) REFERENCES flow (customer_id, number) ON DELETE CASCADE
);
CREATE INDEX flow_schedule_due ON flow_schedule (due_at);

-- Descriptions of partners' services, as they were read: a JSON array of documents.
CREATE TABLE partner (
    customer_id BIGINT NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
    url TEXT NOT NULL,
    documents TEXT NOT NULL,
    fetched_at BIGINT NOT NULL,
    PRIMARY KEY (customer_id, url)
);

-- The flow that records of a customer's failures go to, unless their own flow names one.
ALTER TABLE customer ADD COLUMN error_flow BIGINT;
-- Seconds that whoever posts waits for the end of the run; NULL: does not.
ALTER TABLE webhook ADD COLUMN wait BIGINT;
