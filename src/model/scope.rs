//! Scopes: what an application was granted, and what an operation asks for.

/// A permission, named as document 003 names it (contradiction C46).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Insert, update and remove the schema.
    Schema,
    /// Read the schema.
    SchemaRead,
    /// Insert, update and remove records.
    Record,
    /// Read records.
    RecordRead,
    /// Remove records.
    RecordDelete,
    /// Change flows.
    FlowDiagram,
    /// Read flows.
    FlowDiagramRead,
    /// Subscribe to events, and change subscriptions.
    Hook,
    /// Read subscriptions and what was delivered.
    HookRead,
    /// Insert, update and remove rows of tables.
    Table,
    /// Read rows of tables.
    TableRead,
    /// Add, change and remove tables.
    TableDefinition,
    /// Write and remove packages of keystores.
    Keystore,
    /// Read keystores and their packages.
    KeystoreRead,
    /// Add, change and remove keystores.
    KeystoreDefinition,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Scope; 15] = [
        Scope::Schema,
        Scope::SchemaRead,
        Scope::Record,
        Scope::RecordRead,
        Scope::RecordDelete,
        Scope::FlowDiagram,
        Scope::FlowDiagramRead,
        Scope::Hook,
        Scope::HookRead,
        Scope::Table,
        Scope::TableRead,
        Scope::TableDefinition,
        Scope::Keystore,
        Scope::KeystoreRead,
        Scope::KeystoreDefinition,
    ];

    /// The documented name.
    pub fn name(self) -> &'static str {
        match self {
            Scope::Schema => "schema",
            Scope::SchemaRead => "schema.read",
            Scope::Record => "record",
            Scope::RecordRead => "record.read",
            Scope::RecordDelete => "record.delete",
            Scope::FlowDiagram => "flowdiagram",
            Scope::FlowDiagramRead => "flowdiagram.read",
            Scope::Hook => "hook",
            Scope::HookRead => "hook.read",
            Scope::Table => "table",
            Scope::TableRead => "table.read",
            Scope::TableDefinition => "table.definition",
            Scope::Keystore => "keystore",
            Scope::KeystoreRead => "keystore.read",
            Scope::KeystoreDefinition => "keystore.definition",
        }
    }

    /// What it allows, in words.
    pub fn describe(self) -> &'static str {
        match self {
            Scope::Schema => "Insert, update and remove the schema",
            Scope::SchemaRead => "Read the schema",
            Scope::Record => "Insert, update and remove records",
            Scope::RecordRead => "Read records",
            Scope::RecordDelete => "Remove records",
            Scope::FlowDiagram => "Change flows",
            Scope::FlowDiagramRead => "Read flows",
            Scope::Hook => "Subscribe to events, and change subscriptions",
            Scope::HookRead => "Read subscriptions and what was delivered",
            Scope::Table => "Insert, update and remove rows of tables",
            Scope::TableRead => "Read rows of tables",
            Scope::TableDefinition => "Add, change and remove tables",
            Scope::Keystore => "Write and remove packages of keystores",
            Scope::KeystoreRead => "Read keystores and their packages",
            Scope::KeystoreDefinition => "Add, change and remove keystores",
        }
    }

    /// The scope of that name, if there is one.
    pub fn parse(name: &str) -> Option<Scope> {
        Scope::ALL.into_iter().find(|scope| scope.name() == name)
    }

    /// The wider scope that includes this one: a write scope includes its `.read` and `.delete`.
    fn wider(self) -> Scope {
        match self {
            Scope::Schema | Scope::SchemaRead => Scope::Schema,
            Scope::Record | Scope::RecordRead | Scope::RecordDelete => Scope::Record,
            Scope::FlowDiagram | Scope::FlowDiagramRead => Scope::FlowDiagram,
            Scope::Hook | Scope::HookRead => Scope::Hook,
            Scope::Table | Scope::TableRead => Scope::Table,
            // Whoever may write rows may not thereby remove the table.
            Scope::TableDefinition => Scope::TableDefinition,
            Scope::Keystore | Scope::KeystoreRead => Scope::Keystore,
            // Who keeps data need not be able to do away with all of it.
            Scope::KeystoreDefinition => Scope::KeystoreDefinition,
        }
    }
}

/// A set of scopes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scopes(u16);

impl Scopes {
    /// Every scope.
    pub fn all() -> Scopes {
        Scope::ALL.into_iter().collect()
    }

    /// Reads names separated by spaces or commas; `Err` is the first name that is no scope.
    pub fn parse(names: &str) -> Result<Scopes, &str> {
        names
            .split(|c: char| c == ',' || c.is_whitespace())
            .filter(|name| !name.is_empty())
            .map(|name| Scope::parse(name).ok_or(name))
            .collect()
    }

    /// Whether the scope, or the wider one that includes it, is in the set.
    pub fn grants(self, scope: Scope) -> bool {
        let bits = 1 << scope as u8 | 1 << scope.wider() as u8;
        self.0 & bits != 0
    }

    /// The first scope of the other set that this one does not grant, if there is one.
    pub fn lacks(self, asked: Scopes) -> Option<Scope> {
        asked.iter().find(|scope| !self.grants(*scope))
    }

    /// What both sets grant, each scope by its widest name.
    pub fn common(self, other: Scopes) -> Scopes {
        let is_common = |scope: Scope| self.grants(scope) && other.grants(scope);
        Scope::ALL
            .into_iter()
            .filter(|scope| is_common(*scope) && (scope.wider() == *scope || !is_common(scope.wider())))
            .collect()
    }

    /// What either set grants.
    pub fn with(self, other: Scopes) -> Scopes {
        Scopes(self.0 | other.0)
    }

    /// The names of the set's scopes.
    pub fn names(self) -> Vec<&'static str> {
        self.iter().map(Scope::name).collect()
    }

    fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.0 & 1 << *scope as u8 != 0)
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<T: IntoIterator<Item = Scope>>(scopes: T) -> Scopes {
        Scopes(scopes.into_iter().fold(0, |bits, scope| bits | 1 << scope as u8))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_scope_includes_its_narrower_ones_and_no_others() {
        let record = Scopes::parse("record").expect("a scope");
        assert!(record.grants(Scope::Record) && record.grants(Scope::RecordRead) && record.grants(Scope::RecordDelete));
        assert!(!record.grants(Scope::SchemaRead) && !record.grants(Scope::FlowDiagramRead));
        let read = Scopes::parse("record.read, schema.read").expect("scopes");
        assert!(read.grants(Scope::RecordRead) && !read.grants(Scope::Record) && !read.grants(Scope::RecordDelete));
        assert_eq!(read.names(), ["schema.read", "record.read"]);
        assert_eq!(Scopes::parse("record everything"), Err("everything"));
    }

    #[test]
    fn sets_are_compared_by_what_they_grant() {
        let scopes = |names| Scopes::parse(names).expect("scopes");
        for (one, other, common, lacks) in [
            ("record", "record.read", "record.read", None),
            ("record.read", "record", "record.read", Some(Scope::Record)),
            ("record schema.read", "record schema.read", "schema.read record", None),
            ("record", "record record.read", "record", None),
            ("record.read", "schema", "", Some(Scope::Schema)),
            ("", "", "", None),
        ] {
            assert_eq!(scopes(one).common(scopes(other)).names().join(" "), common, "{one} and {other}");
            assert_eq!(scopes(one).lacks(scopes(other)), lacks, "{one} and {other}");
        }
    }
}
