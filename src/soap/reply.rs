//! Writing replies and faults in the dialect of the request: version, encoding, namespace and addressing are mirrored.
//! What a reply says is decided above; here only how it is spelled.

use crate::soap::version::Version;
use crate::xml::write::Writer;

/// The namespace of the rpc/encoded service, as documented.
pub const ENCODED_NAMESPACE: &str = "Flowize";
/// The namespace of the document/literal services. It is absolute, because Canonical XML refuses relative ones.
pub const LITERAL_NAMESPACE: &str = "urn:Flowize";
/// The port type's name, from which WS-Addressing derives default actions.
pub const PORT_TYPE: &str = "FlowizePortType";

const XSD: &str = "http://www.w3.org/2001/XMLSchema";
const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// How the sender of a request speaks, and so wants to be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialect {
    /// The version.
    pub version: Version,
    /// The envelope's namespace as it was sent.
    pub envelope: String,
    /// Whether the request used the section 5 encoding.
    pub encoded: bool,
    /// The namespace of the request's wrapper; empty for none.
    pub namespace: String,
    /// What WS-Addressing asks to be told back.
    pub addressing: Option<Addressing>,
}

/// The WS-Addressing properties of a request that its reply relates to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addressing {
    /// The namespace of the WS-Addressing version in use.
    pub namespace: String,
    /// The request's MessageID.
    pub message_id: String,
}

impl Dialect {
    /// The dialect of a request of which only the version is known, because it could not be read.
    pub fn unread(version: Version) -> Dialect {
        Dialect {
            version,
            envelope: version.names().envelope.to_owned(),
            encoded: false,
            namespace: LITERAL_NAMESPACE.to_owned(),
            addressing: None,
        }
    }

    /// Whether the sender is taken for a user of the rpc/encoded description, and so for one who knows the documented
    /// faults. Some toolkits that use it encode nothing, and only its namespace shows it.
    pub fn is_documented(&self) -> bool {
        self.encoded || self.namespace == ENCODED_NAMESPACE
    }

    /// The namespace to answer in.
    fn reply_namespace(&self) -> &str {
        match self.namespace.as_str() {
            "" => ENCODED_NAMESPACE,
            namespace => namespace,
        }
    }
}

/// A reply: one structure of text elements within the operation's response element.
#[derive(Debug)]
pub struct Reply<'r> {
    /// The operation.
    pub operation: &'r str,
    /// The name of the structure's element.
    pub element: &'r str,
    /// The name of the structure's type.
    pub type_name: &'r str,
    /// Element names and texts, in order.
    pub fields: &'r [(&'r str, &'r str)],
}

/// Who is to blame, which is all that standard fault codes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The request: `Client`, `Sender`.
    Sender,
    /// The gateway: `Server`, `Receiver`.
    Receiver,
}

/// The form of a fault's code and detail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultForm {
    /// Numeric code, `item`/`key`/`value` details: document 003.
    Documented,
    /// Standard code, a typed `FlowizeFault` first in the detail, the documented items after it.
    Standard,
}

/// A fault.
#[derive(Debug)]
pub struct Fault<'r> {
    /// Who is to blame.
    pub blame: Blame,
    /// The documented number, for instance 404.
    pub code: u16,
    /// The sentence for the caller.
    pub message: &'r str,
    /// An opaque reference that the log knows too.
    pub reference: &'r str,
    /// The form of code and detail.
    pub form: FaultForm,
}

/// A fault of the protocol itself, whose code the standard fixes.
#[derive(Debug)]
pub enum ProtocolFault<'r> {
    /// The envelope's version is not spoken here.
    VersionMismatch,
    /// A header block that must be understood is not: its namespace and local name.
    MustUnderstand(&'r str, &'r str),
}

