//! From the typed model of schema documents to types by full name: forms, references, groups and substitutions settled.
//! What refers to what it does not have is found when it is used, since many descriptions are incomplete where nobody looks.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::schema::{Attribute, Base, Complex, Element, Items, Kind, Name, Particle, Schema, Simple, Term, Type};
use crate::error::{Error, Result};
use crate::soap::version::Version;
use crate::soap::wsdl::canonical::XSD;
use crate::soap::wsdl::schema as model;
use crate::xml::name::{XML, is_ncname};

/// Particles that groups and substitutions may make of a description beyond those it has.
const EXPANSION: usize = 200_000;
/// Groups within groups.
const DEPTH: usize = 32;
/// Sequences and choices within each other, those of groups and of elements' own types included.
const NESTING: usize = 100;

/// A schema document with the namespace that its definitions are in, which a document that is included takes over.
pub(super) struct Part<'m> {
    /// The document.
    pub(super) schema: &'m model::Schema,
    /// The namespace.
    pub(super) namespace: &'m str,
}

/// Puts the documents together.
/// # Errors
/// Names that are none, occurrences that are no numbers, and groups that grow without end.
pub(super) fn schema(parts: &[Part<'_>]) -> Result<Schema> {
    let mut builder = Builder {
        groups: HashMap::new(),
        attribute_groups: HashMap::new(),
        attributes: HashMap::new(),
        substitutes: HashMap::new(),
        depth: 0,
        nesting: 0,
        left: EXPANSION,
    };
    for part in parts {
        let scope = Scope::of(part);
        for group in &part.schema.groups {
            builder.groups.insert(scope.global(group.name.as_deref())?, (scope, group));
        }
        for group in &part.schema.attribute_groups {
            builder.attribute_groups.insert(scope.global(group.name.as_deref())?, (scope, group));
        }
        for attribute in &part.schema.attributes {
            builder.attributes.insert(scope.global(attribute.name.as_deref())?, (scope, attribute));
        }
        for element in &part.schema.elements {
            if let Some(head) = &element.substitution_group {
                let name = scope.global(element.name.as_deref())?;
                builder.substitutes.entry(scope.reference(head)).or_default().insert(name);
            }
        }
    }
    let mut schema = Schema::new();
    for part in parts {
        builder.fill(&mut schema, part)?;
    }
    Ok(schema)
}

/// What the definitions of one document take from it.
#[derive(Clone, Copy)]
struct Scope<'m> {
    namespace: &'m str,
    /// Whether the document has no namespace of its own, so that its bare names are in the one it took over.
    is_adopted: bool,
    qualifies_elements: bool,
    qualifies_attributes: bool,
}

impl<'m> Scope<'m> {
    fn of(part: &Part<'m>) -> Scope<'m> {
        let is_qualified = |form: &Option<String>| form.as_deref() == Some("qualified");
        Scope {
            namespace: part.namespace,
            is_adopted: part.schema.target_namespace.is_none(),
            qualifies_elements: is_qualified(&part.schema.element_form_default),
            qualifies_attributes: is_qualified(&part.schema.attribute_form_default),
        }
    }

    fn global(&self, name: Option<&str>) -> Result<Name> {
        Ok(Name::new(self.namespace, checked(name)?))
    }

    fn local(&self, name: Option<&str>, form: Option<&str>, default: bool) -> Result<Name> {
        let is_qualified = form.map_or(default, |form| form == "qualified");
        Ok(Name::new(if is_qualified { self.namespace } else { "" }, checked(name)?))
    }

    fn reference(&self, name: &str) -> Name {
        let mut name = Name::parse(name);
        if self.is_adopted && name.namespace.is_empty() {
            self.namespace.clone_into(&mut name.namespace);
        }
        name
    }
}

/// Names are written into messages as they are.
fn checked(name: Option<&str>) -> Result<&str> {
    let name = name.unwrap_or_default();
    match is_ncname(name) {
        true => Ok(name),
        false => Err(Error::invalid(format!(
            "The description names something '{}', which is no name",
            name.chars().take(60).collect::<String>()
        ))),
    }
}

struct Builder<'m> {
    groups: HashMap<Name, (Scope<'m>, &'m model::NamedGroup)>,
    attribute_groups: HashMap<Name, (Scope<'m>, &'m model::AttributeGroup)>,
    attributes: HashMap<Name, (Scope<'m>, &'m model::Attribute)>,
    /// By the element that they may stand in for.
    substitutes: HashMap<Name, BTreeSet<Name>>,
    /// How many groups we are in.
    depth: usize,
    /// How many sequences and choices we are in.
    nesting: usize,
    /// How many particles groups and substitutions may still make.
    left: usize,
}

