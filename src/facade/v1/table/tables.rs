//! The endpoints of tables and their rows: a part of the table of endpoints.

use actix_web::http::Method;

use crate::facade::v1::endpoint::{Access, Body, Endpoint, optional, shape};
use crate::facade::v1::parameter::IDEMPOTENCY_KEY;
use crate::facade::v1::{definition, rows, sheet};
use crate::model::scope::Scope;

const READ: Access = Access::ScopeOrApiKey(Scope::TableRead);
const WRITE: Access = Access::ScopeOrApiKey(Scope::Table);
const DEFINE: Access = Access::ScopeOrApiKey(Scope::TableDefinition);

const TABLE_BODY: &str = r#"{"name":"stock","description":"What is in stock","columns":[{"name":"sku","type":"text","required":true,"unique":true},{"name":"count","type":"integer","indexed":true,"default":0}]}"#;
const TABLE_EXAMPLE: &str = r#"{"name":"stock","description":"What is in stock","columns":[{"name":"sku","type":"text","required":true,"unique":true,"indexed":false,"default":null},{"name":"count","type":"integer","required":false,"unique":false,"indexed":true,"default":0}],"date_created":"2026-01-15T12:00:00+00:00","date_modified":"2026-01-15T12:00:00+00:00"}"#;
const TABLES_EXAMPLE: &str = r#"{"tables":[{"name":"stock","description":"What is in stock","columns":[],"date_created":"2026-01-15T12:00:00+00:00","date_modified":"2026-01-15T12:00:00+00:00"}],"total":1}"#;
const CHANGES: &str = r#"{"change":[{"name":"type","indexed":true}]}"#;
const SEARCH_BODY: &str = r#"{"where":{"condition":"AND","rules":[{"field":"age","operator":">","value":"35"}]},"limit":10,"offset":0,"order_field":"age","order_type":"desc"}"#;
const ROW_BODY: &str = r#"{"username":"newuser","password":"jsytd6756d5s","age":23}"#;
const COLUMNS_BODY: &str = r#"{"columns":[{"column_name":"username","column_value":"newuser"},{"column_name":"password","column_value":"jsytd6756d5s"},{"column_name":"age","column_value":23}]}"#;
const UPDATE_BODY: &str =
    r#"{"columns":[{"column_name":"username","column_value":"newusername"},{"column_name":"age","column_value":102}]}"#;
const UPDATE_WHERE: &str = r#"{"columns":[{"column_name":"username","column_value":"newusername"},{"column_name":"age","column_value":102}],"where":{"condition":"AND","rules":[{"field":"age","operator":">","value":"20"}]},"limit":2,"offset":2,"order_field":"age","order_type":"desc"}"#;
const GOT_EXAMPLE: &str = r#"{"data":[{"id":"8","date_created":"2019-04-09 15:31:21","date_updated":"2019-04-09 15:33:01","username":"myusername","password":"7ff47e867e6166cb7e1fb1116a84de44","type":"admin","age":18}],"total":1,"start_at":0,"next_element":1,"limit":100,"offset":0,"max_results":1}"#;
const FOUND_EXAMPLE: &str = r#"{"data":[{"id":"625","date_created":"2019-04-29 10:50:59","date_updated":"2019-04-29 10:50:59","username":"user1","password":"e87f23c6bda7ca05c828c4c042db50ed","type":null,"age":54}],"total":1,"start_at":0,"next_element":1,"limit":10,"offset":0,"max_results":1}"#;
const WRITTEN_EXAMPLE: &str = r#"{"data":[{"id":"608","date_created":"2019-04-29 10:04:21","date_updated":"2019-04-29 10:04:21","username":"newuser","password":"jsytd6756d5s","type":null,"age":23}],"total":1,"start_at":0,"next_element":0,"limit":100,"offset":0,"max_results":0}"#;

const CSV_BODY: &str = "username,age,type\nmary,41,admin\njohn,,guest\n";
const IMPORT_EXAMPLE: &str = r#"{"table":"users","rows":2,"imported":2,"dry_run":false,"delimiter":",","header":true,"columns":["username","age","type"],"preview":[{"username":"mary","password":null,"type":"admin","age":41},{"username":"john","password":null,"type":"guest","age":null}],"flawed":0,"errors":[]}"#;

