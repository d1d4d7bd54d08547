//! The three service descriptions: equal to the checked-in files, readable again, and built by the rules that make
//! the toolkits work with them.

use std::collections::BTreeSet;
use std::path::Path;

use flowgate::facade::soap::message::{OPERATIONS, SERVICE};
use flowgate::soap::shape::{Kind, Presence, Shape};
use flowgate::soap::wsdl::document::{Definitions, Part};
use flowgate::soap::wsdl::schema::{ComplexType, Element, Schema};
use flowgate::soap::wsdl::{self, Style};

const ADDRESS: &str = "http://127.0.0.1:8080/v1/soap";

fn render(style: Style) -> String {
    wsdl::render(style, &SERVICE, ADDRESS).expect("the table renders")
}

fn definitions(style: Style) -> Definitions {
    wsdl::read(&render(style)).expect("our own document is readable")
}

fn schema(definitions: &Definitions) -> &Schema {
    &definitions.types.as_ref().expect("there are types").schemas[0]
}

fn complex_type<'a>(schema: &'a Schema, name: &str) -> &'a ComplexType {
    let found = schema.complex_types.iter().find(|kind| kind.name.as_deref() == Some(name));
    found.unwrap_or_else(|| panic!("there is no type {name}"))
}

fn part<'a>(definitions: &'a Definitions, message: &str) -> &'a Part {
    let found = definitions.messages.iter().find(|candidate| candidate.name == message);
    let parts = &found.unwrap_or_else(|| panic!("there is no message {message}")).parts;
    assert_eq!(parts.len(), 1, "{message} has one part");
    &parts[0]
}

#[test]
fn the_checked_in_files_equal_the_rendering() {
    for style in Style::ALL {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("wsdl").join(style.file_name());
        let checked_in = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(checked_in == render(style), "{} is out of date; `flowgate wsdl` writes it anew", path.display());
    }
}

#[test]
fn the_model_reads_back_what_it_writes() {
    for style in Style::ALL {
        let text = render(style);
        let read = wsdl::read(&text).expect("our own document is readable");
        assert_eq!(wsdl::write(&read).expect("it can be written again"), text);
    }
}