/// The elements of a structure as the model keeps them: in one of four fields.
struct Content<'m> {
    all: Option<&'m model::Group>,
    sequence: Option<&'m model::Group>,
    choice: Option<&'m model::Group>,
    group: Option<&'m model::NamedGroup>,
}

impl<'m> Builder<'m> {
    fn fill(&mut self, schema: &mut Schema, part: &Part<'m>) -> Result<()> {
        let scope = Scope::of(part);
        for simple in &part.schema.simple_types {
            let name = scope.global(simple.name.as_deref())?;
            schema.types.entry(name).or_insert(Type::Simple(self.simple(scope, simple)?));
        }
        for complex in &part.schema.complex_types {
            let name = scope.global(complex.name.as_deref())?;
            let mut built = self.complex(scope, complex)?;
            built.name = Some(name.clone());
            schema.types.entry(name).or_insert(Type::Complex(built.into()));
        }
        for element in &part.schema.elements {
            let name = scope.global(element.name.as_deref())?;
            let built = self.typed(scope, element, name.clone())?;
            schema.elements.insert(name, built);
        }
        Ok(())
    }

    fn spend(&mut self) -> Result<()> {
        self.left = self
            .left
            .checked_sub(1)
            .ok_or_else(|| Error::invalid("The description's groups and substitutions expand to too many elements"))?;
        Ok(())
    }

    fn typed(&mut self, scope: Scope<'m>, element: &'m model::Element, name: Name) -> Result<Element> {
        let own = match (&element.complex_type, &element.simple_type) {
            (Some(complex), _) => Some(Type::Complex(self.complex(scope, complex)?.into())),
            (None, Some(simple)) => Some(Type::Simple(self.simple(scope, simple)?)),
            (None, None) => None,
        };
        let kind = match (&element.kind, own, &element.substitution_group) {
            (Some(kind), ..) => Kind::Named(scope.reference(kind)),
            (None, Some(own), _) => Kind::Own(Arc::new(own)),
            (None, None, _) => Kind::xsd("anyType"),
        };
        Ok(Element {
            name,
            kind: Some(kind),
            is_nillable: is_true(element.nillable.as_deref()),
            is_abstract: is_true(element.is_abstract.as_deref()),
        })
    }

    fn complex(&mut self, scope: Scope<'m>, complex: &'m model::ComplexType) -> Result<Complex> {
        let mut built = Complex {
            is_abstract: is_true(complex.is_abstract.as_deref()),
            is_mixed: is_true(complex.mixed.as_deref()),
            has_any_attribute: complex.any_attribute.is_some(),
            ..Complex::default()
        };
        let derived = complex.complex_content.as_ref().or(complex.simple_content.as_ref());
        let Some(derived) = derived else {
            built.content = self.content(
                scope,
                &Content {
                    all: complex.all.as_ref(),
                    sequence: complex.sequence.as_ref(),
                    choice: complex.choice.as_ref(),
                    group: complex.group.as_ref(),
                },
            )?;
            self.attributes(scope, &complex.attributes, &complex.attribute_groups, &mut built.attributes, 0)?;
            return Ok(built);
        };
        built.is_mixed |= is_true(derived.mixed.as_deref());
        built.is_text = complex.simple_content.is_some();
        if let Some(extension) = &derived.extension {
            self.derive(scope, extension, true, &mut built)?;
        } else if let Some(restriction) = &derived.restriction {
            self.derive(scope, restriction, false, &mut built)?;
        }
        Ok(built)
    }

    fn derive(
        &mut self,
        scope: Scope<'m>,
        derivation: &'m model::Derivation,
        is_extension: bool,
        built: &mut Complex,
    ) -> Result<()> {
        let base = derivation.base.as_ref().map(|base| scope.reference(base));
        built.content = self.content(
            scope,
            &Content {
                all: derivation.all.as_ref(),
                sequence: derivation.sequence.as_ref(),
                choice: derivation.choice.as_ref(),
                group: derivation.group.as_ref(),
            },
        )?;
        self.attributes(scope, &derivation.attributes, &derivation.attribute_groups, &mut built.attributes, 0)?;
        if base.as_ref().is_some_and(|base| base.local == "Array" && Version::is_encoding(&base.namespace)) {
            built.array = Some(items(scope, derivation, built.content.as_ref()));
        }
        if built.is_text {
            built.text = self.text(scope, derivation, base.as_ref())?;
        }
        built.has_any_attribute |= derivation.any_attribute.is_some();
        built.base = base.map(|name| Base { name, is_extension });
        Ok(())
    }

