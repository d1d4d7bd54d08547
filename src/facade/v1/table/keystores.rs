//! The endpoints of keystores and their packages: a part of the table.

use actix_web::http::Method;

use crate::facade::v1::endpoint::{Access, Body, Endpoint, optional, shape};
use crate::facade::v1::parameter::IDEMPOTENCY_KEY;
use crate::facade::v1::{keystore, package};
use crate::model::scope::Scope;

const KEYSTORE_BODY: &str =
    r#"{"id":"harbours","description":"Tides by harbour","structure":{"name":"","tide":{"high":null,"low":null}}}"#;
const KEYSTORE_EXAMPLE: &str = r#"{"id":"harbours","description":"Tides by harbour","kind":"json","structure":{"name":"","tide":{"high":null,"low":null}},"version":1,"date_created":"2026-01-15T12:00:00+00:00","date_modified":"2026-01-15T12:00:00+00:00"}"#;
const KEYSTORES_EXAMPLE: &str = r#"{"keystores":[{"id":"harbours","description":"Tides by harbour","kind":"json","structure":{"name":"","tide":{"high":null,"low":null}},"version":1,"date_created":"2026-01-15T12:00:00+00:00","date_modified":"2026-01-15T12:00:00+00:00"}],"total":1}"#;
const SEARCH_BODY: &str = r#"{"select":[{"field":"keystore.key","alias":"MyKey"},{"field":"temp.max","alias":"temperature"},{"field":"*","alias":"all_info"}],"where":{"condition":"OR","rules":[{"field":"temp.average","operator":">","value":"25"},{"field":"city","operator":"LIKE","value":"lond%"}]}}"#;
const FOUND_EXAMPLE: &str =
    r#"[{"MyKey":"london","temperature":"15","all_info":"{\"city\":\"London\",\"temp\":{\"max\":15}}"}]"#;
const PACKAGE_EXAMPLE: &str = r#"{"city":"London","temp":{"max":15,"min":8,"average":11}}"#;

pub(super) const ADD: Endpoint = Endpoint {
    method: Method::POST,
    path: "/v1/keystore",
    id: "addKeystore",
    summary: "Adds a keystore",
    doc: "Adds a keystore of JSON values or of texts. Its structure is what new packages hold; what is written into packages need not look like it.",
    access: Access::ScopeOrApiKey(Scope::KeystoreDefinition),
    parameters: &[optional(&IDEMPOTENCY_KEY)],
    body: Body::Value(shape::<keystore::KeystoreBody>(), KEYSTORE_BODY),
    status: 201,
    message: "The keystore has been added successfully",
    resource: shape::<keystore::ShownKeystore<'static>>(),
    example: KEYSTORE_EXAMPLE,
    failures: &[409],
    run: |call| Box::pin(keystore::add(call)),
};

pub(super) const LIST: Endpoint = Endpoint {
    method: Method::GET,
    path: "/v1/keystore",
    id: "listKeystores",
    summary: "Lists the keystores",
    doc: "Answers the keystores of the customer, by identifier.",
    access: Access::ScopeOrApiKey(Scope::KeystoreRead),
    parameters: &[],
    body: Body::None,
    status: 200,
    message: "The keystores have been retrieved successfully",
    resource: shape::<keystore::ShownKeystores<'static>>(),
    example: KEYSTORES_EXAMPLE,
    failures: &[],
    run: |call| Box::pin(keystore::list(call)),
};

pub(super) const GET: Endpoint = Endpoint {
    method: Method::GET,
    path: "/v1/keystore/{keystore}",
    id: "getKeystore",
    summary: "Gets a keystore",
    doc: "Answers the keystore with its structure, without its packages.",
    access: Access::ScopeOrApiKey(Scope::KeystoreRead),
    parameters: &[],
    body: Body::None,
    status: 200,
    message: "The keystore has been retrieved successfully",
    resource: shape::<keystore::ShownKeystore<'static>>(),
    example: KEYSTORE_EXAMPLE,
    failures: &[404],
    run: |call| Box::pin(keystore::get(call)),
};

