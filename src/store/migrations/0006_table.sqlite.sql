-- Version 6: tables, their columns, rows and keys.

CREATE TABLE data_table (
    id INTEGER PRIMARY KEY,
    customer_id BIGINT NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    -- The numbers that the next row and the next column get; none is given twice.
    next_row BIGINT NOT NULL,
    next_column BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    UNIQUE (customer_id, name)
);

CREATE TABLE table_column (
    table_id BIGINT NOT NULL REFERENCES data_table (id) ON DELETE CASCADE,
    number BIGINT NOT NULL,
    position BIGINT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    is_required BIGINT NOT NULL,
    is_unique BIGINT NOT NULL,
    is_indexed BIGINT NOT NULL,
    -- A JSON value; NULL: none.
    default_value TEXT,
    PRIMARY KEY (table_id, number),
    UNIQUE (table_id, name)
);

-- What is searched by stands before the data, which may fill pages of their own.
CREATE TABLE table_row (
    table_id BIGINT NOT NULL REFERENCES data_table (id) ON DELETE CASCADE,
    id BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    -- Values by column number: a JSON object without those that are null.
    data TEXT NOT NULL,
    PRIMARY KEY (table_id, id)
);
CREATE INDEX table_row_created ON table_row (table_id, created_at, id);
CREATE INDEX table_row_updated ON table_row (table_id, updated_at, id);

-- The values of columns that are indexed or unique, as bytes whose order is that of the values; every row has one for
-- each such column, also where its value is null.
CREATE TABLE table_key (
    table_id BIGINT NOT NULL REFERENCES data_table (id) ON DELETE CASCADE,
    number BIGINT NOT NULL,
    value BLOB NOT NULL,
    row_id BIGINT NOT NULL,
    PRIMARY KEY (table_id, number, value, row_id)
) WITHOUT ROWID;
-- The key of one row, by which what another index found is ordered and narrowed further.
CREATE INDEX table_key_row ON table_key (table_id, number, row_id, value);
