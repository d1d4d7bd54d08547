//! How each style lays the table of signatures out as definitions.
//! Every choice here was made because a toolkit needs it; `docs/wsdl.md` says which.

use super::document::{
    Action, Address, Binding, Body, BoundExchange, BoundFault, BoundOperation, Definitions, Documentation, Exchange,
    Message, Operation, Part, Port, PortType, Protocol, Service as ServiceElement, Types,
};
use super::schema::{Annotation, ComplexType, Element, Group, Schema};
use super::{Service, Style};
use crate::soap::shape::{Field, Kind, Presence, Shape, Signature};

const HTTP_TRANSPORT: &str = "http://schemas.xmlsoap.org/soap/http";
const SECTION_5: &str = "http://schemas.xmlsoap.org/soap/encoding/";

/// The whole document.
pub(super) fn definitions(style: Style, service: &Service, address: &str) -> Definitions {
    let namespace = style.namespace(service.name);
    Definitions {
        tns: Some(namespace.clone()),
        name: Some(service.name.to_owned()),
        target_namespace: Some(namespace.clone()),
        documentation: documentation(service.doc),
        imports: Vec::new(),
        types: Some(Types { schemas: vec![schema(style, service, namespace)] }),
        messages: messages(style, service),
        port_types: vec![port_type(style, service)],
        bindings: vec![binding(style, service)],
        services: vec![ServiceElement {
            name: format!("{}Service", service.name),
            documentation: documentation(service.doc),
            ports: vec![port(style, service, address)],
        }],
    }
}

fn is_literal(style: Style) -> bool {
    match style {
        Style::RpcEncoded => false,
        Style::Literal11 | Style::Literal12 => true,
    }
}

/// Puts an extension element under the SOAP version it belongs to: (1.1, 1.2).
fn versioned<T>(style: Style, element: T) -> (Option<T>, Option<T>) {
    match style {
        Style::RpcEncoded | Style::Literal11 => (Some(element), None),
        Style::Literal12 => (None, Some(element)),
    }
}

fn documentation(text: &str) -> Option<Documentation> {
    Some(Documentation { text: Some(text.to_owned()) })
}

fn annotation(text: &str) -> Option<Annotation> {
    Some(Annotation { documentation: documentation(text) })
}

fn tns(name: &str) -> String {
    format!("tns:{name}")
}

// Types. One schema, and nothing in it that a generator could stumble over: no import, attribute, choice, any,
// extension or nillable. Several tools resolve imports badly, wsdl2apex refuses most of the rest, and nillable beside
// minOccurs turns plain strings into wrapper classes.

fn schema(style: Style, service: &Service, namespace: String) -> Schema {
    let mut shapes = Vec::new();
    for operation in service.operations {
        collect(operation.request, &mut shapes);
        collect(operation.response, &mut shapes);
    }
    let mut complex_types: Vec<ComplexType> = shapes.iter().map(|shape| structure(style, shape.name, shape)).collect();
    let mut elements = Vec::new();
    if is_literal(style) {
        complex_types.push(structure(style, &fault_type(service), service.fault));
        elements.extend(service.operations.iter().flat_map(wrappers));
        elements.push(Element {
            name: Some(service.fault.name.to_owned()),
            kind: Some(tns(&fault_type(service))),
            ..Element::default()
        });
    }
    Schema {
        target_namespace: Some(namespace),
        // The literal body is then the encoded body without its xsi:type attributes, and one decoder reads both.
        element_form_default: Some("unqualified".to_owned()),
        elements,
        complex_types,
        ..Schema::default()
    }
}

/// Structures before those that hold them, each once.
fn collect(shape: &'static Shape, shapes: &mut Vec<&'static Shape>) {
    if shapes.iter().any(|known| known.name == shape.name) {
        return;
    }
    for field in shape.fields {
        if let Kind::Structure(inner) = field.kind {
            collect(inner, shapes);
        }
    }
    shapes.push(shape);
}

fn structure(style: Style, name: &str, shape: &Shape) -> ComplexType {
    let group = Some(Group { elements: shape.fields.iter().map(local_element).collect(), ..Group::default() });
    // The documented service promises "in any order"; document/literal clients expect sequences.
    let (all, sequence) = if is_literal(style) { (None, group) } else { (group, None) };
    ComplexType {
        name: Some(name.to_owned()),
        annotation: annotation(shape.doc),
        all,
        sequence,
        ..ComplexType::default()
    }
}

fn local_element(field: &Field) -> Element {
    let (kind, annotation) = match field.kind {
        Kind::Text => ("xsd:string".to_owned(), annotation(field.doc)),
        // The type has its own annotation.
        Kind::Structure(shape) => (tns(shape.name), None),
    };
    let min_occurs = match field.presence {
        Presence::Required => None,
        Presence::Optional => Some("0".to_owned()),
    };
    Element { name: Some(field.name.to_owned()), kind: Some(kind), min_occurs, annotation, ..Element::default() }
}