#[test]
fn rendering_twice_gives_the_same_bytes_in_utf_8_with_an_indent_of_two() {
    for style in Style::ALL {
        let text = render(style);
        assert_eq!(text, render(style));
        assert!(text.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<wsdl:definitions "));
        assert!(text.contains("\n  <wsdl:types>\n    <xsd:schema "));
        assert!(text.ends_with("</wsdl:definitions>\n"));
    }
}

#[test]
fn the_address_is_escaped() {
    let address = "http://a\"><x/>&'b/v1/soap?a=1&b=2";
    for style in Style::ALL {
        let text = wsdl::render(style, &SERVICE, address).expect("any address renders");
        assert!(!text.contains("<x/>"));
        let read = wsdl::read(&text).expect("the document is still well-formed");
        let port = &read.services[0].ports[0];
        let found = port.soap11.as_ref().or(port.soap12.as_ref()).expect("the port has an address");
        assert_eq!(found.location, address);
    }
}

#[test]
fn every_operation_is_in_every_document() {
    for style in Style::ALL {
        let definitions = definitions(style);
        assert_eq!(definitions.port_types[0].operations.len(), OPERATIONS.len());
        assert_eq!(definitions.bindings[0].operations.len(), OPERATIONS.len());
        for (index, signature) in OPERATIONS.iter().enumerate() {
            let operation = &definitions.port_types[0].operations[index];
            assert_eq!(operation.name, signature.name);
            let documentation = operation.documentation.as_ref().and_then(|doc| doc.text.as_deref());
            assert_eq!(documentation, Some(signature.doc));
            let input = operation.input.as_ref().expect("there is an input");
            assert_eq!(input.message, format!("tns:{}", signature.name), "pysimplesoap takes it for the wrapper");
            let output = operation.output.as_ref().expect("there is an output");
            assert_eq!(output.message, format!("tns:{}Response", signature.name));

            let bound = &definitions.bindings[0].operations[index];
            assert_eq!(bound.name, signature.name);
            let action = bound.soap11.as_ref().or(bound.soap12.as_ref()).expect("there is an action");
            assert_eq!(action.soap_action, Some(format!("urn:Flowize:{}", signature.name)));
        }
    }
}

#[test]
fn the_rpc_document_has_typed_parts_and_an_encoded_body() {
    let definitions = definitions(Style::RpcEncoded);
    assert_eq!(definitions.target_namespace.as_deref(), Some("Flowize"));
    let protocol = definitions.bindings[0].soap11.as_ref().expect("it is SOAP 1.1");
    assert_eq!(protocol.style.as_deref(), Some("rpc"));
    for (index, signature) in OPERATIONS.iter().enumerate() {
        let input = part(&definitions, signature.name);
        assert_eq!((input.name.as_str(), &input.element), ("input", &None));
        assert_eq!(input.kind, Some(format!("tns:{}", signature.request.name)));
        let output = part(&definitions, &format!("{}Response", signature.name));
        assert_eq!((&output.name, &output.element), (&format!("{}Result", signature.name), &None));
        assert_eq!(output.kind.as_deref(), Some("tns:Response"));

        let bound = &definitions.bindings[0].operations[index];
        for exchange in [&bound.input, &bound.output] {
            let body = exchange.as_ref().and_then(|exchange| exchange.soap11.as_ref()).expect("there is a body");
            assert_eq!(body.usage.as_deref(), Some("encoded"));
            assert_eq!(body.namespace.as_deref(), Some("Flowize"));
            assert_eq!(body.encoding_style.as_deref(), Some("http://schemas.xmlsoap.org/soap/encoding/"));
        }
        assert!(bound.faults.is_empty() && definitions.port_types[0].operations[index].faults.is_empty());
    }
}

#[test]
fn the_literal_documents_wrap_one_unqualified_child() {
    for style in [Style::Literal11, Style::Literal12] {
        let definitions = definitions(style);
        assert_eq!(definitions.target_namespace.as_deref(), Some("urn:Flowize"));
        let schema = schema(&definitions);
        assert_eq!(schema.target_namespace.as_deref(), Some("urn:Flowize"));
        assert_eq!(schema.element_form_default.as_deref(), Some("unqualified"));
        for signature in &OPERATIONS {
            let reply = format!("{}Response", signature.name);
            for (name, child, kind) in [
                (signature.name, "input", signature.request.name),
                (&reply, &format!("{}Result", signature.name), signature.response.name),
            ] {
                let part = part(&definitions, name);
                assert_eq!((part.name.as_str(), &part.kind), ("parameters", &None));
                assert_eq!(part.element, Some(format!("tns:{name}")));
                let children = wrapped(schema, name);
                assert_eq!(children.len(), 1, "{name} wraps one child");
                assert_eq!(children[0].name.as_deref(), Some(child));
                assert_eq!(children[0].kind, Some(format!("tns:{kind}")));
                assert_eq!(children[0].min_occurs, None);
            }
        }
    }
}

fn wrapped<'a>(schema: &'a Schema, name: &str) -> &'a [Element] {
    let element = schema.elements.iter().find(|element| element.name.as_deref() == Some(name));
    let kind = element.and_then(|element| element.complex_type.as_ref()).expect("the wrapper has its own type");
    &kind.sequence.as_ref().expect("it is a sequence").elements
}

#[test]
fn each_literal_binding_declares_the_fault_of_its_own_version() {
    for style in [Style::Literal11, Style::Literal12] {
        let definitions = definitions(style);
        assert_eq!(part(&definitions, "FlowizeFault").element.as_deref(), Some("tns:FlowizeFault"));
        for bound in &definitions.bindings[0].operations {
            let fault = &bound.faults[0];
            let (own, other) = match style {
                Style::Literal12 => (&fault.soap12, &fault.soap11),
                _ => (&fault.soap11, &fault.soap12),
            };
            let own = own.as_ref().expect("the fault is bound");
            assert_eq!((own.name.as_deref(), own.usage.as_deref()), (Some("FlowizeFault"), Some("literal")));
            assert_eq!(*other, None, "Axis refuses a fault of the other version");
        }
    }
}

#[test]
fn the_fault_type_does_not_look_like_an_array() {
    let definitions = definitions(Style::Literal11);
    let kind = complex_type(schema(&definitions), "FlowizeFaultType");
    let elements = &kind.sequence.as_ref().expect("it is a sequence").elements;
    let names: Vec<_> = elements.iter().filter_map(|element| element.name.as_deref()).collect();
    assert_eq!(names, ["Code", "Message", "Reference"]);
    assert!(elements.iter().all(|element| element.max_occurs.is_none()), "Axis would throw an array");
}

#[test]
fn each_document_has_one_schema_one_binding_and_one_port() {
    for style in Style::ALL {
        let definitions = definitions(style);
        assert_eq!(definitions.types.as_ref().map(|types| types.schemas.len()), Some(1));
        assert_eq!((definitions.port_types.len(), definitions.port_types[0].name.as_str()), (1, "FlowizePortType"));
        assert_eq!((definitions.bindings.len(), definitions.bindings[0].name.as_str()), (1, "FlowizeBinding"));
        assert_eq!((definitions.services.len(), definitions.services[0].name.as_str()), (1, "FlowizeService"));
        let ports = &definitions.services[0].ports;
        assert_eq!((ports.len(), ports[0].name.as_str()), (1, "FlowizePort"));
    }
}

