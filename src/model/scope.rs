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
}

impl Scope {
    /// Every scope.
    pub const ALL: [Scope; 7] = [
        Scope::Schema,
        Scope::SchemaRead,
        Scope::Record,
        Scope::RecordRead,
        Scope::RecordDelete,
        Scope::FlowDiagram,
        Scope::FlowDiagramRead,
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
        }
    }
}

/// A set of scopes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scopes(u8);

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

    /// The names of the set's scopes.
    pub fn names(self) -> Vec<&'static str> {
        Scope::ALL.into_iter().filter(|scope| self.0 & 1 << *scope as u8 != 0).map(Scope::name).collect()
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
}
