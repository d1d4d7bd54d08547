//! What a browser sees at the SOAP address: the endpoint, the three descriptions, and every operation with its fields
//! and ready samples, all drawn from the message table. It is one response without outside assets and knows no HTTP.

use std::sync::LazyLock;

use askama::Template;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::facade::soap::message::{Need, OPERATIONS, RESPONSE, need};
use crate::facade::soap::sample;
use crate::soap::shape::{Field, Kind, Shape, Signature};
use crate::soap::wsdl::Style;

const STYLE_SHEET: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// What the page is filled with.
#[derive(Clone, Debug)]
pub struct Page {
    /// The absolute SOAP address as the caller sees it, without a query. It comes from the request and is not trusted.
    pub address: String,
    /// Where the gateway's other pages are, relative to this one, so that links hold behind a proxy's prefix.
    pub root: &'static str,
    /// The gateway's version.
    pub version: &'static str,
    /// Whether the gateway runs with the demonstration customer, whose keys the samples carry.
    pub demo: bool,
}

/// Renders the page. An address that is no plain `http` or `https` one is refused, since it becomes links.
pub fn render(page: &Page) -> Result<String> {
    let is_web = page.address.starts_with("http://") || page.address.starts_with("https://");
    if !is_web || page.address.chars().any(|character| character.is_control() || character.is_whitespace()) {
        return Err(Error::invalid("The address of the request is not a web address"));
    }
    Sheet::new(page).render().map_err(Error::internal)
}

/// The `Content-Security-Policy` that lets this page work and nothing else in it.
pub fn content_security_policy() -> &'static str {
    static POLICY: LazyLock<String> = LazyLock::new(|| {
        let hash = |block: &str| format!("'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(block)));
        format!(
            "default-src 'none'; style-src {}; script-src {}; img-src data:; base-uri 'none'; form-action 'self'; \
             frame-ancestors 'none'",
            hash(STYLE_SHEET),
            hash(SCRIPT)
        )
    });
    &POLICY
}

#[derive(Template)]
#[template(path = "facade/soap/page.html")]
struct Sheet<'a> {
    page: &'a Page,
    style_sheet: &'static str,
    script: &'static str,
    descriptions: Vec<Description>,
    credentials: Vec<Credential>,
    operations: Vec<Operation>,
    reply_fields: &'static [Field],
    faults: Vec<Fault>,
}

/// One of the three WSDLs.
struct Description {
    title: &'static str,
    url: String,
    use_for: &'static str,
    beware: &'static str,
}

/// One way to say who calls.
struct Credential {
    id: &'static str,
    title: &'static str,
    doc: &'static str,
    sample: Snippet,
}

struct Operation {
    name: &'static str,
    doc: &'static str,
    groups: Vec<Group>,
    calls: Vec<Call>,
}

/// The fields of one structure.
struct Group {
    /// Empty for the fields that stand directly in `input`.
    name: &'static str,
    doc: &'static str,
    note: &'static str,
    rows: Vec<Row>,
}

struct Row {
    name: &'static str,
    need: &'static str,
    is_needed: bool,
    doc: &'static str,
}

/// A request and its reply in one style.
struct Call {
    /// The CSS class that the style switch shows and hides.
    class: &'static str,
    title: &'static str,
    request: Snippet,
    curl: String,
    reply: Snippet,
}

struct Fault {
    id: &'static str,
    title: &'static str,
    sample: Snippet,
}

/// XML as HTML, its tags marked off from its text. Everything in it is escaped.
struct Snippet(String);

impl Snippet {
    fn new(xml: &str) -> Snippet {
        let mut html = String::with_capacity(xml.len() * 2);
        let mut rest = xml;
        while let Some(first) = rest.chars().next() {
            let is_tag = first == '<';
            let end = if is_tag { rest.find('>').map(|at| at + 1) } else { rest.find('<') };
            let (segment, after) = rest.split_at(end.unwrap_or(rest.len()));
            if is_tag {
                html.push_str("<i>");
            }
            for character in segment.chars() {
                match character {
                    '&' => html.push_str("&amp;"),
                    '<' => html.push_str("&lt;"),
                    '>' => html.push_str("&gt;"),
                    _ => html.push(character),
                }
            }
            if is_tag {
                html.push_str("</i>");
            }
            rest = after;
        }
        Snippet(html)
    }
}

