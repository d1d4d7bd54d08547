//! Sample envelopes for the service page, made from the message table and never written by hand.
//! They are what a caller may send and will be answered; nothing on the serving path uses them.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::facade::soap::message::{DATA_RECORD_OBJECT, FAULT, Need, SCHEMA_OBJECT, SERVICE, need, outcome};
use crate::soap::shape::{Field, Kind, Shape, Signature};
use crate::soap::wsdl::Style;

const SOAP11: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const SOAP12: &str = "http://www.w3.org/2003/05/soap-envelope";
const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";
const XSD: &str = "http://www.w3.org/2001/XMLSchema";
const SECTION_5: &str = "http://schemas.xmlsoap.org/soap/encoding/";

/// The reference that the documented faults show, in hexadecimal.
const REFERENCE: &str = "4835673853764648792b31693641394b685769626f48706453346235776c4f3666716f2f54384b466b75733d";

/// A request that fills in what the operation needs.
pub fn request(style: Style, operation: &Signature) -> String {
    let prefix = request_prefix(style);
    let mut xml = Xml::default();
    xml.open(&format!("soapenv:Envelope{}", request_namespaces(style)));
    xml.line("<soapenv:Header/>");
    xml.open("soapenv:Body");
    xml.open(&format!("{prefix}:{}", operation.name));
    request_structure(&mut xml, style, operation.name, "input", operation.request);
    xml.close_all();
    xml.text
}

/// An envelope whose header has the lines of `header` and whose body is left to the reader.
pub fn with_header(style: Style, header: &[&str]) -> String {
    let mut xml = Xml::default();
    xml.open(&format!("soapenv:Envelope{}", request_namespaces(style)));
    xml.open("soapenv:Header");
    for line in header {
        xml.line(line);
    }
    xml.close();
    xml.line("<soapenv:Body>…</soapenv:Body>");
    xml.close_all();
    xml.text
}

/// The reply to [`request`].
pub fn reply(style: Style, operation: &Signature) -> String {
    let name = operation.name;
    let mut xml = Xml::default();
    xml.open(&format!("SOAP-ENV:Envelope{}", reply_namespaces(style)));
    xml.open("SOAP-ENV:Body");
    xml.open(&match style {
        // The documented service types the wrapper too, with a type that no description defines.
        Style::RpcEncoded => format!("ns1:{name}Response xsi:type=\"ns1:{name}Response\""),
        Style::Literal11 | Style::Literal12 => format!("ns1:{name}Response"),
    });
    xml.open(&format!("{name}Result{}", type_attribute(style, "ns1", operation.response.name)));
    for field in operation.response.fields {
        let attribute = type_attribute(style, "xsd", "string");
        xml.leaf(&format!("{}{attribute}", field.name), &reply_value(name, field));
    }
    xml.close_all();
    xml.text
}

/// The fault that bad credentials are answered with.
pub fn fault(style: Style) -> String {
    let mut xml = Xml::default();
    let namespaces = match style {
        Style::RpcEncoded => declarations(&[("SOAP-ENV", SOAP11)]),
        Style::Literal11 | Style::Literal12 => reply_namespaces(style),
    };
    xml.open(&format!("SOAP-ENV:Envelope{namespaces}"));
    xml.open("SOAP-ENV:Body");
    xml.open("SOAP-ENV:Fault");
    let sample = |name| FAULT.fields.iter().find(|field| field.name == name).map_or("", |field| field.sample);
    let (code, message) = (sample("Code"), sample("Message"));
    match style {
        Style::RpcEncoded | Style::Literal11 => {
            xml.leaf("faultcode", if style == Style::RpcEncoded { code } else { "SOAP-ENV:Client" });
            xml.leaf("faultstring", message);
            xml.leaf("faultactor", REFERENCE);
            xml.open("detail");
        }
        Style::Literal12 => {
            xml.open("SOAP-ENV:Code");
            xml.leaf("SOAP-ENV:Value", "SOAP-ENV:Sender");
            xml.close();
            xml.open("SOAP-ENV:Reason");
            xml.leaf("SOAP-ENV:Text xml:lang=\"en\"", message);
            xml.close();
            xml.open("SOAP-ENV:Detail");
        }
    }
    if style != Style::RpcEncoded {
        xml.open(&format!("ns1:{}", FAULT.name));
        for field in FAULT.fields.iter().filter(|field| !field.sample.is_empty()) {
            xml.leaf(field.name, field.sample);
        }
        xml.close();
    }
    for (key, value) in [("code", code), ("message", message)] {
        xml.open("item");
        xml.leaf("key", key);
        xml.leaf("value", value);
        xml.close();
    }
    xml.close_all();
    xml.text
}

/// A shell command that posts `body` to `address`.
pub fn curl(style: Style, address: &str, operation: &str, body: &str) -> String {
    let action = Style::action(SERVICE.name, operation);
    let headers = match style {
        Style::RpcEncoded | Style::Literal11 => {
            format!("-H 'Content-Type: text/xml; charset=utf-8' \\\n  -H 'SOAPAction: \"{action}\"'")
        }
        Style::Literal12 => {
            format!("-H 'Content-Type: application/soap+xml; charset=utf-8; action=\"{action}\"'")
        }
    };
    // In a quoted here-document nothing but the closing word means anything to the shell, so the XML stays as it is.
    format!("curl -sS {} \\\n  {headers} \\\n  --data-binary @- <<'XML'\n{body}XML\n", shell_quoted(address))
}

/// The text as one word of a POSIX shell.
pub fn shell_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

