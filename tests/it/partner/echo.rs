//! Descriptions and values made at random: what a call says, read as an answer of the same type, is what was to be said.

use std::fmt::Write;

use flowgate::soap::partner::{Document, Partner, Reply};
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value, json};

/// A type of a member.
#[derive(Clone, Debug)]
enum Kind {
    /// One of the schema language's own.
    Plain(&'static str),
    /// Whole numbers in a list.
    Numbers,
    /// A decimal with an attribute.
    Amount,
    /// A structure, or one that derives from it.
    Pet,
    /// A structure of its own.
    Structure(Vec<Field>),
    /// One of two.
    Choice(Box<Field>, Box<Field>),
}

#[derive(Clone, Debug)]
struct Field {
    kind: Kind,
    is_optional: bool,
    is_nillable: bool,
    repeats: bool,
    is_qualified: bool,
}

fn field(depth: u32) -> impl Strategy<Value = Field> {
    (kind(depth), any::<[bool; 4]>()).prop_map(|(kind, [is_optional, is_nillable, repeats, is_qualified])| Field {
        kind,
        is_optional,
        is_nillable,
        repeats,
        is_qualified,
    })
}

fn kind(depth: u32) -> proptest::strategy::BoxedStrategy<Kind> {
    const PLAIN: [&str; 8] = ["string", "int", "decimal", "boolean", "double", "date", "base64Binary", "unsignedLong"];
    let plain = (0..PLAIN.len()).prop_map(|index| Kind::Plain(PLAIN[index]));
    let flat = prop_oneof![6 => plain, 1 => Just(Kind::Numbers), 1 => Just(Kind::Amount), 1 => Just(Kind::Pet)];
    if depth == 0 {
        return flat.boxed();
    }
    let structure = vec(field(depth - 1), 0..5).prop_map(Kind::Structure);
    let choice = (field(depth - 1), field(depth - 1)).prop_map(|(one, other)| {
        // Whatever is in a choice is chosen, and not itself a choice: that would be one choice of three.
        let plain = |field: Field| match field.kind {
            Kind::Choice(..) => Field { kind: Kind::Pet, ..field },
            _ => field,
        };
        let required = |field: Field| Field { is_optional: false, is_nillable: false, ..plain(field) };
        Kind::Choice(Box::new(required(one)), Box::new(required(other)))
    });
    prop_oneof![4 => flat, 2 => structure, 1 => choice].boxed()
}

/// The fields as a sequence; every field is named by its place.
fn sequence(fields: &[Field], out: &mut String) {
    out.push_str("<x:sequence>");
    for (index, field) in fields.iter().enumerate() {
        match &field.kind {
            Kind::Choice(one, other) => {
                out.push_str("<x:choice>");
                element(&format!("f{index}a"), one, out);
                element(&format!("f{index}b"), other, out);
                out.push_str("</x:choice>");
            }
            _ => element(&format!("f{index}"), field, out),
        }
    }
    out.push_str("</x:sequence>");
}

fn element(name: &str, field: &Field, out: &mut String) {
    write!(out, "<x:element name='{name}'").expect("memory");
    if field.is_optional {
        out.push_str(" minOccurs='0'");
    }
    if field.repeats {
        out.push_str(" maxOccurs='unbounded'");
    }
    if field.is_nillable {
        out.push_str(" nillable='true'");
    }
    write!(out, " form='{}'", if field.is_qualified { "qualified" } else { "unqualified" }).expect("memory");
    match &field.kind {
        Kind::Plain(name) => write!(out, " type='x:{name}'/>").expect("memory"),
        Kind::Numbers => out.push_str(" type='t:Numbers'/>"),
        Kind::Amount => out.push_str(" type='t:Amount'/>"),
        Kind::Pet => out.push_str(" type='t:Pet'/>"),
        Kind::Structure(fields) => {
            out.push_str("><x:complexType>");
            sequence(fields, out);
            out.push_str("</x:complexType></x:element>");
        }
        Kind::Choice(..) => panic!("a choice is no element"),
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Form {
    Document,
    RpcLiteral,
    RpcEncoded,
}

fn description(fields: &[Field], form: Form, soap: &str) -> String {
    let mut content = String::new();
    sequence(fields, &mut content);
    let (style, usage, input, output) = match form {
        Form::Document => ("document", "literal", "element='t:echo'", "element='t:echoed'"),
        Form::RpcLiteral => ("rpc", "literal", "type='t:Content'", "type='t:Content'"),
        Form::RpcEncoded => ("rpc", "encoded", "type='t:Content'", "type='t:Content'"),
    };
    format!(
        "<definitions xmlns='http://schemas.xmlsoap.org/wsdl/' xmlns:x='http://www.w3.org/2001/XMLSchema' xmlns:t='urn:t'
          xmlns:s='http://schemas.xmlsoap.org/wsdl/{soap}/' targetNamespace='urn:t'><types><x:schema targetNamespace='urn:t'>
          <x:complexType name='Content'>{content}</x:complexType>
          <x:element name='echo' type='t:Content'/><x:element name='echoed' type='t:Content'/>
          <x:simpleType name='Numbers'><x:list itemType='x:long'/></x:simpleType>
          <x:complexType name='Amount'><x:simpleContent><x:extension base='x:decimal'><x:attribute name='unit' use='required'/>
          </x:extension></x:simpleContent></x:complexType>
          <x:complexType name='Pet'><x:sequence><x:element name='name' type='x:string'/></x:sequence></x:complexType>
          <x:complexType name='Dog'><x:complexContent><x:extension base='t:Pet'><x:sequence>
          <x:element name='tricks' type='x:string' minOccurs='0' maxOccurs='9'/></x:sequence><x:attribute name='age' type='x:byte'/>
          </x:extension></x:complexContent></x:complexType></x:schema></types>
          <message name='i'><part name='p' {input}/></message><message name='o'><part name='p' {output}/></message>
          <portType name='T'><operation name='echo'><input message='t:i'/><output message='t:o'/></operation></portType>
          <binding name='B' type='t:T'><s:binding style='{style}'/><operation name='echo'><s:operation soapAction='a'/>
          <input><s:body use='{usage}' namespace='urn:r'/></input><output><s:body use='{usage}' namespace='urn:r'/></output>
          </operation></binding><service name='S'><port name='P' binding='t:B'><s:address location='http://t/'/></port></service>
          </definitions>"
    )
}

/// Numbers that decide what a value is, over and over again.
struct Dice<'d> {
    numbers: &'d [u64],
    next: usize,
}

impl Dice<'_> {
    fn roll(&mut self, below: u64) -> u64 {
        self.next += 1;
        self.numbers[self.next % self.numbers.len()].wrapping_add(self.next as u64) % below
    }

    fn pick<'t>(&mut self, from: &[&'t str]) -> &'t str {
        let index = self.roll(from.len() as u64);
        from[usize::try_from(index).expect("an index")]
    }

    fn text(&mut self) -> String {
        const SIGNS: [&str; 12] = ["a", " ", "<", "&", "\"", "]]>", "\n", "\r", "\t", "é", "🙂", "0"];
        (0..self.roll(6)).map(|_| self.pick(&SIGNS)).collect()
    }
}