#[test]
fn nothing_is_written_that_a_generator_stumbles_over() {
    for style in Style::ALL {
        let text = render(style);
        for forbidden in [
            ":import",
            ":include",
            "nillable",
            "<xsd:any",
            "<xsd:choice",
            "<xsd:attribute",
            "<xsd:extension",
            ":header",
            "maxOccurs",
            "http://schemas.xmlsoap.org/soap/encoding/\" xmlns",
        ] {
            assert!(!text.contains(forbidden), "{style:?} contains {forbidden}");
        }
        let (own, other) = match style {
            Style::Literal12 => ("wsdl/soap12/", "wsdl/soap/"),
            _ => ("wsdl/soap/", "wsdl/soap12/"),
        };
        assert!(text.contains(own) && !text.contains(other), "{style:?} declares only what it uses");
    }
}

#[test]
fn every_structure_keeps_its_elements_their_order_and_whether_they_may_be_left_out() {
    for style in Style::ALL {
        let definitions = definitions(style);
        let schema = schema(&definitions);
        let names: BTreeSet<_> = schema.complex_types.iter().filter_map(|kind| kind.name.as_deref()).collect();
        assert_eq!(names.len(), schema.complex_types.len(), "no type is defined twice");
        for signature in &OPERATIONS {
            check_structure(style, schema, signature.request);
            check_structure(style, schema, signature.response);
        }
    }
}

fn check_structure(style: Style, schema: &Schema, shape: &Shape) {
    let kind = complex_type(schema, shape.name);
    let (group, other) = match style {
        Style::RpcEncoded => (&kind.all, &kind.sequence),
        Style::Literal11 | Style::Literal12 => (&kind.sequence, &kind.all),
    };
    assert_eq!(*other, None, "rpc/encoded takes any order, literal one order");
    let elements = &group.as_ref().expect("the type has elements").elements;
    assert_eq!(elements.len(), shape.fields.len());
    for (element, field) in elements.iter().zip(shape.fields) {
        assert_eq!(element.name.as_deref(), Some(field.name));
        assert_eq!(element.min_occurs.as_deref() == Some("0"), field.presence == Presence::Optional);
        match field.kind {
            Kind::Text => assert_eq!(element.kind.as_deref(), Some("xsd:string")),
            Kind::Structure(inner) => {
                assert_eq!(element.kind, Some(format!("tns:{}", inner.name)));
                check_structure(style, schema, inner);
            }
        }
    }
}

#[test]
fn a_partners_description_with_more_than_we_write_is_read() {
    let text = r#"<?xml version="1.0"?>
<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:s="http://schemas.xmlsoap.org/wsdl/soap/"
    xmlns:x="http://www.w3.org/2001/XMLSchema" xmlns:p="urn:partner" targetNamespace="urn:partner">
  <documentation>With <b>markup</b> inside</documentation>
  <types>
    <x:schema targetNamespace="urn:partner"><x:import namespace="urn:other"/>
      <x:element name="ask"><x:complexType><x:sequence>
        <x:element name="day" type="x:date" nillable="true" maxOccurs="unbounded"/>
      </x:sequence></x:complexType></x:element>
    </x:schema>
    <x:schema targetNamespace="urn:other"><x:simpleType name="t"><x:restriction base="x:string"/></x:simpleType></x:schema>
  </types>
  <message name="AskIn"><part name="body" element="p:ask"/></message>
  <portType name="P"><operation name="ask"><input message="p:AskIn"/></operation></portType>
  <binding name="B" type="p:P"><s:binding transport="http://schemas.xmlsoap.org/soap/http"/>
    <operation name="ask"><s:operation soapAction="" style="document"/><input><s:body use="literal"/></input></operation>
  </binding>
  <service name="S"><port name="O" binding="p:B"><s:address location="https://partner.example/soap"/></port></service>
</definitions>"#;
    let read = wsdl::read(text).expect("it is a description");
    assert_eq!(read.types.as_ref().map(|types| types.schemas.len()), Some(2));
    let days = &wrapped(schema(&read), "ask")[0];
    assert_eq!((days.kind.as_deref(), days.max_occurs.as_deref()), (Some("x:date"), Some("unbounded")));
    assert_eq!(read.port_types[0].operations[0].output, None, "it is a one-way operation");
    let port = &read.services[0].ports[0];
    assert_eq!(port.soap11.as_ref().map(|address| address.location.as_str()), Some("https://partner.example/soap"));
}

#[test]
fn what_is_not_a_description_is_refused() {
    for text in ["", "no xml", "<a/>", "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>"] {
        assert!(wsdl::read(text).is_err(), "{text:?} is no description");
    }
}
