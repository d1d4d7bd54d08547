//! `/users` (document 002, "Retrieve active users").

use serde_json::{Value, json};

use crate::error::Result;
use crate::facade::hub::endpoint::{Call, Reply};
use crate::facade::hub::query::invalid;
use crate::model::person::{Permission, Person, PersonRole, PersonStatus};
use crate::operation::execute;
use crate::operation::person::{GetPerson, ListPeople};

/// GET /users: a bare list, or `data` and `meta` where that is asked for.
pub(super) async fn list(call: &Call<'_>) -> Result<Reply> {
    let has_meta = match call.query.get("meta")? {
        None | Some("false" | "0") => false,
        Some("true" | "1") => true,
        Some(_) => return Err(invalid("meta")),
    };
    let operation = ListPeople { usernames: call.query.all("username"), ids: call.query.all("userId") };
    let found = execute(call.app, call.caller()?, operation).await?;
    let users: Vec<Value> = found.people.iter().map(|person| shown(person, &found.tenant)).collect();
    let total = users.len();
    Ok(Reply::of(if has_meta { json!({"data": users, "meta": {"total": total}}) } else { users.into() }))
}

/// GET /users/me and /users/{id}.
pub(super) async fn get(call: &Call<'_>, id: Option<String>) -> Result<Reply> {
    let (person, tenant) = execute(call.app, call.caller()?, GetPerson { id }).await?;
    Ok(Reply::of(shown(&person, &tenant)))
}

/// A user as documented; the identifier stands there under both of its names (contradiction C62).
fn shown(person: &Person, tenant: &str) -> Value {
    let roles: Vec<&str> = person.roles.iter().copied().map(PersonRole::name).collect();
    let permissions: Vec<&str> = person.permissions.iter().copied().map(Permission::name).collect();
    json!({
        "_id": person.public_id,
        "id": person.public_id,
        "username": person.username,
        "firstname": person.first_name,
        "lastname": person.last_name,
        "status": person.status.name(),
        "confirmed": person.status != PersonStatus::Pending,
        "canLogin": person.status == PersonStatus::Active && person.has_token,
        "tenant": tenant,
        "roles": roles,
        "permissions": permissions,
        "createdAt": person.created.to_iso(),
        "updatedAt": person.modified.to_iso(),
        "__v": 0,
        // Nobody logs in with a password; tokens that are none are counted for the address they come from.
        "safeguard": {
            "failedLoginAttempts": 0,
            "lastLogin": person.last_login.map(|at| at.to_iso()),
        },
    })
}
