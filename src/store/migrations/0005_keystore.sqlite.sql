-- Version 5: keystores, their structures and their packages.

-- What a customer's flows and clients share by key (document 003, "Keystore").
CREATE TABLE keystore (
    id INTEGER PRIMARY KEY,
    customer_id BIGINT NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    -- json or raw.
    kind TEXT NOT NULL,
    -- The version of the structure that new packages get.
    version BIGINT NOT NULL,
    -- The last revision that a package got: none is given twice, so that a package that was removed and came back is
    -- not taken for what it was.
    revision BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    UNIQUE (customer_id, name)
);

-- What packages hold at first, as it was and is: a JSON object, or nothing.
CREATE TABLE keystore_structure (
    keystore_id BIGINT NOT NULL REFERENCES keystore (id) ON DELETE CASCADE,
    version BIGINT NOT NULL,
    document TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (keystore_id, version)
);

CREATE TABLE keystore_package (
    keystore_id BIGINT NOT NULL REFERENCES keystore (id) ON DELETE CASCADE,
    -- UTF-8, as bytes: they have the same order everywhere.
    key BLOB NOT NULL,
    structure BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    media_type TEXT,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    content TEXT NOT NULL,
    PRIMARY KEY (keystore_id, key)
);