impl<'a> Sheet<'a> {
    fn new(page: &'a Page) -> Sheet<'a> {
        Sheet {
            page,
            style_sheet: STYLE_SHEET,
            script: SCRIPT,
            descriptions: Style::ALL.iter().map(|style| description(*style, &page.address)).collect(),
            credentials: credentials(),
            operations: OPERATIONS.iter().map(|signature| operation(signature, &page.address)).collect(),
            reply_fields: RESPONSE.fields,
            faults: faults(),
        }
    }
}

fn description(style: Style, address: &str) -> Description {
    let (title, use_for, beware) = match style {
        Style::RpcEncoded => (
            "RPC/encoded, SOAP 1.1",
            "The documented form. PHP SoapClient, NuSOAP, Python zeep and suds, node-soap, gSOAP, SOAP::Lite, Axis 1, \
             soap4r, KDSoap, .NET Framework web references.",
            "JAX-WS, CXF and Axis2 refuse this style whoever offers it.",
        ),
        Style::Literal11 => (
            "Document/literal, SOAP 1.1",
            "The best choice for generated code: Java (JAX-WS, CXF, Axis, Spring), .NET (WCF, dotnet-svcutil), SoapUI, \
             SAP, Salesforce; and every toolkit that can use the first.",
            "",
        ),
        Style::Literal12 => (
            "Document/literal, SOAP 1.2",
            "Where the other side insists on SOAP 1.2: WCF, gSOAP, zeep, PHP with SOAP_1_2, KDSoap, JAX-WS in its \
             extension mode.",
            "Axis 1, SOAP::Lite, soap4r and pysimplesoap know no SOAP 1.2.",
        ),
    };
    Description { title, url: format!("{address}?{}", style.query()), use_for, beware }
}

fn credentials() -> Vec<Credential> {
    vec![
        Credential {
            id: "auth-body",
            title: "In the body",
            doc: "The documented way. If AuthenticationObject is there it decides, and the others are not looked at.",
            sample: Snippet::new(
                "<AuthenticationObject>\n  <Apikey>demo-api-key</Apikey>\n  <Appkey>demo-app</Appkey>\n  \
                 <Version>1</Version>\n</AuthenticationObject>\n",
            ),
        },
        Credential {
            id: "auth-header",
            title: "In a SOAP header",
            doc: "An access token in AuthenticationHeader; SessionID is understood in place of AccessToken.",
            sample: Snippet::new(&sample::with_header(
                Style::Literal11,
                &["<tns:AuthenticationHeader>", "  <AccessToken>…</AccessToken>", "</tns:AuthenticationHeader>"],
            )),
        },
        Credential {
            id: "auth-wsse",
            title: "WS-Security",
            doc: "A UsernameToken with a PasswordText: the API key is the user name, the application key the password.",
            sample: Snippet::new(&sample::with_header(
                Style::Literal11,
                &[
                    "<wsse:Security\n        xmlns:wsse=\"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd\">",
                    "  <wsse:UsernameToken>",
                    "    <wsse:Username>demo-api-key</wsse:Username>",
                    "    <wsse:Password\n            Type=\"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordText\">demo-app</wsse:Password>",
                    "  </wsse:UsernameToken>",
                    "</wsse:Security>",
                ],
            )),
        },
        Credential {
            id: "auth-http",
            title: "In an HTTP header",
            doc: "Basic with the API key and the application key, or Bearer with an access token.",
            sample: Snippet::new("curl -u 'demo-api-key:demo-app' …\n\ncurl -H 'Authorization: Bearer TOKEN' …\n"),
        },
    ]
}

fn operation(signature: &'static Signature, address: &str) -> Operation {
    let call = |style, class, title| {
        let request = sample::request(style, signature);
        Call {
            class,
            title,
            curl: sample::curl(style, address, signature.name, &request),
            request: Snippet::new(&request),
            reply: Snippet::new(&sample::reply(style, signature)),
        }
    };
    Operation {
        name: signature.name,
        doc: signature.doc,
        groups: groups(signature),
        calls: vec![
            call(Style::RpcEncoded, "rpc", "RPC/encoded"),
            call(Style::Literal11, "literal", "Document/literal"),
        ],
    }
}

fn groups(signature: &'static Signature) -> Vec<Group> {
    let mut groups = Vec::new();
    let rows = rows(signature.name, signature.request);
    if !rows.is_empty() {
        groups.push(Group { name: "", doc: "", note: "", rows });
    }
    for field in signature.request.fields {
        if let Kind::Structure(shape) = field.kind {
            let is_credential = shape.name == "AuthenticationObject";
            groups.push(Group {
                name: field.name,
                doc: field.doc,
                note: if is_credential { "Left out if the credentials are in a header." } else { "" },
                rows: self::rows(signature.name, shape),
            });
        }
    }
    groups
}

/// The rows of the text fields that stand directly in `shape`.
fn rows(operation: &str, shape: &'static Shape) -> Vec<Row> {
    let is_text = |field: &&Field| matches!(field.kind, Kind::Text);
    let rows = shape.fields.iter().filter(is_text).map(|field| {
        let need = need(operation, field);
        Row {
            name: field.name,
            need: match need {
                Need::Required => "required",
                Need::Either => "one of two",
                Need::Optional => "optional",
                Need::Unused => "not used",
            },
            is_needed: matches!(need, Need::Required | Need::Either),
            doc: field.doc,
        }
    });
    rows.collect()
}

fn faults() -> Vec<Fault> {
    let fault = |style, id, title| Fault { id, title, sample: Snippet::new(&sample::fault(style)) };
    vec![
        fault(Style::RpcEncoded, "fault-rpc", "RPC/encoded"),
        fault(Style::Literal11, "fault-literal", "Document/literal, SOAP 1.1"),
        fault(Style::Literal12, "fault-literal12", "Document/literal, SOAP 1.2"),
    ]
}