fn structure(fields: &[Field], dice: &mut Dice<'_>) -> Map<String, Value> {
    let mut members = Map::new();
    for (index, field) in fields.iter().enumerate() {
        let name = format!("f{index}");
        match &field.kind {
            Kind::Choice(one, other) => {
                let (letter, field) = if dice.roll(2) == 0 { ("a", one) } else { ("b", other) };
                member(format!("{name}{letter}"), field, dice, &mut members);
            }
            _ => member(name, field, dice, &mut members),
        }
    }
    members
}

fn member(name: String, field: &Field, dice: &mut Dice<'_>, members: &mut Map<String, Value>) {
    let one = |dice: &mut Dice<'_>| match field.is_nillable && dice.roll(3) == 0 {
        true => Value::Null,
        false => value(&field.kind, dice),
    };
    if field.repeats {
        let least = u64::from(!field.is_optional);
        let count = least + dice.roll(3);
        members.insert(name, (0..count).map(|_| one(dice)).collect());
    } else if !field.is_optional || dice.roll(2) == 0 {
        members.insert(name, one(dice));
    }
}

fn value(kind: &Kind, dice: &mut Dice<'_>) -> Value {
    match kind {
        Kind::Plain("int") => (dice.roll(1 << 32) as i64 - (1 << 31)).into(),
        Kind::Plain("unsignedLong") => dice.roll(u64::MAX).into(),
        Kind::Plain("boolean") => (dice.roll(2) == 0).into(),
        Kind::Plain("double") => (dice.roll(u64::MAX) as f64 / 7.0).into(),
        Kind::Plain("decimal") => decimal(dice),
        Kind::Plain("date") => "2024-02-29".into(),
        Kind::Plain("base64Binary") => dice.pick(&["", "YQ==", "AAECAwQ="]).into(),
        Kind::Plain(_) => dice.text().into(),
        Kind::Numbers => (0..dice.roll(4)).map(|_| Value::from(dice.roll(1 << 40))).collect(),
        Kind::Amount => json!({ "@unit": dice.text().replace(['\n', '\r', '\t'], "-"), "$value": decimal(dice) }),
        Kind::Pet if dice.roll(2) == 0 => json!({ "name": dice.text() }),
        Kind::Pet => {
            let tricks: Vec<String> = (0..dice.roll(3)).map(|_| dice.text()).collect();
            json!({ "@xsi:type": "Dog", "name": dice.text(), "tricks": tricks, "@age": dice.roll(128) })
        }
        Kind::Structure(fields) => Value::Object(structure(fields, dice)),
        Kind::Choice(..) => panic!("a choice is no value"),
    }
}

