//! Marking records that have ended: a person looked at them, or dealt with their errors.
//! A run that waits for the end of a failed record is not woken by that: the failure was its to deal with.

use crate::app::App;
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::model::record::RecordStatus;
use crate::model::run::Note;
use crate::model::scope::Scope;
use crate::operation::bulk::{TOGETHER, Tally, Verdict, none_exists};
use crate::operation::queue::distinct;
use crate::operation::{Access, Operation};
use crate::store::{Tx, run};

/// Characters of a note.
const LONGEST_NOTE: usize = 2_000;

/// Marks records, and keeps who did it and why. Those that can be marked are, whatever becomes of the others.
pub struct MarkRecords {
    /// The records' identifiers. One that is named twice counts once.
    pub uuids: Vec<String>,
    /// What they are marked as.
    pub mark: Mark,
    /// Why, for people; may be empty.
    pub note: String,
}

/// What a record is marked as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Somebody looked at it.
    Reviewed,
    /// Its errors were dealt with.
    Handled,
}

impl Mark {
    /// Reads its name or its number.
    /// # Errors
    /// There is no such.
    pub fn parse(text: &str) -> Result<Mark> {
        match text {
            "reviewed" | "5" => Ok(Mark::Reviewed),
            "handled" | "6" => Ok(Mark::Handled),
            _ => Err(Error::invalid("status must be reviewed or handled")),
        }
    }

    fn status(self) -> RecordStatus {
        match self {
            Mark::Reviewed => RecordStatus::Reviewed,
            Mark::Handled => RecordStatus::Handled,
        }
    }

    /// Whether a record of that status can be marked so.
    fn fits(self, from: RecordStatus) -> bool {
        match from {
            RecordStatus::Failed | RecordStatus::Reviewed | RecordStatus::Handled => true,
            RecordStatus::Finished => self == Mark::Reviewed,
            RecordStatus::Waiting | RecordStatus::Processing | RecordStatus::Scheduled => false,
        }
    }
}

impl Operation for MarkRecords {
    const NAME: &'static str = "markRecords";
    const ACCESS: Access = Access::Scope(Scope::Record);
    type Output = Tally;

    async fn run(self, app: &App, caller: &Caller) -> Result<Tally> {
        if self.note.chars().count() > LONGEST_NOTE || self.note.contains('\0') {
            return Err(Error::invalid(format!(
                "note must have at most {LONGEST_NOTE} characters, none of them a NUL character"
            )));
        }
        let (customer, mark) = (caller.customer().id, self.mark);
        let uuids = distinct(self.uuids)?;
        let note = Note {
            at: app.clock.now(),
            actor: caller.actor().to_owned(),
            status: mark.status().number(),
            note: self.note,
        };
        let (mut tally, mut some_exist) = (Tally::default(), false);
        for chunk in uuids.chunks(TOGETHER) {
            let (chunk, note) = (chunk.to_vec(), note.clone());
            let each = move |tx: &mut dyn Tx| {
                let mut verdicts = Vec::with_capacity(chunk.len());
                for uuid in chunk {
                    let verdict = match run::find_subject(tx, customer, &uuid)? {
                        None => Verdict::Unknown,
                        Some(subject) if mark.fits(subject.status) && run::mark(tx, &subject, mark.status())? => {
                            run::insert_note(tx, subject.record, &note)?;
                            Verdict::Done
                        }
                        Some(subject) => Verdict::Refused(refusal(&uuid, subject.status, mark)),
                    };
                    verdicts.push((uuid, verdict));
                }
                Ok(verdicts)
            };
            for (uuid, verdict) in app.store.write(each).await? {
                some_exist |= !matches!(verdict, Verdict::Unknown);
                tally.count(uuid, verdict);
            }
        }
        match some_exist {
            true => Ok(tally),
            false => Err(none_exists(uuids.first().map(String::as_str).filter(|_| uuids.len() == 1))),
        }
    }
}

fn refusal(uuid: &str, from: RecordStatus, mark: Mark) -> String {
    let wanted = match mark {
        Mark::Reviewed => "reviewed",
        Mark::Handled => "handled",
    };
    let stands = match from {
        RecordStatus::Finished => "is finished without errors",
        _ => "has not ended",
    };
    format!("The data record '{uuid}' {stands} and cannot be marked as {wanted}")
}
