//! People: who they are, what they may do, and the tokens they prove themselves with (document 002, users).
//! People are added and changed at the command line alone.

use crate::app::App;
use crate::auth::{Caller, key};
use crate::error::{Code, Error, Result};
use crate::model::account::CustomerId;
use crate::model::person::{Permission, Person, PersonId, PersonRole, PersonStatus};
use crate::model::scope::Scope;
use crate::model::time::Timestamp;
use crate::operation::account::record;
use crate::operation::catalogue::tenant;
use crate::operation::{Access, Operation, check};
use crate::store::{Tx, person};

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;
/// Days that a token may last, if it ends at all.
const MOST_DAYS: i64 = 36_500;

/// People with the public identifier of their customer.
#[derive(Debug)]
pub struct People {
    /// They, by username.
    pub people: Vec<Person>,
    /// What their customer is called by.
    pub tenant: String,
}

/// Lists the people of the caller's customer: those that are named, else those that are active.
pub struct ListPeople {
    /// Those of these usernames.
    pub usernames: Vec<String>,
    /// Those of these public identifiers.
    pub ids: Vec<String>,
}

impl Operation for ListPeople {
    const NAME: &'static str = "listUsers";
    const ACCESS: Access = Access::Admin(Scope::FlowDiagramRead);
    type Output = People;

    async fn run(self, app: &App, caller: &Caller) -> Result<People> {
        let customer = caller.customer().id;
        let tenant = tenant(app, customer).await?;
        let mut people = app.store.read(move |tx| person::list(tx, customer)).await?;
        let usernames: Vec<String> = self.usernames.iter().map(|name| name.to_lowercase()).collect();
        people.retain(|person| match (usernames.is_empty(), self.ids.is_empty()) {
            (true, true) => person.status == PersonStatus::Active,
            (no_name, no_id) => {
                (no_name || usernames.contains(&person.username)) && (no_id || self.ids.contains(&person.public_id))
            }
        });
        Ok(People { people, tenant })
    }
}

/// Gives one person: the one who calls, or that of a public identifier, whom nobody but an admin and the person sees.
pub struct GetPerson {
    /// The public identifier; `None` for the person who calls.
    pub id: Option<String>,
}

impl Operation for GetPerson {
    const NAME: &'static str = "getUser";
    const ACCESS: Access = Access::Person(Scope::FlowDiagramRead);
    type Output = (Person, String);

    async fn run(self, app: &App, caller: &Caller) -> Result<(Person, String)> {
        let customer = caller.customer().id;
        let own = caller.person().map(|person| &person.public_id);
        let id = match (self.id, own) {
            (Some(id), own) if own == Some(&id) => id,
            (Some(id), _) => caller.require_admin().map(|()| id)?,
            (None, Some(own)) => own.clone(),
            (None, None) => {
                return Err(Error::new(Code::Forbidden, "The credentials are an application's, not a person's"));
            }
        };
        let tenant = tenant(app, customer).await?;
        let found = app.store.peek(|tx| person::find_by_public_id(tx, customer, &id))?;
        Ok((found.ok_or_else(|| Error::new(Code::NotFound, "There is no user with this id"))?, tenant))
    }
}

/// What of a person can be chosen, as texts; `None` leaves it as it is.
#[derive(Default)]
pub struct PersonTexts {
    /// The first name.
    pub first_name: Option<String>,
    /// The last name.
    pub last_name: Option<String>,
    /// ACTIVE, DISABLED or PENDING, in any case.
    pub status: Option<String>,
    /// The names of roles.
    pub roles: Option<Vec<String>>,
    /// The names of permissions.
    pub permissions: Option<Vec<String>>,
}

impl PersonTexts {
    fn apply(self, person: &mut Person) -> Result<()> {
        for (field, text, place) in [
            ("The first name", self.first_name, &mut person.first_name),
            ("The last name", self.last_name, &mut person.last_name),
        ] {
            let Some(text) = text else { continue };
            if !text.is_empty() {
                check::name(field, &text)?;
            }
            *place = text;
        }
        if let Some(status) = self.status {
            let found = PersonStatus::parse(&status.to_ascii_uppercase());
            person.status = found.ok_or_else(|| Error::invalid("The status must be ACTIVE, DISABLED or PENDING"))?;
        }
        if let Some(roles) = self.roles {
            let names = PersonRole::ALL.map(PersonRole::name);
            person.roles = parse_all("role", &roles, PersonRole::parse, &names)?;
        }
        if let Some(permissions) = self.permissions {
            let names = Permission::ALL.map(Permission::name);
            person.permissions = parse_all("permission", &permissions, Permission::parse, &names)?;
        }
        Ok(())
    }
}

/// Reads names, each once; an unknown one is answered with those there are.
fn parse_all<T: PartialEq>(
    what: &str,
    texts: &[String],
    parse: fn(&str) -> Option<T>,
    known: &[&str],
) -> Result<Vec<T>> {
    let mut found = Vec::new();
    for text in texts {
        let shown: String = text.chars().take(40).collect();
        let one = parse(text)
            .ok_or_else(|| Error::invalid(format!("There is no {what} '{shown}'; there are {}", known.join(", "))))?;
        if !found.contains(&one) {
            found.push(one);
        }
    }
    Ok(found)
}