    /// The type of a structure's text. A base that is itself a structure has it.
    fn text(
        &mut self,
        scope: Scope<'m>,
        derivation: &'m model::Derivation,
        base: Option<&Name>,
    ) -> Result<Option<Kind>> {
        let own = match &derivation.simple_type {
            Some(simple) => Some(Kind::Own(Arc::new(Type::Simple(self.simple(scope, simple)?)))),
            None => base.cloned().map(Kind::Named),
        };
        let values = texts(&derivation.enumerations);
        Ok(match own {
            Some(base) if !values.is_empty() => {
                Some(Kind::Own(Arc::new(Type::Simple(Simple::Narrowed { base, values }))))
            }
            own => own,
        })
    }

    fn content(&mut self, scope: Scope<'m>, content: &Content<'m>) -> Result<Option<Particle>> {
        if let Some(group) = content.all.or(content.sequence) {
            return self.group(scope, group, false);
        }
        if let Some(group) = content.choice {
            return self.group(scope, group, true);
        }
        match content.group {
            Some(group) => self.named_group(scope, group),
            None => Ok(None),
        }
    }

    fn named_group(&mut self, scope: Scope<'m>, used: &'m model::NamedGroup) -> Result<Option<Particle>> {
        self.spend()?;
        let name = used.reference.as_ref().map(|name| scope.reference(name)).unwrap_or_default();
        if self.depth > DEPTH {
            return Err(Error::invalid(format!("The description nests the group {name} without end")));
        }
        let Some((scope, group)) = self.groups.get(&name).copied() else {
            return Err(Error::invalid(format!("The description uses the group {name}, but does not say what it is")));
        };
        let (min, max) = occurrence(used.min_occurs.as_deref(), used.max_occurs.as_deref())?;
        let content = Content {
            all: group.all.as_ref(),
            sequence: group.sequence.as_ref(),
            choice: group.choice.as_ref(),
            group: None,
        };
        self.depth += 1;
        let inner = self.content(scope, &content)?;
        self.depth -= 1;
        Ok(inner.filter(|_| max > 0).map(|inner| Particle { min, max, term: Term::Sequence(vec![inner]) }))
    }

    fn group(&mut self, scope: Scope<'m>, group: &'m model::Group, is_choice: bool) -> Result<Option<Particle>> {
        let (min, max) = occurrence(group.min_occurs.as_deref(), group.max_occurs.as_deref())?;
        if max == 0 {
            return Ok(None);
        }
        self.nesting += 1;
        if self.nesting > NESTING {
            return Err(Error::invalid(format!("The description nests more than {NESTING} structures")));
        }
        let mut parts: Vec<(Option<u32>, Particle)> = Vec::new();
        for element in &group.elements {
            parts.extend(self.element(scope, element)?.map(|particle| (element.position, particle)));
        }
        for sequence in &group.sequences {
            parts.extend(self.group(scope, sequence, false)?.map(|particle| (sequence.position, particle)));
        }
        for choice in &group.choices {
            parts.extend(self.group(scope, choice, true)?.map(|particle| (choice.position, particle)));
        }
        for used in &group.groups {
            parts.extend(self.named_group(scope, used)?.map(|particle| (used.position, particle)));
        }
        for any in &group.anys {
            let (min, max) = occurrence(any.min_occurs.as_deref(), any.max_occurs.as_deref())?;
            parts.extend((max > 0).then_some((any.position, Particle { min, max, term: Term::Any })));
        }
        self.nesting -= 1;
        // The model keeps particles by their sort; their numbers tell how they stood.
        parts.sort_by_key(|(position, _)| *position);
        let parts = parts.into_iter().map(|(_, particle)| particle).collect();
        Ok(Some(Particle { min, max, term: if is_choice { Term::Choice(parts) } else { Term::Sequence(parts) } }))
    }