pub(super) const ADD: Endpoint = Endpoint {
    method: Method::POST,
    path: "/v1/tables",
    id: "addTable",
    summary: "Adds a table",
    doc: "Adds a table with its columns. Columns that are searched or ordered by are best indexed.",
    access: DEFINE,
    parameters: &[optional(&IDEMPOTENCY_KEY)],
    body: Body::Value(shape::<definition::TableBody>(), TABLE_BODY),
    status: 201,
    message: "The table has been added successfully",
    resource: shape::<definition::ShownTable>(),
    example: TABLE_EXAMPLE,
    failures: &[409],
    run: |call| Box::pin(definition::add(call)),
};

pub(super) const LIST: Endpoint = Endpoint {
    method: Method::GET,
    path: "/v1/tables",
    id: "listTables",
    summary: "Lists the tables",
    doc: "Answers the tables of the customer with their columns, by name.",
    access: DEFINE,
    parameters: &[],
    body: Body::None,
    status: 200,
    message: "The tables have been retrieved successfully",
    resource: shape::<definition::ShownTables>(),
    example: TABLES_EXAMPLE,
    failures: &[],
    run: |call| Box::pin(definition::list(call)),
};

pub(super) const GET: Endpoint = Endpoint {
    method: Method::GET,
    path: "/v1/tables/{table_name}",
    id: "getTable",
    summary: "Gets the definition of a table",
    doc: "Answers the table's columns. What is in them is searched at `/v1/tables/{table_name}/search`.",
    access: DEFINE,
    parameters: &[],
    body: Body::None,
    status: 200,
    message: "The table has been retrieved successfully",
    resource: shape::<definition::ShownTable>(),
    example: TABLE_EXAMPLE,
    failures: &[404],
    run: |call| Box::pin(definition::get(call)),
};

pub(super) const CHANGE: Endpoint = Endpoint {
    method: Method::PATCH,
    path: "/v1/tables/{table_name}",
    id: "changeTable",
    summary: "Changes the definition of a table",
    doc: "Drops columns, then changes columns, then adds columns. Rows that are there must allow it, and are changed with it; \
          else nothing is changed.",
    access: DEFINE,
    parameters: &[],
    body: Body::Value(shape::<definition::TableChanges>(), CHANGES),
    status: 200,
    message: "The table has been changed successfully",
    resource: shape::<definition::ShownTable>(),
    example: TABLE_EXAMPLE,
    failures: &[404, 409, 412],
    run: |call| Box::pin(definition::change(call)),
};

pub(super) const REMOVE: Endpoint = Endpoint {
    method: Method::DELETE,
    path: "/v1/tables/{table_name}",
    id: "removeTable",
    summary: "Removes a table",
    doc: "Removes the table with all its rows.",
    access: DEFINE,
    parameters: &[],
    body: Body::None,
    status: 200,
    message: "The table has been removed successfully",
    resource: shape::<definition::RemovedTable>(),
    example: r#"{"name":"users"}"#,
    failures: &[404, 412],
    run: |call| Box::pin(definition::remove(call)),
};

pub(super) const SEARCH: Endpoint = Endpoint {
    method: Method::POST,
    path: "/v1/tables/{table_name}/search",
    id: "searchTable",
    summary: "Searches the rows of a table",
    doc: "Answers the rows that satisfy the rules, at most 100 at once. `total` is how many these are, `max_results` how many \
          there are in all, and `next_element` the `offset` of the next search.",
    access: READ,
    parameters: &[],
    body: Body::Value(shape::<rows::SearchBody>(), SEARCH_BODY),
    status: 200,
    message: "",
    resource: shape::<rows::ShownRows>(),
    example: FOUND_EXAMPLE,
    failures: &[404],
    run: |call| Box::pin(rows::search(call)),
};

pub(super) const GET_ROW: Endpoint = Endpoint {
    method: Method::GET,
    path: "/v1/tables/{table_name}/{id}",
    id: "getTableRow",
    summary: "Gets a row of a table",
    doc: "Answers the row as a list of one.",
    access: READ,
    parameters: &[],
    body: Body::None,
    status: 200,
    message: "",
    resource: shape::<rows::ShownRows>(),
    example: GOT_EXAMPLE,
    failures: &[404],
    run: |call| Box::pin(rows::get(call)),
};

pub(super) const INSERT_ROW: Endpoint = Endpoint {
    method: Method::POST,
    path: "/v1/tables/{table_name}",
    id: "insertTableRow",
    summary: "Inserts a row into a table",
    doc: "Inserts a row with the next number and answers it. The body has the values by the names of their columns, or as \
          `columns`.",
    access: WRITE,
    parameters: &[optional(&IDEMPOTENCY_KEY)],
    body: Body::Value(shape::<rows::RowBody>(), ROW_BODY),
    status: 200,
    message: "",
    resource: shape::<rows::ShownRows>(),
    example: WRITTEN_EXAMPLE,
    failures: &[404, 409],
    run: |call| Box::pin(rows::insert(call)),
};

