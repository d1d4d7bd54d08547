//! People of a customer and the hashes of their tokens.
//! Whether a token has expired is for its reader to decide, who has the clock.

use crate::error::{Code, Error, Result};
use crate::model::account::CustomerId;
use crate::model::flow::FlowId;
use crate::model::person::{Permission, Person, PersonId, PersonRole, PersonStatus};
use crate::model::time::Timestamp;
use crate::store::{Row, Tx};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, customer_id, public_id, username, first_name, last_name, status, roles, permissions, last_login, ",
            "(SELECT COUNT(*) FROM person_token WHERE person_id = person.id), created_at, modified_at FROM person WHERE ",
            $rest
        )
    };
}

/// Inserts a person, whose number is made up here; `Conflict` if the customer has one of that username.
pub fn insert(tx: &mut dyn Tx, new: &Person) -> Result<PersonId> {
    let rows = tx.query(
        "INSERT INTO person (customer_id, public_id, username, first_name, last_name, status, roles, permissions, \
         created_at, modified_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9) \
         ON CONFLICT (customer_id, username) DO NOTHING RETURNING id",
        &[
            new.customer.0.into(),
            (&new.public_id).into(),
            (&new.username).into(),
            (&new.first_name).into(),
            (&new.last_name).into(),
            new.status.name().into(),
            (&roles_text(&new.roles)).into(),
            (&permissions_text(&new.permissions)).into(),
            new.created.0.into(),
        ],
    )?;
    match rows.first() {
        Some(row) => Ok(PersonId(row.integer(0)?)),
        None => Err(Error::new(Code::Conflict, format!("User '{}' already exists", new.username))),
    }
}

/// Stores what a person is called, is and may do; false if there is none of that number.
pub fn update(tx: &mut dyn Tx, changed: &Person, now: Timestamp) -> Result<bool> {
    let rows = tx.execute(
        "UPDATE person SET first_name = $3, last_name = $4, status = $5, roles = $6, permissions = $7, \
         modified_at = $8 WHERE customer_id = $1 AND id = $2",
        &[
            changed.customer.0.into(),
            changed.id.0.into(),
            (&changed.first_name).into(),
            (&changed.last_name).into(),
            changed.status.name().into(),
            (&roles_text(&changed.roles)).into(),
            (&permissions_text(&changed.permissions)).into(),
            now.0.into(),
        ],
    )?;
    Ok(rows > 0)
}

/// Removes a person with all tokens; the flows stay. False if the customer has none of that number.
pub fn remove(tx: &mut dyn Tx, customer: CustomerId, id: PersonId) -> Result<bool> {
    let removed =
        tx.execute("DELETE FROM person WHERE customer_id = $1 AND id = $2", &[customer.0.into(), id.0.into()])?;
    Ok(removed > 0)
}

/// The customer's person of that username.
pub fn find_by_username(tx: &mut dyn Tx, customer: CustomerId, username: &str) -> Result<Option<Person>> {
    let rows = tx.query(select!("customer_id = $1 AND username = $2"), &[customer.0.into(), username.into()])?;
    rows.into_iter().next().map(person).transpose()
}

/// The customer's person of that public identifier.
pub fn find_by_public_id(tx: &mut dyn Tx, customer: CustomerId, public_id: &str) -> Result<Option<Person>> {
    let rows = tx.query(select!("customer_id = $1 AND public_id = $2"), &[customer.0.into(), public_id.into()])?;
    rows.into_iter().next().map(person).transpose()
}

/// The customer's people, by username.
pub fn list(tx: &mut dyn Tx, customer: CustomerId) -> Result<Vec<Person>> {
    let rows = tx.query(select!("customer_id = $1 ORDER BY username"), &[customer.0.into()])?;
    rows.into_iter().map(person).collect()
}