    fn element(&mut self, scope: Scope<'m>, element: &'m model::Element) -> Result<Option<Particle>> {
        if self.depth > 0 {
            self.spend()?;
        }
        let (min, max) = occurrence(element.min_occurs.as_deref(), element.max_occurs.as_deref())?;
        if max == 0 {
            return Ok(None);
        }
        let Some(reference) = &element.reference else {
            let name = scope.local(element.name.as_deref(), element.form.as_deref(), scope.qualifies_elements)?;
            let built = self.typed(scope, element, name)?;
            return Ok(Some(Particle { min, max, term: Term::Element(built) }));
        };
        let name = scope.reference(reference);
        checked(Some(&name.local))?;
        let mut names = BTreeSet::new();
        self.stand_ins(&name, &mut names, 0)?;
        names.remove(&name);
        let repeated = |name: Name| Element { name, kind: None, is_nillable: false, is_abstract: false };
        if names.is_empty() {
            return Ok(Some(Particle { min, max, term: Term::Element(repeated(name)) }));
        }
        let one = |name| Particle { min: 1, max: 1, term: Term::Element(repeated(name)) };
        let choices = std::iter::once(name).chain(names).map(one).collect();
        Ok(Some(Particle { min, max, term: Term::Choice(choices) }))
    }

    fn stand_ins(&mut self, name: &Name, names: &mut BTreeSet<Name>, depth: usize) -> Result<()> {
        let direct = match self.substitutes.get(name) {
            Some(direct) if depth <= DEPTH => direct.clone(),
            _ => return Ok(()),
        };
        for name in direct {
            self.spend()?;
            if names.insert(name.clone()) {
                self.stand_ins(&name, names, depth + 1)?;
            }
        }
        Ok(())
    }

    fn attributes(
        &mut self,
        scope: Scope<'m>,
        attributes: &'m [model::Attribute],
        groups: &'m [model::AttributeGroup],
        into: &mut Vec<Attribute>,
        depth: usize,
    ) -> Result<()> {
        for attribute in attributes {
            into.extend(self.attribute(scope, attribute)?);
        }
        for used in groups {
            self.spend()?;
            let name = used.reference.as_ref().map(|name| scope.reference(name)).unwrap_or_default();
            if depth > DEPTH {
                return Err(Error::invalid(format!("The description nests the attribute group {name} without end")));
            }
            if let Some((scope, group)) = self.attribute_groups.get(&name).copied() {
                self.attributes(scope, &group.attributes, &group.attribute_groups, into, depth + 1)?;
            }
        }
        Ok(())
    }

    fn attribute(&mut self, scope: Scope<'m>, attribute: &'m model::Attribute) -> Result<Option<Attribute>> {
        let is_required = attribute.usage.as_deref() == Some("required");
        let is_prohibited = attribute.usage.as_deref() == Some("prohibited");
        if let Some(reference) = &attribute.reference {
            let name = scope.reference(reference);
            // Those of the encoding are written where it asks for them.
            if Version::is_encoding(&name.namespace) {
                return Ok(None);
            }
            checked(Some(&name.local))?;
            let found = self.attributes.get(&name).copied();
            let kind = match found {
                Some((scope, global)) => self.attribute_kind(scope, global)?,
                None => Kind::xsd("string"),
            };
            let fixed = attribute.fixed.clone().or_else(|| found.and_then(|(_, global)| global.fixed.clone()));
            return Ok(Some(Attribute { name, kind, is_required, is_prohibited, fixed }));
        }
        let name = scope.local(attribute.name.as_deref(), attribute.form.as_deref(), scope.qualifies_attributes)?;
        let kind = self.attribute_kind(scope, attribute)?;
        Ok(Some(Attribute { name, kind, is_required, is_prohibited, fixed: attribute.fixed.clone() }))
    }

    fn attribute_kind(&mut self, scope: Scope<'m>, attribute: &'m model::Attribute) -> Result<Kind> {
        Ok(match (&attribute.kind, &attribute.simple_type) {
            (Some(kind), _) => Kind::Named(scope.reference(kind)),
            (None, Some(simple)) => Kind::Own(Arc::new(Type::Simple(self.simple(scope, simple)?))),
            (None, None) => Kind::xsd("anySimpleType"),
        })
    }