/// The request and reply elements of the wrapped convention: named like the operation, one child each.
fn wrappers(operation: &Signature) -> [Element; 2] {
    [
        wrapper(operation.name.to_owned(), "input", operation.request, annotation(operation.doc)),
        wrapper(reply_name(operation), &result_name(operation), operation.response, None),
    ]
}

fn wrapper(name: String, child: &str, shape: &Shape, annotation: Option<Annotation>) -> Element {
    let child = Element { name: Some(child.to_owned()), kind: Some(tns(shape.name)), ..Element::default() };
    let sequence = Some(Group { elements: vec![child], ..Group::default() });
    Element {
        name: Some(name),
        annotation,
        complex_type: Some(ComplexType { sequence, ..ComplexType::default() }),
        ..Element::default()
    }
}

fn reply_name(operation: &Signature) -> String {
    format!("{}Response", operation.name)
}

fn result_name(operation: &Signature) -> String {
    format!("{}Result", operation.name)
}

/// The type is not named like the element: Java would make two classes of one name, the exception and its content.
fn fault_type(service: &Service) -> String {
    format!("{}Type", service.fault.name)
}

fn messages(style: Style, service: &Service) -> Vec<Message> {
    let mut messages: Vec<Message> =
        service.operations.iter().flat_map(|operation| exchange_messages(style, operation)).collect();
    if is_literal(style) {
        messages.push(Message {
            name: service.fault.name.to_owned(),
            parts: vec![Part { name: "fault".to_owned(), element: Some(tns(service.fault.name)), kind: None }],
        });
    }
    messages
}

/// The request message bears the operation's very name: pysimplesoap takes it for the body's wrapper.
fn exchange_messages(style: Style, operation: &Signature) -> [Message; 2] {
    let reply = reply_name(operation);
    let (request_part, reply_part) = if is_literal(style) {
        let part = |element: &str| Part { name: "parameters".to_owned(), element: Some(tns(element)), kind: None };
        (part(operation.name), part(&reply))
    } else {
        let part = |name: String, shape: &Shape| Part { name, element: None, kind: Some(tns(shape.name)) };
        (part("input".to_owned(), operation.request), part(result_name(operation), operation.response))
    };
    [
        Message { name: operation.name.to_owned(), parts: vec![request_part] },
        Message { name: reply, parts: vec![reply_part] },
    ]
}

fn port_type(style: Style, service: &Service) -> PortType {
    let exchange =
        |name: Option<&str>, message: &str| Exchange { name: name.map(str::to_owned), message: tns(message) };
    let operations = service.operations.iter().map(|operation| Operation {
        name: operation.name.to_owned(),
        documentation: documentation(operation.doc),
        input: Some(exchange(None, operation.name)),
        output: Some(exchange(None, &reply_name(operation))),
        faults: is_literal(style).then(|| exchange(Some(service.fault.name), service.fault.name)).into_iter().collect(),
    });
    PortType { name: format!("{}PortType", service.name), operations: operations.collect() }
}

fn binding(style: Style, service: &Service) -> Binding {
    let binding_style = if is_literal(style) { "document" } else { "rpc" };
    let protocol = Protocol { style: Some(binding_style.to_owned()), transport: Some(HTTP_TRANSPORT.to_owned()) };
    let (soap11, soap12) = versioned(style, protocol);
    Binding {
        name: format!("{}Binding", service.name),
        kind: tns(&format!("{}PortType", service.name)),
        soap11,
        soap12,
        operations: service.operations.iter().map(|operation| bound_operation(style, service, operation)).collect(),
    }
}

fn bound_operation(style: Style, service: &Service, operation: &Signature) -> BoundOperation {
    let action = Action { soap_action: Some(Style::action(service.name, operation.name)), style: None };
    let (soap11, soap12) = versioned(style, action);
    let fault = is_literal(style).then(|| {
        let name = service.fault.name.to_owned();
        let (soap11, soap12) = versioned(style, Body { name: Some(name.clone()), ..body(style, service) });
        BoundFault { name, soap11, soap12 }
    });
    BoundOperation {
        name: operation.name.to_owned(),
        soap11,
        soap12,
        input: Some(bound_exchange(style, service)),
        output: Some(bound_exchange(style, service)),
        faults: fault.into_iter().collect(),
    }
}

fn bound_exchange(style: Style, service: &Service) -> BoundExchange {
    let (soap11, soap12) = versioned(style, body(style, service));
    BoundExchange { soap11, soap12, ..BoundExchange::default() }
}

fn body(style: Style, service: &Service) -> Body {
    if is_literal(style) {
        Body { usage: Some("literal".to_owned()), ..Body::default() }
    } else {
        Body {
            name: None,
            usage: Some("encoded".to_owned()),
            parts: None,
            namespace: Some(style.namespace(service.name)),
            encoding_style: Some(SECTION_5.to_owned()),
        }
    }
}

fn port(style: Style, service: &Service, address: &str) -> Port {
    let (soap11, soap12) = versioned(style, Address { location: address.to_owned() });
    Port { name: format!("{}Port", service.name), binding: tns(&format!("{}Binding", service.name)), soap11, soap12 }
}