/// Whose token has that hash, and when it ends; also if it has ended.
pub fn find_by_token(tx: &mut dyn Tx, hash: &[u8]) -> Result<Option<(Person, Option<Timestamp>)>> {
    let rows = tx.query("SELECT person_id, expires_at FROM person_token WHERE hash = $1", &[hash.into()])?;
    let Some(row) = rows.first() else { return Ok(None) };
    let expires = row.optional_integer(1)?.map(Timestamp);
    let people = tx.query(select!("id = $1"), &[row.integer(0)?.into()])?;
    Ok(people.into_iter().next().map(person).transpose()?.map(|person| (person, expires)))
}

/// Inserts a token, which counts as a log-in.
pub fn insert_token(
    tx: &mut dyn Tx,
    id: PersonId,
    hash: &[u8],
    description: &str,
    now: Timestamp,
    expires: Option<Timestamp>,
) -> Result<()> {
    let inserted = tx.execute(
        "INSERT INTO person_token (hash, person_id, description, created_at, expires_at) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (hash) DO NOTHING",
        &[hash.into(), id.0.into(), description.into(), now.0.into(), expires.map(|at| at.0).into()],
    )?;
    if inserted == 0 {
        return Err(Error::new(Code::Conflict, "The token is in use already"));
    }
    tx.execute("UPDATE person SET last_login = $2 WHERE id = $1", &[id.0.into(), now.0.into()])?;
    Ok(())
}

/// Removes the tokens of a person; gives their number.
pub fn remove_tokens(tx: &mut dyn Tx, id: PersonId) -> Result<u64> {
    tx.execute("DELETE FROM person_token WHERE person_id = $1", &[id.0.into()])
}

/// Removes a person's tokens that expire now or earlier; gives their number.
pub fn remove_expired_tokens(tx: &mut dyn Tx, id: PersonId, now: Timestamp) -> Result<u64> {
    tx.execute("DELETE FROM person_token WHERE person_id = $1 AND expires_at <= $2", &[id.0.into(), now.0.into()])
}

/// Makes a person an owner of the customer's flow.
pub fn insert_ownership(tx: &mut dyn Tx, customer: CustomerId, flow: FlowId, id: PersonId) -> Result<()> {
    tx.execute(
        "INSERT INTO flow_owner (customer_id, flow, person_id) VALUES ($1, $2, $3) \
         ON CONFLICT (customer_id, flow, person_id) DO NOTHING",
        &[customer.0.into(), flow.0.into(), id.0.into()],
    )?;
    Ok(())
}

/// Takes the customer's flow from all the people it belongs to.
pub fn remove_ownerships(tx: &mut dyn Tx, customer: CustomerId, flow: FlowId) -> Result<()> {
    tx.execute("DELETE FROM flow_owner WHERE customer_id = $1 AND flow = $2", &[customer.0.into(), flow.0.into()])?;
    Ok(())
}

fn roles_text(roles: &[PersonRole]) -> String {
    roles.iter().map(|role| role.name()).collect::<Vec<_>>().join(" ")
}

fn permissions_text(permissions: &[Permission]) -> String {
    permissions.iter().map(|permission| permission.name()).collect::<Vec<_>>().join(" ")
}

fn person(mut row: Row) -> Result<Person> {
    let roles = row.text(7)?.split_ascii_whitespace().map(PersonRole::parse).collect::<Option<_>>();
    let permissions = row.text(8)?.split_ascii_whitespace().map(Permission::parse).collect::<Option<_>>();
    Ok(Person {
        id: PersonId(row.integer(0)?),
        customer: CustomerId(row.integer(1)?),
        public_id: row.take_text(2)?,
        username: row.take_text(3)?,
        first_name: row.take_text(4)?,
        last_name: row.take_text(5)?,
        status: PersonStatus::parse(row.text(6)?).ok_or_else(|| Error::internal("a stored status is unknown"))?,
        roles: roles.ok_or_else(|| Error::internal("a stored role is unknown"))?,
        permissions: permissions.ok_or_else(|| Error::internal("a stored permission is unknown"))?,
        last_login: row.optional_integer(9)?.map(Timestamp),
        has_token: row.integer(10)? != 0,
        created: Timestamp(row.integer(11)?),
        modified: Timestamp(row.integer(12)?),
    })
}
