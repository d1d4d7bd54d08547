//! Revisions: what tells one state of a resource from another, for clients that change it only as they last saw it.
//! How a dialect spells them, for instance as entity tags, is not known here.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::error::{Code, Error, Result};
use crate::model::keystore::{Keystore, Package};
use crate::model::record::Record;
use crate::model::schema::DataSchema;
use crate::model::table::Table;
use crate::model::time::Timestamp;
use crate::operation::diagram::FlowDiagram;
use crate::operation::table::row::TableRow;

/// A digest over everything that reading a resource shows: the first 16 bytes of a SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Revision([u8; 16]);

impl Revision {
    /// Reads the 32 hexadecimal digits that [`fmt::Display`] writes; `None` if they are none.
    pub fn parse(text: &str) -> Option<Revision> {
        let is_hex = text.len() == 32 && text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
        let number = u128::from_str_radix(text, 16).ok().filter(|_| is_hex)?;
        Some(Revision(number.to_be_bytes()))
    }

    /// That of a record.
    pub fn of_record(record: &Record) -> Revision {
        let mut seen = Seen::new("record");
        seen.number(record.customer.0);
        seen.text(&record.uuid);
        seen.number(record.flow.0);
        seen.number(record.flow_version);
        seen.number(record.status.number());
        seen.number(record.hold.number());
        seen.instant(Some(record.due));
        seen.instant(Some(record.created));
        seen.instant(Some(record.modified));
        seen.instant(record.started);
        seen.instant(record.last_run);
        seen.number(record.num_runs);
        seen.number(record.attempt);
        seen.number(i64::from(record.step.is_some()));
        seen.text(record.step.as_deref().unwrap_or_default());
        seen.text(&record.data);
        seen.revision()
    }

    /// That of a schema.
    pub fn of_schema(schema: &DataSchema) -> Revision {
        let mut seen = Seen::new("schema");
        seen.text(&schema.url);
        seen.text(&schema.document);
        seen.text(&schema.sample);
        seen.instant(Some(schema.created));
        seen.instant(Some(schema.modified));
        seen.revision()
    }

    /// That of a table: its definition.
    pub fn of_table(table: &Table) -> Revision {
        let mut seen = Seen::new("table");
        seen.number(table.customer.0);
        seen.text(&table.name);
        seen.text(&table.description);
        seen.instant(Some(table.created));
        seen.instant(Some(table.modified));
        for column in &table.columns {
            seen.text(&column.name);
            seen.text(column.kind.name());
            let [required, unique, indexed] = [column.is_required, column.is_unique, column.is_indexed].map(i64::from);
            seen.number(required | unique << 1 | indexed << 2);
            seen.text(&column.default.as_ref().map(|value| value.to_json().to_string()).unwrap_or_default());
        }
        seen.revision()
    }

    /// That of a row of a table.
    pub fn of_table_row(table: &Table, row: &TableRow) -> Revision {
        let mut seen = Seen::new("row");
        seen.number(table.customer.0);
        seen.text(&table.name);
        seen.number(row.id);
        seen.instant(Some(row.created));
        seen.instant(Some(row.updated));
        for (name, value) in &row.values {
            seen.text(name);
            seen.text(&value.to_string());
        }
        seen.revision()
    }

    /// That of a flow with its versions.
    pub fn of_flow_diagram(diagram: &FlowDiagram) -> Revision {
        let mut seen = Seen::new("flow");
        seen.text(&diagram.customer);
        seen.number(diagram.flow.id.0);
        seen.text(&diagram.flow.name);
        seen.text(&diagram.flow.description);
        seen.text(diagram.flow.status.name());
        seen.number(diagram.flow.version.unwrap_or_default());
        seen.text(diagram.flow.draft.as_deref().unwrap_or_default());
        for version in &diagram.versions {
            seen.number(version.version);
            seen.text(&version.graph);
            seen.instant(Some(version.published));
        }
        seen.revision()
    }

    /// That of a keystore, without its packages.
    pub fn of_keystore(keystore: &Keystore) -> Revision {
        let mut seen = Seen::new("keystore");
        seen.text(&keystore.name);
        seen.text(&keystore.description);
        seen.text(keystore.kind.name());
        seen.number(keystore.version);
        seen.text(&keystore.structure);
        seen.instant(Some(keystore.created));
        seen.instant(Some(keystore.modified));
        seen.revision()
    }

    /// That of a package.
    pub fn of_package(package: &Package) -> Revision {
        let mut seen = Seen::new("package");
        seen.text(&package.key);
        seen.number(package.structure);
        seen.number(package.revision);
        seen.text(package.media_type.as_deref().unwrap_or_default());
        seen.instant(Some(package.created));
        seen.instant(Some(package.modified));
        seen.text(&package.content);
        seen.revision()
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

/// Refuses unless the revision is one of those expected, if there are any expectations.
pub(super) fn require(expected: Option<&[Revision]>, revision: impl FnOnce() -> Revision) -> Result<()> {
    match expected {
        Some(expected) if !expected.contains(&revision()) => {
            Err(Error::new(Code::Outdated, "What is to be changed has been changed since you last read it"))
        }
        _ => Ok(()),
    }
}

/// What has been seen of a resource. Texts are preceded by their length, so that no two resources look the same.
struct Seen(Sha256);

impl Seen {
    fn new(kind: &str) -> Seen {
        let mut seen = Seen(Sha256::new());
        seen.text(kind);
        seen
    }

    fn text(&mut self, text: &str) {
        self.0.update((text.len() as u64).to_be_bytes());
        self.0.update(text.as_bytes());
    }

    fn number(&mut self, number: i64) {
        self.0.update(number.to_be_bytes());
    }

    fn instant(&mut self, instant: Option<Timestamp>) {
        self.number(instant.map_or(i64::MIN, |instant| instant.0));
    }

    fn revision(self) -> Revision {
        let mut revision = [0; 16];
        revision.iter_mut().zip(self.0.finalize()).for_each(|(byte, digest)| *byte = digest);
        Revision(revision)
    }
}
