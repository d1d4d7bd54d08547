//! The envelope: version, header blocks, body, and what the request tells about the dialect its sender speaks.
//! It knows no operation by name; which child of the body is the call is decided with the caller's list.

use crate::soap::version::Version;
use crate::xml::document::{Document, Element};

/// Why a document is not an envelope we can process.
#[derive(Debug, PartialEq, Eq)]
pub enum EnvelopeError {
    /// The root is an Envelope of a version we do not speak (SOAP 1.1 §4.4, SOAP 1.2 §2.8).
    VersionMismatch,
    /// It is no envelope, or not of the right form.
    Malformed(String),
}

/// A SOAP message.
#[derive(Clone, Copy, Debug)]
pub struct Envelope<'a> {
    /// The version, decided by the envelope's namespace alone.
    pub version: Version,
    /// The namespace as it was sent; answered in kind.
    pub namespace: &'a str,
    /// The header, if there is one.
    pub header: Option<Element<'a, 'a>>,
    /// The body.
    pub body: Element<'a, 'a>,
    /// Whether the sender uses the section 5 encoding: an `encodingStyle`, `xsi:type` or `href` attribute says so.
    pub encoded: bool,
}

/// The element of the body that names the operation, and the part that holds its parameters.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The operation.
    pub operation: &'static str,
    /// The namespace of the operation's element; empty for none.
    pub namespace: &'a str,
    /// The element whose children are the operation's parameters, or the operation's element itself.
    pub element: Element<'a, 'a>,
}

impl<'a> Envelope<'a> {
    /// Finds the parts of an envelope.
    /// # Errors
    /// A root that is not an Envelope of a version we speak, or children that are not one Header at most and one Body.
    pub fn of(document: &'a Document<'a>) -> Result<Envelope<'a>, EnvelopeError> {
        let malformed = |message: &str| EnvelopeError::Malformed(message.to_owned());
        let root = document.root();
        if root.local() != "Envelope" {
            return Err(malformed("The document is not a SOAP Envelope"));
        }
        let namespace = &*root.name().namespace;
        let version = Version::of_envelope(namespace).ok_or(EnvelopeError::VersionMismatch)?;
        let (mut header, mut body) = (None, None);
        for child in root.children() {
            match child.local() {
                _ if child.name().namespace != namespace => {
                    return Err(malformed("The Envelope holds something besides Header and Body"));
                }
                "Header" if header.is_none() && body.is_none() => header = Some(child),
                "Body" if body.is_none() => body = Some(child),
                "Header" => return Err(malformed("The Envelope has a second or misplaced Header")),
                "Body" => return Err(malformed("The Envelope has two Bodies")),
                _ => return Err(malformed("The Envelope holds something besides Header and Body")),
            }
        }
        let body = body.ok_or_else(|| malformed("The Envelope has no Body"))?;
        let encoded = is_encoded(root, namespace)
            || is_encoded(body, namespace)
            || body.subtree().any(|element| is_encoded(element, namespace));
        Ok(Envelope { version, namespace, header, body, encoded })
    }

    /// The header blocks.
    pub fn header_blocks(&self) -> impl Iterator<Item = Element<'a, 'a>> {
        self.header.into_iter().flat_map(Element::children)
    }

    /// Whether the block must be understood, and by us.
    pub fn must_understand(&self, block: Element<'a, 'a>) -> bool {
        let names = self.version.names();
        let demanded =
            block.attribute(self.namespace, "mustUnderstand").is_some_and(|value| matches!(value.trim(), "1" | "true"));
        let ours = block
            .attribute(self.namespace, names.role)
            .map(str::trim)
            .is_none_or(|role| role.is_empty() || role == names.next || role.ends_with("/role/ultimateReceiver"));
        demanded && ours
    }

    /// Finds the call in the body.
    ///
    /// `known` maps an element's local name to an operation, `parameters` tells whether a name is one of an operation's
    /// own parameters, and `action` is the operation that SOAPAction names; it is asked only where the body holds a bare
    /// `input` and so names none.
    /// # Errors
    /// A sentence for the caller where the body holds no call, several, or an unknown one.
    pub fn call(
        &self,
        known: impl Fn(&str) -> Option<&'static str>,
        parameters: impl Fn(&'static str, &str) -> bool,
        action: Option<&'static str>,
    ) -> Result<Call<'a>, String> {
        let element = self.call_element(&known)?;
        let local = element.local();
        let namespace = &*element.name().namespace;
        let operation = known(local).or_else(|| known(local.strip_suffix("Request")?));
        match (operation, local) {
            (Some(operation), _) => {
                let element = parameters_of(element, |name| parameters(operation, name))?;
                Ok(Call { operation, namespace, element })
            }
            (None, "input") => match action {
                Some(operation) => Ok(Call { operation, namespace, element }),
                None => Err("The Body holds a bare 'input' and SOAPAction names no operation".to_owned()),
            },
            (None, other) => Err(format!("There is no operation '{}'", other.chars().take(60).collect::<String>())),
        }
    }

    /// The body's child that is the call: independent elements of the section 5 encoding beside it carry an `id`.
    fn call_element(&self, known: impl Fn(&str) -> Option<&'static str>) -> Result<Element<'a, 'a>, String> {
        let independent = |child: &Element<'a, 'a>| {
            let identified = child.attributes().iter().any(|a| {
                a.name.local == "id" && (a.name.namespace.is_empty() || Version::is_encoding(&a.name.namespace))
            });
            identified
                || child
                    .attributes()
                    .iter()
                    .any(|a| a.name.local == "root" && a.value == "0" && Version::is_encoding(&a.name.namespace))
        };
        let mut calls = self.body.children().filter(|child| !independent(child));
        match (calls.next(), calls.next()) {
            (Some(call), None) => Ok(call),
            (Some(_), Some(second)) => Err(format!(
                "The Body holds more than one call; '{}' is the second",
                second.local().chars().take(60).collect::<String>()
            )),
            (None, _) => {
                let named = self.body.children().find(|child| known(child.local()).is_some());
                named.ok_or_else(|| "The Body holds no operation".to_owned())
            }
        }
    }
}