/// Adds a person to the caller's customer.
pub struct AddPerson {
    /// The identifier in the customer's own system; kept in lower case.
    pub username: String,
    /// What else is known.
    pub texts: PersonTexts,
}

impl Operation for AddPerson {
    const NAME: &'static str = "addUser";
    const ACCESS: Access = Access::Operator;
    type Output = Person;

    async fn run(self, app: &App, caller: &Caller) -> Result<Person> {
        check::name("The username", &self.username)?;
        let (customer, now, actor) = (caller.customer().id, app.clock.now(), caller.actor().to_owned());
        let mut new = Person {
            id: PersonId(0),
            customer,
            public_id: key::generate_public_id()?,
            username: self.username.to_lowercase(),
            first_name: String::new(),
            last_name: String::new(),
            status: PersonStatus::Active,
            roles: Vec::new(),
            permissions: Vec::new(),
            last_login: None,
            has_token: false,
            created: now,
            modified: now,
        };
        self.texts.apply(&mut new)?;
        app.store
            .administer(move |tx| {
                new.id = person::insert(tx, &new)?;
                record(tx, customer, &actor, Self::NAME, &new.username, now)?;
                Ok(new)
            })
            .await
    }
}

/// Changes a person of the caller's customer.
pub struct UpdatePerson {
    /// The username.
    pub username: String,
    /// What is to be otherwise.
    pub texts: PersonTexts,
}

impl Operation for UpdatePerson {
    const NAME: &'static str = "updateUser";
    const ACCESS: Access = Access::Operator;
    type Output = Person;

    async fn run(self, app: &App, caller: &Caller) -> Result<Person> {
        let (customer, now, actor) = (caller.customer().id, app.clock.now(), caller.actor().to_owned());
        app.store
            .administer(move |tx| {
                let mut found = find(tx, customer, &self.username)?;
                self.texts.apply(&mut found)?;
                person::update(tx, &found, now)?;
                record(tx, customer, &actor, Self::NAME, &found.username, now)?;
                Ok(Person { modified: now, ..found })
            })
            .await
    }
}

/// Removes a person of the caller's customer. The person's flows stay.
pub struct RemovePerson {
    /// The username.
    pub username: String,
}

impl Operation for RemovePerson {
    const NAME: &'static str = "removeUser";
    const ACCESS: Access = Access::Operator;
    type Output = ();

    async fn run(self, app: &App, caller: &Caller) -> Result<()> {
        let (customer, now, actor) = (caller.customer().id, app.clock.now(), caller.actor().to_owned());
        app.store
            .administer(move |tx| {
                let found = find(tx, customer, &self.username)?;
                person::remove(tx, customer, found.id)?;
                record(tx, customer, &actor, Self::NAME, &found.username, now)
            })
            .await
    }
}

/// Issues a token for a person of the caller's customer.
pub struct IssuePersonToken {
    /// The username.
    pub username: String,
    /// What it is for.
    pub description: String,
    /// Days until it ends; `None` for never.
    pub days: Option<i64>,
}

/// A token, at the only moment it can be read.
pub struct PersonToken {
    /// The token.
    pub token: String,
    /// When it ends; `None` for never.
    pub expires: Option<Timestamp>,
}

impl Operation for IssuePersonToken {
    const NAME: &'static str = "issueUserToken";
    const ACCESS: Access = Access::Operator;
    type Output = PersonToken;

    async fn run(self, app: &App, caller: &Caller) -> Result<PersonToken> {
        check::description(&self.description)?;
        if self.days.is_some_and(|days| !(1..=MOST_DAYS).contains(&days)) {
            return Err(Error::invalid(format!("The days must be a whole number from 1 to {MOST_DAYS}")));
        }
        let token = key::generate_secret()?;
        let hash = key::hash(&token);
        let (customer, now, actor) = (caller.customer().id, app.clock.now(), caller.actor().to_owned());
        let expires = self.days.map(|days| Timestamp(now.0.saturating_add(days * DAY)));
        app.store
            .administer(move |tx| {
                let found = find(tx, customer, &self.username)?;
                person::remove_expired_tokens(tx, found.id, now)?;
                person::insert_token(tx, found.id, &hash, &self.description, now, expires)?;
                record(tx, customer, &actor, Self::NAME, &found.username, now)
            })
            .await?;
        Ok(PersonToken { token, expires })
    }
}

/// Revokes all tokens of a person of the caller's customer; gives their number.
pub struct RevokePersonTokens {
    /// The username.
    pub username: String,
}

impl Operation for RevokePersonTokens {
    const NAME: &'static str = "revokeUserTokens";
    const ACCESS: Access = Access::Operator;
    type Output = u64;

    async fn run(self, app: &App, caller: &Caller) -> Result<u64> {
        let (customer, now, actor) = (caller.customer().id, app.clock.now(), caller.actor().to_owned());
        app.store
            .administer(move |tx| {
                let found = find(tx, customer, &self.username)?;
                let revoked = person::remove_tokens(tx, found.id)?;
                record(tx, customer, &actor, Self::NAME, &found.username, now)?;
                Ok(revoked)
            })
            .await
    }
}

fn find(tx: &mut dyn Tx, customer: CustomerId, username: &str) -> Result<Person> {
    let found = person::find_by_username(tx, customer, &username.to_lowercase())?;
    found.ok_or_else(|| Error::new(Code::NotFound, format!("There is no user '{username}'")))
}