pub(super) const INSERT_NUMBERED: Endpoint = Endpoint {
    method: Method::POST,
    path: "/v1/tables/{table_name}/{id}",
    id: "insertNumberedTableRow",
    summary: "Inserts a row with a number of its own",
    doc: "The same with the number that the path says; one that is taken is refused.",
    access: WRITE,
    parameters: &[optional(&IDEMPOTENCY_KEY)],
    body: Body::Value(shape::<rows::RowBody>(), COLUMNS_BODY),
    status: 200,
    message: "",
    resource: shape::<rows::ShownRows>(),
    example: WRITTEN_EXAMPLE,
    failures: &[404, 409],
    run: |call| Box::pin(rows::insert(call)),
};

pub(super) const IMPORT: Endpoint = Endpoint {
    method: Method::POST,
    path: "/v1/tables/{table_name}/import",
    id: "importTableRows",
    summary: "Imports rows from lines of text",
    doc: "Inserts a row for each line, all or none of them. What separates the fields, and whether the first line names the \
          columns, is found out where it is not said. With `dry_run` nothing is written and every line with a flaw is told.",
    access: WRITE,
    parameters: &[optional(&sheet::DELIMITER), optional(&sheet::HEADER), optional(&sheet::DRY_RUN)],
    body: Body::Lines(CSV_BODY),
    status: 200,
    message: "2 rows were imported",
    resource: shape::<sheet::ShownImport>(),
    example: IMPORT_EXAMPLE,
    failures: &[404],
    run: |call| Box::pin(sheet::import(call)),
};

pub(super) const EXPORT: Endpoint = Endpoint {
    method: Method::GET,
    path: "/v1/tables/{table_name}/export",
    id: "exportTableRows",
    summary: "Exports all rows as lines of text",
    doc: "Answers every row of the table with all its columns as a line of text, by number, as RFC 4180 has it.",
    access: READ,
    parameters: &[optional(&sheet::DELIMITER), optional(&sheet::HEADER), optional(&sheet::NEUTRAL)],
    body: Body::None,
    status: 200,
    message: "",
    resource: shape::<String>(),
    example: "",
    failures: &[404],
    run: |call| Box::pin(sheet::export(call)),
};

pub(super) const UPDATE_ROWS: Endpoint = Endpoint {
    method: Method::PUT,
    path: "/v1/tables/{table_name}",
    id: "updateTableRows",
    summary: "Changes rows of a table",
    doc: "Changes the rows that satisfy the rules, at most 100 at once, and answers them. Without rules it is refused.",
    access: WRITE,
    parameters: &[],
    body: Body::Value(shape::<rows::UpdateBody>(), UPDATE_WHERE),
    status: 200,
    message: "",
    resource: shape::<rows::ShownRows>(),
    example: WRITTEN_EXAMPLE,
    failures: &[404, 409],
    run: |call| Box::pin(rows::update(call)),
};

pub(super) const UPDATE_ROW: Endpoint = Endpoint {
    method: Method::PUT,
    path: "/v1/tables/{table_name}/{id}",
    id: "updateTableRow",
    summary: "Changes a row of a table",
    doc: "Changes the columns that are named, and answers the row. With rules besides, the row is changed only if it satisfies \
          them; else `data` is empty.",
    access: WRITE,
    parameters: &[],
    body: Body::Value(shape::<rows::UpdateBody>(), UPDATE_BODY),
    status: 200,
    message: "",
    resource: shape::<rows::ShownRows>(),
    example: WRITTEN_EXAMPLE,
    failures: &[404, 409, 412],
    run: |call| Box::pin(rows::update(call)),
};

pub(super) const DELETE_ROW: Endpoint = Endpoint {
    method: Method::DELETE,
    path: "/v1/tables/{table_name}/{id}",
    id: "deleteTableRow",
    summary: "Removes a row of a table",
    doc: "Removes the row. Its number is not given again.",
    access: WRITE,
    parameters: &[],
    body: Body::None,
    status: 200,
    message: "Successfully deleted row 8 in table users",
    resource: shape::<i64>(),
    example: "1",
    failures: &[404, 412],
    run: |call| Box::pin(rows::remove(call)),
};