fn decimal(dice: &mut Dice<'_>) -> Value {
    match dice.roll(3) {
        0 => (dice.roll(1 << 50) as i64 - (1 << 49)).into(),
        1 => (dice.roll(1 << 20) as f64 + 0.125).into(),
        _ => format!("-{}.{:018}1", dice.roll(u64::MAX), dice.roll(1 << 50)).into(),
    }
}

#[test]
fn what_is_sent_is_what_comes_back() {
    let strategy = (vec(field(3), 0..6), vec(any::<u64>(), 8..64));
    let mut runner = TestRunner::new(Config { cases: 128, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&strategy, |(fields, numbers)| {
        let sent = Value::Object(structure(&fields, &mut Dice { numbers: &numbers, next: 0 }));
        for form in [Form::Document, Form::RpcLiteral, Form::RpcEncoded] {
            for soap in ["soap", "soap12"] {
                let text = description(&fields, form, soap);
                let document = Document { location: String::new(), text };
                let partner = Partner::read(&[document]).map_err(|error| fail(&error))?;
                let operation = partner.operation("echo", None).map_err(|error| fail(&error))?;
                let arguments = if form == Form::Document { sent.clone() } else { json!({ "p": sent }) };
                let call = operation.request(&arguments, None).map_err(|error| fail(&error))?;
                let answer = String::from_utf8(call.body).expect("UTF-8");
                let answer = match form {
                    Form::Document => {
                        answer.replace("<ns1:echo>", "<ns1:echoed>").replace("</ns1:echo>", "</ns1:echoed>")
                    }
                    _ => answer,
                };
                let reply = operation.reply(200, "", answer.as_bytes()).map_err(|error| fail(&error))?;
                if reply != Reply::Done(arguments.clone()) {
                    return Err(fail(&format!("{form:?} {soap}\n{arguments}\n{reply:?}\n{answer}")));
                }
            }
        }
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

fn fail(reason: &dyn std::fmt::Display) -> proptest::test_runner::TestCaseError {
    proptest::test_runner::TestCaseError::fail(reason.to_string())
}
