//! What is done to many records: which they are, and how many of them it was done to.
//! What is done is not known here, nor that it is done in several transactions.

use crate::app::App;
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::model::account::CustomerId;
use crate::model::scope::Scope;
use crate::operation::content::MOST_RECORDS;
use crate::operation::queue::distinct;
use crate::operation::record::not_found;
use crate::operation::search::SearchRecords;
use crate::operation::{Access, Operation};
use crate::store::search;

/// Refusals that are told one by one.
const TOLD: usize = 100;
/// Records that are looked up at once.
const PAGE: i64 = 10_000;
/// Records of one transaction.
pub const TOGETHER: usize = 200;

/// Which records are meant.
pub enum Selection {
    /// Those of these identifiers. One that is named twice counts once.
    Uuids(Vec<String>),
    /// Those that a search finds, whatever its page.
    Filter(SearchRecords),
}

/// How many records it was done to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Records that were meant.
    pub matched: usize,
    /// Those it was done to, or would be.
    pub changed: usize,
    /// The first of those it could not be done to.
    pub refused: Vec<Refusal>,
}

/// A record to which it could not be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Its identifier.
    pub uuid: String,
    /// Why, as a sentence.
    pub reason: String,
}

/// What came of one record.
pub(super) enum Verdict {
    Done,
    Unknown,
    Refused(String),
}

impl Tally {
    pub(super) fn count(&mut self, uuid: String, verdict: Verdict) {
        self.matched += 1;
        let reason = match verdict {
            Verdict::Done => {
                self.changed += 1;
                return;
            }
            Verdict::Unknown => not_found(&uuid).message().to_owned(),
            Verdict::Refused(reason) => reason,
        };
        if self.refused.len() < TOLD {
            self.refused.push(Refusal { uuid, reason });
        }
    }

    /// Adds another count.
    pub fn add(&mut self, other: Tally) {
        self.matched += other.matched;
        self.changed += other.changed;
        let room = TOLD.saturating_sub(self.refused.len());
        self.refused.extend(other.refused.into_iter().take(room));
    }
}

/// The records of a selection, some at a time.
pub(super) struct Records {
    customer: CustomerId,
    source: Source,
}

enum Source {
    Named(std::vec::IntoIter<String>),
    Found { filter: SearchRecords, after: i64, until: i64 },
}

impl Records {
    /// # Errors
    /// Identifiers that are none, or a filter that is none.
    pub(super) async fn of(app: &App, customer: CustomerId, selection: Selection) -> Result<Records> {
        let source = match selection {
            Selection::Uuids(uuids) => Source::Named(distinct(uuids)?.into_iter()),
            Selection::Filter(filter) => {
                filter.check(app)?;
                if filter.is_unbounded() {
                    return Err(Error::invalid(
                        "The filter must say something of the records; all of them are too many",
                    ));
                }
                // What is accepted meanwhile is not meant.
                let until = app.store.read(|tx| search::last(tx)).await?;
                Source::Found { filter, after: 0, until }
            }
        };
        Ok(Records { customer, source })
    }

    /// The identifiers of the next records; none at the end.
    pub(super) async fn next(&mut self, app: &App) -> Result<Vec<String>> {
        let customer = self.customer;
        match &mut self.source {
            Source::Named(uuids) => Ok(uuids.take(MOST_RECORDS).collect()),
            Source::Found { filter, after, until } => {
                let (filter, from, to) = (filter.clone(), *after, *until);
                let found = app
                    .store
                    .read(move |tx| {
                        filter.filtered(tx, customer, |tx, filter| search::matching(tx, filter, from, to, PAGE))
                    })
                    .await?
                    .unwrap_or_default();
                if let Some((last, _)) = found.last() {
                    *after = *last;
                }
                Ok(found.into_iter().map(|(_, uuid)| uuid).collect())
            }
        }
    }
}

/// Gives the identifiers of the records that a search finds, in the order of acceptance.
pub struct MatchRecords {
    /// The search, whatever its page.
    pub filter: SearchRecords,
    /// How many at most.
    pub most: usize,
}

impl Operation for MatchRecords {
    const NAME: &'static str = "matchRecords";
    const ACCESS: Access = Access::Scope(Scope::RecordRead);
    type Output = Vec<String>;

    async fn run(self, app: &App, caller: &Caller) -> Result<Vec<String>> {
        let mut records = Records::of(app, caller.customer().id, Selection::Filter(self.filter)).await?;
        let mut uuids = Vec::new();
        while uuids.len() < self.most {
            let found = records.next(app).await?;
            if found.is_empty() {
                break;
            }
            uuids.extend(found);
        }
        uuids.truncate(self.most);
        Ok(uuids)
    }
}

/// What is said where no record that was named exists.
/// # Errors
/// Always.
pub(super) fn none_exists(uuid: Option<&str>) -> Error {
    match uuid {
        Some(uuid) => not_found(uuid),
        None => Error::new(crate::error::Code::NotFound, "There is no data record with any of the Uuids"),
    }
}