fn request_prefix(style: Style) -> &'static str {
    match style {
        Style::RpcEncoded => "mym",
        Style::Literal11 | Style::Literal12 => "tns",
    }
}

fn request_namespaces(style: Style) -> String {
    let own = (request_prefix(style), style.namespace(SERVICE.name));
    match style {
        Style::RpcEncoded => declarations(&[("xsi", XSI), ("xsd", XSD), ("soapenv", SOAP11), (own.0, &own.1)]),
        Style::Literal11 => declarations(&[("soapenv", SOAP11), (own.0, &own.1)]),
        Style::Literal12 => declarations(&[("soapenv", SOAP12), (own.0, &own.1)]),
    }
}

fn reply_namespaces(style: Style) -> String {
    let own = style.namespace(SERVICE.name);
    match style {
        Style::RpcEncoded => {
            let names = [("SOAP-ENV", SOAP11), ("xsd", XSD), ("xsi", XSI), ("ns1", &own), ("SOAP-ENC", SECTION_5)];
            format!("\n    SOAP-ENV:encodingStyle=\"{SECTION_5}\"{}", declarations(&names))
        }
        Style::Literal11 => declarations(&[("SOAP-ENV", SOAP11), ("ns1", &own)]),
        Style::Literal12 => declarations(&[("SOAP-ENV", SOAP12), ("ns1", &own)]),
    }
}

/// Declarations for an envelope's tag, a line each: on one line they would be wider than most screens.
fn declarations(namespaces: &[(&str, &str)]) -> String {
    namespaces.iter().map(|(prefix, uri)| format!("\n    xmlns:{prefix}=\"{uri}\"")).collect()
}

fn type_attribute(style: Style, prefix: &str, name: &str) -> String {
    match style {
        Style::RpcEncoded => format!(" xsi:type=\"{prefix}:{name}\""),
        Style::Literal11 | Style::Literal12 => String::new(),
    }
}

fn request_structure(xml: &mut Xml, style: Style, operation: &str, name: &str, shape: &Shape) {
    xml.open(&format!("{name}{}", type_attribute(style, request_prefix(style), shape.name)));
    for field in shape.fields.iter().filter(|field| is_shown(operation, field)) {
        match field.kind {
            Kind::Text => xml.leaf(&format!("{}{}", field.name, type_attribute(style, "xsd", "string")), field.sample),
            Kind::Structure(inner) => request_structure(xml, style, operation, field.name, inner),
        }
    }
    xml.close();
}

/// A sample shows what it must and what has something to say; of Flow and FlowId the name, which reads better.
fn is_shown(operation: &str, field: &Field) -> bool {
    match field.kind {
        Kind::Structure(inner) => inner.fields.iter().any(|field| is_shown(operation, field)),
        Kind::Text => match need(operation, field) {
            Need::Required => true,
            Need::Either => field.name == "Flow",
            Need::Optional => !field.sample.is_empty(),
            Need::Unused => false,
        },
    }
}

fn reply_value(operation: &str, field: &Field) -> String {
    let outcome = outcome(operation);
    match field.name {
        "Id" => outcome.id.to_owned(),
        "Code" => outcome.code.to_owned(),
        "Message" => outcome.message.to_owned(),
        "Error" => outcome.error.to_owned(),
        "Resource" => resource(operation),
        _ => field.sample.to_owned(),
    }
}

fn resource(operation: &str) -> String {
    let schema = sample(&SCHEMA_OBJECT, "Schema");
    match operation {
        "insertRecord" | "getRecord" | "updateRecord" => sample(&DATA_RECORD_OBJECT, "Data").to_owned(),
        "getSchema" => format!(
            "{{\"url\":\"{}\",\"schema\":\"{schema}\",\"creation_date\":\"2026-01-05 09:30:00\",\
             \"modified_date\":\"2026-01-05 09:30:00\",\"customer\":\"Demo\"}}",
            sample(&SCHEMA_OBJECT, "Url")
        ),
        "updateSchema" => schema.to_owned(),
        "getFlowDiagram" | "changeFlowStatus" => BASE64_STANDARD
            .encode(r#"{"customer":"Demo","flow_name":"Leads","description":"","current_flow":1,"versions":[1]}"#),
        _ => String::new(),
    }
}

fn sample(shape: &Shape, name: &str) -> &'static str {
    shape.fields.iter().find(|field| field.name == name).map_or("", |field| field.sample)
}

/// Text of XML, an element a line, two spaces an indent.
#[derive(Default)]
struct Xml {
    text: String,
    open: Vec<String>,
}

impl Xml {
    fn line(&mut self, line: &str) {
        for _ in 0..self.open.len() {
            self.text.push_str("  ");
        }
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// Opens an element; `tag` is its name and attributes.
    fn open(&mut self, tag: &str) {
        self.line(&format!("<{tag}>"));
        self.open.push(element_name(tag).to_owned());
    }

    fn leaf(&mut self, tag: &str, value: &str) {
        let mut line = format!("<{tag}>");
        for character in value.chars() {
            match character {
                '&' => line.push_str("&amp;"),
                '<' => line.push_str("&lt;"),
                '>' => line.push_str("&gt;"),
                _ => line.push(character),
            }
        }
        line.push_str(&format!("</{}>", element_name(tag)));
        self.line(&line);
    }

    fn close(&mut self) {
        if let Some(name) = self.open.pop() {
            self.line(&format!("</{name}>"));
        }
    }

    fn close_all(&mut self) {
        while !self.open.is_empty() {
            self.close();
        }
    }
}

fn element_name(tag: &str) -> &str {
    tag.split_whitespace().next().unwrap_or(tag)
}