    fn simple(&mut self, scope: Scope<'m>, simple: &'m model::SimpleType) -> Result<Simple> {
        if let Some(list) = &simple.list {
            return Ok(Simple::List(self.named_or_own(scope, list.item_type.as_deref(), &list.simple_types)?));
        }
        if let Some(union) = &simple.union {
            let names = union.member_types.iter().flat_map(|names| names.split_whitespace());
            let mut members: Vec<Kind> = names.map(|name| Kind::Named(scope.reference(name))).collect();
            for simple in &union.simple_types {
                members.push(Kind::Own(Arc::new(Type::Simple(self.simple(scope, simple)?))));
            }
            return Ok(Simple::Union(members));
        }
        let Some(restriction) = &simple.restriction else {
            return Ok(Simple::Narrowed { base: Kind::xsd("string"), values: Vec::new() });
        };
        let base = self.named_or_own(scope, restriction.base.as_deref(), &restriction.simple_types)?;
        Ok(Simple::Narrowed { base, values: texts(&restriction.enumerations) })
    }

    fn named_or_own(&mut self, scope: Scope<'m>, name: Option<&str>, own: &'m [model::SimpleType]) -> Result<Kind> {
        Ok(match (name, own.first()) {
            (Some(name), _) => Kind::Named(scope.reference(name)),
            (None, Some(own)) => Kind::Own(Arc::new(Type::Simple(self.simple(scope, own)?))),
            (None, None) => Kind::xsd("string"),
        })
    }
}

/// What an array's items are: by its `arrayType`, or by the one element that it is restricted to.
fn items(scope: Scope<'_>, derivation: &model::Derivation, content: Option<&Particle>) -> Items {
    let declared = derivation.attributes.iter().find_map(|attribute| attribute.array_type.as_deref());
    let element = match content.map(|content| &content.term) {
        Some(Term::Sequence(parts)) => parts.iter().find_map(|part| match &part.term {
            Term::Element(element) => Some(element),
            _ => None,
        }),
        _ => None,
    };
    let label = element.map_or("item", |element| &element.name.local).to_owned();
    match (declared, element.and_then(|element| element.kind.as_ref())) {
        (Some(declared), _) => Items { element: label, ..array_items(&scope.reference(declared)) },
        (None, Some(Kind::Named(name))) => {
            Items { kind: Kind::Named(name.clone()), name: name.clone(), element: label }
        }
        _ => Items { kind: Kind::xsd("anyType"), name: Name::new(XSD, "anyType"), element: label },
    }
}

/// The items of an array of that type: `{namespace}string[][]` is an array of arrays of strings.
pub(super) fn array_items(declared: &Name) -> Items {
    let (item, _) = declared.local.rsplit_once('[').unwrap_or((&declared.local, ""));
    let name = Name::new(&declared.namespace, item);
    let kind = match item.contains('[') && item.matches('[').count() <= 8 {
        false => Kind::Named(name.clone()),
        true => {
            Kind::Own(Arc::new(Type::Complex(Complex { array: Some(array_items(&name)), ..Complex::default() }.into())))
        }
    };
    Items { kind, name, element: "item".to_owned() }
}

fn texts(enumerations: &[model::Enumeration]) -> Vec<String> {
    enumerations.iter().filter_map(|enumeration| enumeration.value.clone()).collect()
}

fn is_true(text: Option<&str>) -> bool {
    matches!(text.map(str::trim), Some("true" | "1"))
}

fn occurrence(min: Option<&str>, max: Option<&str>) -> Result<(u32, u32)> {
    let number = |text: &str| {
        text.trim().parse::<u32>().map_err(|_| {
            Error::invalid(format!(
                "The description says that something occurs '{}' times, which is no number",
                text.chars().take(40).collect::<String>()
            ))
        })
    };
    let min = min.map_or(Ok(1), number)?;
    let max = match max {
        Some("unbounded") => u32::MAX,
        Some(max) => number(max)?,
        None => 1,
    };
    Ok((min, max))
}

/// Whether a namespace is a standard's, so that nobody has to fetch what is in it.
pub(super) fn is_known_elsewhere(namespace: &str) -> bool {
    namespace == XSD
        || namespace == XML
        || namespace == "http://www.w3.org/2005/05/xmlmime"
        || namespace == crate::soap::wsdl::canonical::WSDL
        || namespace == crate::xml::document::XSI
        || Version::is_encoding(namespace)
        || Version::of_envelope(namespace).is_some()
}