/// The part named `input`, or the one part of another name (`param0`, the request type's name), or, where the sender
/// left the part out and put the parameters straight into the operation's element, that element.
fn parameters_of<'a>(
    operation: Element<'a, 'a>,
    is_parameter: impl Fn(&str) -> bool,
) -> Result<Element<'a, 'a>, String> {
    let mut children = operation.children();
    let mut inputs = children.clone().filter(|child| child.local() == "input");
    match (inputs.next(), inputs.next()) {
        (Some(input), None) => return Ok(input),
        (Some(_), Some(_)) => return Err(format!("{} has two parts 'input'", operation.local())),
        (None, _) => {}
    }
    match (children.next(), children.next()) {
        (Some(only), None) if !is_parameter(only.local()) => Ok(only),
        _ => Ok(operation),
    }
}

fn is_encoded(element: Element<'_, '_>, envelope: &str) -> bool {
    element.attributes().iter().any(|attribute| match attribute.name.local {
        "encodingStyle" => {
            attribute.name.namespace == envelope
                && Version::is_encoding(attribute.value.split_whitespace().next().unwrap_or_default())
        }
        "href" => attribute.name.namespace.is_empty() && attribute.value.starts_with('#'),
        "type" => attribute.name.namespace == crate::xml::document::XSI,
        _ => false,
    })
}

/// The last part of a SOAPAction or `action` value, which names the operation in every spelling that toolkits send:
/// `"urn:Flowize:webhook"`, `Flowize#webhook`, `#webhook`, `Flowize/webhook`, with or without quotes, even doubled ones.
pub fn action_name(action: &str) -> &str {
    let bare = action.trim().trim_matches('"');
    bare.rsplit(['#', '/', ':']).next().unwrap_or(bare)
}