/// Writes a reply.
pub fn write_reply(dialect: &Dialect, reply: &Reply<'_>) -> String {
    let size: usize = reply.fields.iter().map(|(_, text)| text.len() + 64).sum();
    let mut w = Writer::with_capacity(size + 1024);
    let layout = if dialect.encoded { Layout::Typed } else { Layout::Plain };
    open_envelope(&mut w, dialect, layout, reply.operation);
    let response = format!("ns1:{}Response", reply.operation);
    let string: &[(&str, &str)] = if dialect.encoded { &[("xsi:type", "xsd:string")] } else { &[] };
    match (dialect.encoded, dialect.version) {
        (false, _) => w.open(&response, &[]).open(reply.element, &[]),
        (true, version) => {
            // SOAP 1.2 allows encodingStyle no higher than here (part 1 §5.1.1).
            let style = ("env:encodingStyle", version.names().encoding);
            let typed = ("xsi:type", response.as_str());
            match version {
                Version::V11 => w.open(&response, &[typed]),
                Version::V12 => w.open(&response, &[style, typed]),
            };
            w.open(reply.element, &[("xsi:type", &format!("ns1:{}", reply.type_name))])
        }
    };
    for (name, text) in reply.fields {
        w.element(name, string, text);
    }
    w.close(reply.element).close(&response);
    close_envelope(&mut w, dialect);
    w.finish()
}

/// Writes a fault.
pub fn write_fault(dialect: &Dialect, fault: &Fault<'_>) -> String {
    let mut w = Writer::with_capacity(1024);
    open_envelope(&mut w, dialect, Layout::Fault, "");
    match dialect.version {
        Version::V11 => fault_v11(&mut w, dialect, fault),
        Version::V12 => fault_v12(&mut w, dialect, fault),
    }
    close_envelope(&mut w, dialect);
    w.finish()
}

/// Writes a fault of the protocol itself (SOAP 1.1 §4.4, SOAP 1.2 part 1 §5.4.6–5.4.8).
pub fn write_protocol_fault(dialect: &Dialect, fault: &ProtocolFault<'_>) -> String {
    let mut w = Writer::with_capacity(1024);
    let (code, reason) = match fault {
        ProtocolFault::VersionMismatch => {
            ("VersionMismatch", "The Envelope is of a SOAP version that is not spoken here".to_owned())
        }
        ProtocolFault::MustUnderstand(namespace, local) => (
            "MustUnderstand",
            format!("The header block {{{namespace}}}{local} must be understood, but is not known here"),
        ),
    };
    open_protocol_envelope(&mut w, dialect, fault);
    match dialect.version {
        Version::V11 => {
            w.open("SOAP-ENV:Fault", &[]);
            w.element("faultcode", &[], &format!("SOAP-ENV:{code}")).element("faultstring", &[], &reason);
            w.close("SOAP-ENV:Fault");
        }
        Version::V12 => {
            w.open("env:Fault", &[])
                .open("env:Code", &[])
                .element("env:Value", &[], &format!("env:{code}"))
                .close("env:Code");
            reason_v12(&mut w, &reason);
            w.close("env:Fault");
        }
    }
    close_envelope(&mut w, dialect);
    w.finish()
}

fn fault_v11(w: &mut Writer, dialect: &Dialect, fault: &Fault<'_>) {
    // Order and absence of a namespace are what .NET insists on: faultcode, faultstring, faultactor, detail.
    let code = match fault.form {
        FaultForm::Documented => fault.code.to_string(),
        FaultForm::Standard => format!("SOAP-ENV:{}", blamed(dialect.version, fault.blame)),
    };
    w.open("SOAP-ENV:Fault", &[]);
    w.element("faultcode", &[], &code);
    w.element("faultstring", &[], fault.message);
    w.element("faultactor", &[], fault.reference);
    w.open("detail", &[]);
    detail(w, dialect, fault);
    w.close("detail").close("SOAP-ENV:Fault");
}

fn fault_v12(w: &mut Writer, dialect: &Dialect, fault: &Fault<'_>) {
    // A number is no legal Value here, so the documented one travels as the Subcode, where it must be a QName.
    w.open("env:Fault", &[]).open("env:Code", &[]);
    w.element("env:Value", &[], &format!("env:{}", blamed(dialect.version, fault.blame)));
    w.open("env:Subcode", &[]);
    w.element("env:Value", &[("xmlns:ns1", dialect.reply_namespace())], &format!("ns1:E{}", fault.code));
    w.close("env:Subcode").close("env:Code");
    reason_v12(w, fault.message);
    w.open("env:Detail", &[]);
    detail(w, dialect, fault);
    w.close("env:Detail").close("env:Fault");
}

fn reason_v12(w: &mut Writer, message: &str) {
    w.open("env:Reason", &[]).element("env:Text", &[("xml:lang", "en")], message).close("env:Reason");
}