pub(super) const UPDATE: Endpoint = Endpoint {
    method: Method::PATCH,
    path: "/v1/keystore/{keystore}",
    id: "updateKeystore",
    summary: "Changes a keystore",
    doc: "Changes what the body names. Another structure is a new version, of which packages are that come to be from then on; those that are there stay as they are.",
    access: Access::ScopeOrApiKey(Scope::KeystoreDefinition),
    parameters: &[],
    body: Body::Value(shape::<keystore::KeystoreChanges>(), r#"{"description":"Tides"}"#),
    status: 200,
    message: "The keystore has been updated successfully",
    resource: shape::<keystore::ShownKeystore<'static>>(),
    example: KEYSTORE_EXAMPLE,
    failures: &[404, 409, 412],
    run: |call| Box::pin(keystore::update(call)),
};

pub(super) const REMOVE: Endpoint = Endpoint {
    method: Method::DELETE,
    path: "/v1/keystore/{keystore}",
    id: "deleteKeystore",
    summary: "Removes a keystore",
    doc: "Removes the keystore with all its packages.",
    access: Access::ScopeOrApiKey(Scope::KeystoreDefinition),
    parameters: &[],
    body: Body::None,
    status: 200,
    message: "The keystore has been removed successfully",
    resource: shape::<keystore::RemovedKeystore>(),
    example: r#"{"id":"harbours"}"#,
    failures: &[404, 412],
    run: |call| Box::pin(keystore::remove(call)),
};

pub(super) const SEARCH: Endpoint = Endpoint {
    method: Method::POST,
    path: "/v1/keystore/{keystore}",
    id: "searchKeystore",
    summary: "Searches a keystore",
    doc: "Answers an object for each package that satisfies `where`, in the order of their keys, without an envelope. Every value is a text; what is not there is null. `X-Total-Count` tells how many packages satisfy it in all.",
    access: Access::ScopeOrApiKey(Scope::KeystoreRead),
    parameters: &[],
    body: Body::Value(shape::<keystore::PackageSearch>(), SEARCH_BODY),
    status: 200,
    message: "",
    resource: shape::<keystore::FoundRows>(),
    example: FOUND_EXAMPLE,
    failures: &[404],
    run: |call| Box::pin(keystore::search(call)),
};

pub(super) const GET_PACKAGE: Endpoint = Endpoint {
    method: Method::GET,
    path: "/v1/keystore/{keystore}/{key}",
    id: "getPackage",
    summary: "Gets a package",
    doc: "Answers what the package holds, without an envelope. One that is not there is made of the keystore's structure if the caller may write and the settings do not forbid it; HEAD and conditional requests never make one.",
    access: Access::ScopeOrApiKey(Scope::KeystoreRead),
    parameters: &[],
    body: Body::None,
    status: 200,
    message: "",
    resource: shape::<package::PackageValue>(),
    example: PACKAGE_EXAMPLE,
    failures: &[404],
    run: |call| Box::pin(package::get(call)),
};

pub(super) const INSERT_PACKAGE: Endpoint = Endpoint {
    method: Method::POST,
    path: "/v1/keystore/{keystore}/{key}",
    id: "insertPackage",
    summary: "Inserts a package",
    doc: "Keeps what is sent under the key, unless there is something, and answers it.",
    access: Access::ScopeOrApiKey(Scope::Keystore),
    parameters: &[optional(&IDEMPOTENCY_KEY)],
    body: Body::Free,
    status: 200,
    message: "",
    resource: shape::<package::PackageValue>(),
    example: PACKAGE_EXAMPLE,
    failures: &[404, 409],
    run: |call| Box::pin(package::insert(call)),
};

pub(super) const PUT_PACKAGE: Endpoint = Endpoint {
    method: Method::PUT,
    path: "/v1/keystore/{keystore}/{key}",
    id: "putPackage",
    summary: "Writes a package",
    doc: "Keeps what is sent under the key, whether or not there is something, and answers it.",
    access: Access::ScopeOrApiKey(Scope::Keystore),
    parameters: &[],
    body: Body::Free,
    status: 200,
    message: "",
    resource: shape::<package::PackageValue>(),
    example: PACKAGE_EXAMPLE,
    failures: &[404, 409, 412],
    run: |call| Box::pin(package::put(call)),
};

pub(super) const DELETE_PACKAGE: Endpoint = Endpoint {
    method: Method::DELETE,
    path: "/v1/keystore/{keystore}/{key}",
    id: "deletePackage",
    summary: "Removes a package",
    doc: "Removes what is kept under the key.",
    access: Access::ScopeOrApiKey(Scope::Keystore),
    parameters: &[],
    body: Body::None,
    status: 200,
    message: "Successfully deleted key london in keystore weather",
    resource: shape::<package::NoValue>(),
    example: "null",
    failures: &[404, 412],
    run: |call| Box::pin(package::remove(call)),
};
