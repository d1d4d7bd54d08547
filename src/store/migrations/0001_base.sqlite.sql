-- Version 1: customers, applications, tokens, schemas, flows, records, webhooks, audit.
-- Columns are TEXT, BIGINT or BLOB; times are milliseconds UTC, flags 0 and 1, documents text as they were sent.

CREATE TABLE customer (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    api_key_hash BLOB NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL
);

CREATE TABLE application (
    id INTEGER PRIMARY KEY,
    customer_id BIGINT NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    app_key_hash BLOB NOT NULL,
    client_id TEXT UNIQUE,
    client_secret_hash BLOB,
    addresses TEXT NOT NULL,
    scopes TEXT NOT NULL,
    oauth2 BIGINT NOT NULL,
    rate_limit BIGINT,
    fault_dialect TEXT NOT NULL,
    webhook_success_as_fault BIGINT NOT NULL,
    php_cache_headers BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    UNIQUE (customer_id, name),
    UNIQUE (customer_id, app_key_hash)
);

CREATE TABLE token (
    hash BLOB NOT NULL,
    kind TEXT NOT NULL,
    application_id BIGINT NOT NULL REFERENCES application (id) ON DELETE CASCADE,
    expires_at BIGINT,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (hash, kind)
);
CREATE INDEX token_application ON token (application_id);
CREATE INDEX token_expires ON token (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE data_schema (
    customer_id INTEGER PRIMARY KEY REFERENCES customer (id) ON DELETE CASCADE,
    url TEXT NOT NULL,
    document TEXT NOT NULL,
    sample TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL
);

CREATE TABLE flow (
    customer_id BIGINT NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
    number BIGINT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    status TEXT NOT NULL,
    version BIGINT,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    draft TEXT,
    PRIMARY KEY (customer_id, number),
    UNIQUE (customer_id, name)
);

CREATE TABLE flow_version (
    customer_id BIGINT NOT NULL,
    flow BIGINT NOT NULL,
    version BIGINT NOT NULL,
    published_at BIGINT NOT NULL,
    graph TEXT NOT NULL,
    PRIMARY KEY (customer_id, flow, version),
    FOREIGN KEY (customer_id, flow) REFERENCES flow (customer_id, number) ON DELETE CASCADE
);

-- The hot path: accepting a record is one row here and its indexes. The data comes last, so that what the engine looks
-- at can be read without it.
CREATE TABLE record (
    id INTEGER PRIMARY KEY,
    customer_id BIGINT NOT NULL,
    uuid TEXT NOT NULL,
    flow BIGINT NOT NULL,
    flow_version BIGINT NOT NULL,
    status BIGINT NOT NULL,
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
CREATE INDEX record_waits ON record (waits_until) WHERE waits_until IS NOT NULL;
CREATE INDEX record_leased ON record (lease_until) WHERE lease_until IS NOT NULL;

CREATE TABLE webhook (
    id INTEGER PRIMARY KEY,
    customer_id BIGINT NOT NULL,
    flow BIGINT NOT NULL,
    application_id BIGINT REFERENCES application (id) ON DELETE SET NULL,
    uri TEXT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    FOREIGN KEY (customer_id, flow) REFERENCES flow (customer_id, number) ON DELETE CASCADE
);
CREATE INDEX webhook_flow ON webhook (customer_id, flow);
CREATE INDEX webhook_application ON webhook (application_id) WHERE application_id IS NOT NULL;

CREATE TABLE webhook_payload (
    webhook_id BIGINT NOT NULL REFERENCES webhook (id) ON DELETE CASCADE,
    uuid TEXT NOT NULL,
    customer_id BIGINT NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
    address TEXT NOT NULL,
    received_at BIGINT NOT NULL,
    payload TEXT NOT NULL,
    PRIMARY KEY (webhook_id, uuid)
);

CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    at BIGINT NOT NULL,
    customer_id BIGINT REFERENCES customer (id) ON DELETE SET NULL,
    actor TEXT NOT NULL,
    verb TEXT NOT NULL,
    target TEXT NOT NULL
);
CREATE INDEX audit_customer ON audit (customer_id, id);

-- One row that a readiness probe changes, to prove that the writer can commit.
CREATE TABLE proof (
    id INTEGER PRIMARY KEY,
    touched BIGINT NOT NULL
);
INSERT INTO proof (id, touched) VALUES (1, 0);