fn detail(w: &mut Writer, dialect: &Dialect, fault: &Fault<'_>) {
    let code = fault.code.to_string();
    if fault.form == FaultForm::Standard || dialect.version == Version::V12 {
        w.open("ns1:FlowizeFault", &[("xmlns:ns1", dialect.reply_namespace())]);
        w.element("Code", &[], &code).element("Message", &[], fault.message).element("Reference", &[], fault.reference);
        w.close("ns1:FlowizeFault");
    }
    for (key, value) in [("code", code.as_str()), ("message", fault.message)] {
        w.open("item", &[]).element("key", &[], key).element("value", &[], value).close("item");
    }
}

fn blamed(version: Version, blame: Blame) -> &'static str {
    match blame {
        Blame::Sender => version.names().sender,
        Blame::Receiver => version.names().receiver,
    }
}

/// What the envelope's start tag declares.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// What a typed reply refers to, in the documented order.
    Typed,
    /// The service's namespace.
    Plain,
    /// Nothing: a fault declares the namespace where it uses it, so that its envelope is the documented one.
    Fault,
}

/// `operation` is the one that is answered.
fn open_envelope(w: &mut Writer, dialect: &Dialect, layout: Layout, operation: &str) {
    let names = dialect.version.names();
    let mut attributes = vec![(names.tags.xmlns, dialect.envelope.as_str())];
    match layout {
        Layout::Fault => {}
        Layout::Plain => attributes.push(("xmlns:ns1", dialect.reply_namespace())),
        Layout::Typed => {
            attributes.extend([
                ("xmlns:xsd", XSD),
                ("xmlns:xsi", XSI),
                ("xmlns:ns1", dialect.reply_namespace()),
                ("xmlns:SOAP-ENC", names.encoding),
            ]);
            if dialect.version == Version::V11 {
                attributes.insert(0, ("SOAP-ENV:encodingStyle", names.encoding));
            }
        }
    }
    w.markup("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    w.open(names.tags.envelope, &attributes);
    if let Some(addressing) = &dialect.addressing {
        let action = match layout {
            Layout::Fault => format!("{}/soap/fault", addressing.namespace),
            Layout::Typed | Layout::Plain => reply_action(dialect.reply_namespace(), operation),
        };
        w.open(names.tags.header, &[("xmlns:wsa", &addressing.namespace)]);
        w.element("wsa:Action", &[], &action).element("wsa:RelatesTo", &[], &addressing.message_id);
        w.close(names.tags.header);
    }
    w.open(names.tags.body, &[]);
}

fn open_protocol_envelope(w: &mut Writer, dialect: &Dialect, fault: &ProtocolFault<'_>) {
    let names = dialect.version.names();
    w.markup("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    w.open(names.tags.envelope, &[(names.tags.xmlns, &dialect.envelope)]);
    if dialect.version == Version::V12 {
        w.open("env:Header", &[]);
        match fault {
            ProtocolFault::VersionMismatch => {
                w.open("env:Upgrade", &[]);
                w.open(
                    "env:SupportedEnvelope",
                    &[("qname", "ns1:Envelope"), ("xmlns:ns1", Version::V12.names().envelope)],
                )
                .close("env:SupportedEnvelope");
                w.open(
                    "env:SupportedEnvelope",
                    &[("qname", "ns2:Envelope"), ("xmlns:ns2", Version::V11.names().envelope)],
                )
                .close("env:SupportedEnvelope");
                w.close("env:Upgrade");
            }
            ProtocolFault::MustUnderstand("", local) => {
                w.open("env:NotUnderstood", &[("qname", local)]).close("env:NotUnderstood");
            }
            ProtocolFault::MustUnderstand(namespace, local) => {
                w.open("env:NotUnderstood", &[("qname", &format!("ns1:{local}")), ("xmlns:ns1", namespace)])
                    .close("env:NotUnderstood");
            }
        }
        w.close("env:Header");
    }
    w.open(names.tags.body, &[]);
}

fn close_envelope(w: &mut Writer, dialect: &Dialect) {
    let tags = &dialect.version.names().tags;
    w.close(tags.body).close(tags.envelope);
}

/// The default action of an operation's reply (WS-Addressing 1.0 Metadata §4.4.4). Faults have one of their own
/// (WS-Addressing 1.0 SOAP Binding §6.4.1).
fn reply_action(namespace: &str, operation: &str) -> String {
    let delimiter = if namespace.starts_with("urn:") { ':' } else { '/' };
    format!("{namespace}{delimiter}{PORT_TYPE}{delimiter}{operation}Response")
}
