//! Calling other people's services: our own three descriptions against a gateway in this process, and descriptions in
//! every style that partners use.

use flowgate::facade::soap::message::OPERATIONS;
use flowgate::model::flow::FlowStatus;
use flowgate::soap::partner::{Document, Operation, Partner, Reply};
use flowgate::soap::wsdl::Style;
use serde_json::{Value, json};

use crate::support::{TestApp, fixture};

fn ours(style: Style) -> Partner {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("wsdl").join(style.file_name());
    let text = std::fs::read_to_string(path).expect("it is checked in");
    Partner::read(&[Document { location: "http://127.0.0.1/v1/soap?wsdl".to_owned(), text }]).expect("ours is readable")
}

fn body(operation: &Operation<'_>, arguments: &Value) -> String {
    let call = operation.request(arguments, None).expect("the arguments fit");
    let text = String::from_utf8(call.body).expect("UTF-8");
    let (_, rest) = text.split_once("Body>").expect("a body");
    rest.rsplit_once("</").and_then(|(rest, _)| rest.rsplit_once("</")).expect("a body").0.to_owned()
}

fn refusal(operation: &Operation<'_>, arguments: &Value) -> String {
    operation.request(arguments, None).expect_err("the arguments do not fit").to_string()
}

/// What the gateway answers to an operation that the description describes.
fn call(app: &TestApp, partner: &Partner, operation: &str, arguments: &Value) -> Reply {
    let operation = partner.operation(operation, None).expect("it is described");
    let call = operation.request(arguments, None).expect("the arguments fit");
    let headers: Vec<(&str, &str)> = call.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let answer = app.post(&headers, &call.body);
    let content_type = answer.header("content-type").expect("a type").to_owned();
    operation.reply(answer.status, &content_type, &answer.body).expect("an envelope")
}

#[test]
fn the_gateways_own_operations_are_called_by_its_own_descriptions() {
    const ID: &str = "5f0c7ad2-2d3c-4f6e-8b52-7a7f0f1f3f10";
    let (record, changed) = (json!("eyJhIjoxfQ=="), json!("eyJhIjoyfQ=="));
    let schema = json!({ "Schema": "eyJ0eXBlIjoib2JqZWN0In0=", "DataRecord": record });
    for style in Style::ALL {
        let app = TestApp::start();
        let tenant = app.customer("acme", "api", "app");
        let flow = app.flow(&tenant, "orders", FlowStatus::Running);
        app.webhook(&tenant, flow, "hook-1", None);
        let partner = ours(style);
        let keys = json!({ "Appkey": "app", "Apikey": "api" });
        let flow = json!({ "FlowId": flow.0.to_string() });
        let paused = json!({ "FlowId": flow["FlowId"], "Status": "paused" });
        let calls = [
            ("insertSchema", "201", json!({ "SchemaObject": schema, "AuthenticationObject": keys })),
            ("updateSchema", "201", json!({ "SchemaObject": schema, "AuthenticationObject": keys })),
            ("getSchema", "200", json!({ "AuthenticationObject": keys })),
            (
                "insertRecord",
                "201",
                json!({
                    "FlowDiagramObject": flow,
                    "DataRecordObject": { "Data": record, "Uuid": ID },
                    "AuthenticationObject": keys,
                }),
            ),
            (
                "updateRecord",
                "201",
                json!({ "DataRecordObject": { "Data": changed, "Uuid": ID }, "AuthenticationObject": keys }),
            ),
            ("getRecord", "200", json!({ "DataRecordObject": { "Uuid": ID }, "AuthenticationObject": keys })),
            ("deleteRecord", "201", json!({ "DataRecordObject": { "Uuid": ID }, "AuthenticationObject": keys })),
            ("webhook", "201", json!({ "Uri": "hook-1", "Payload": "{\"a\": \"<&>\"}" })),
            ("getFlowDiagram", "200", json!({ "FlowDiagramObject": flow, "AuthenticationObject": keys })),
            ("changeFlowStatus", "201", json!({ "FlowDiagramObject": paused, "AuthenticationObject": keys })),
            ("deleteSchema", "200", json!({ "AuthenticationObject": keys })),
        ];
        let described: Vec<String> = partner.operations().into_iter().map(|operation| operation.name).collect();
        assert_eq!(described.len(), OPERATIONS.len());
        assert!(described.iter().all(|name| calls.iter().any(|(called, ..)| called == name)), "{described:?}");
        for (name, code, input) in calls {
            let reply = call(&app, &partner, name, &json!({ "input": input }));
            let Reply::Done(result) = reply else { panic!("{style:?} {name}: {reply:?}") };
            let result = &result[format!("{name}Result")];
            assert_eq!(result["Code"], code, "{style:?} {name}");
            let members: Vec<&str> = result.as_object().expect("members").keys().map(String::as_str).collect();
            assert_eq!(members, ["Id", "Code", "RequestIP", "Resource", "Message", "Error"], "{style:?} {name}");
            if name == "getRecord" {
                assert_eq!(result["Resource"], changed);
            }
        }
        let missing = json!({ "input": { "DataRecordObject": { "Uuid": ID }, "AuthenticationObject": keys } });
        let Reply::Fault { code, text, actor, detail, is_sender } = call(&app, &partner, "getRecord", &missing) else {
            panic!("{style:?}: no fault")
        };
        let expected = match style {
            Style::RpcEncoded => "404",
            Style::Literal11 => "Client",
            Style::Literal12 => "Sender.E404",
        };
        assert_eq!((code.as_str(), is_sender), (expected, true), "{style:?}");
        assert!(!text.is_empty());
        let items = json!([{ "key": "code", "value": "404" }, { "key": "message", "value": text }]);
        assert_eq!(detail["item"], items, "{style:?}");
        match style {
            Style::RpcEncoded => assert!(actor.is_some()),
            _ => assert_eq!(detail["FlowizeFault"]["Code"], "404"),
        }
    }
}

const ORDERS: [&str; 4] = ["orders.wsdl", "schemas/orders.xsd", "schemas/parts.xsd", "orders.wsdl?xsd=common"];

fn orders() -> Partner {
    let files = ["orders.wsdl", "orders.xsd", "parts.xsd", "common.xsd"];
    let document = |(file, location): (&str, &str)| Document {
        location: format!("http://shop.example/{location}"),
        text: std::fs::read_to_string(fixture(&format!("partner/{file}"))).expect(file),
    };
    let documents: Vec<Document> = files.into_iter().zip(ORDERS).map(document).collect();
    Partner::read(&documents).expect("the description is readable")
}

#[test]
fn a_description_names_the_documents_it_imports() {
    let imports = |file: &str, location: &str| {
        let text = std::fs::read_to_string(fixture(&format!("partner/{file}"))).expect(file);
        Partner::imports(&text, location).expect("it is a description")
    };
    // What everybody knows is not fetched.
    assert_eq!(
        imports("orders.wsdl", "http://shop.example/orders.wsdl"),
        ["http://shop.example/schemas/orders.xsd", "http://shop.example/orders.wsdl?xsd=common"]
    );
    assert_eq!(
        imports("orders.xsd", "http://shop.example/schemas/orders.xsd"),
        ["http://shop.example/orders.wsdl?xsd=common", "http://shop.example/schemas/parts.xsd"]
    );
    assert!(imports("common.xsd", "http://shop.example/c").is_empty());
}

fn order() -> Value {
    json!({
        "line": [
            { "price": "12.340000000000000001", "article": "A1" },
            { "article": "B2", "amount": 3, "price": 0.5 },
        ],
        "city": "Utrecht & more",
        "street": "<Kade> 1",
        "due": null,
        "@id": 7,
        "@by": "me \"&\" you",
        "customer": { "parent": { "name": "Ada" }, "@vip": true, "name": "Bo" },
        "priority": 2,
        "comment": null,
        "tags": ["a", "b-c"],
        "weight": { "@unit": "lb", "$value": 1.25 },
        "$any": [
            { "{urn:shop:common}gift": { "wrap": true } },
            { "{urn:elsewhere}thing": { "@a": "1", "b": ["2", "3"] } },
        ],
    })
}

#[test]
fn the_schema_orders_and_qualifies_what_json_holds() {
    let partner = orders();
    let operation = partner.operation("placeOrder", Some("Orders11Port")).expect("it is there");
    let call = operation.request(&json!({ "dryRun": true, "order": order() }), None).expect("it fits");
    assert_eq!(call.url, "http://shop.example/orders11");
    assert_eq!(
        call.headers,
        [("Content-Type", "text/xml; charset=utf-8".to_owned()), ("SOAPAction", "\"urn:shop:placeOrder\"".to_owned())]
    );
    let expected = concat!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
        "<SOAP-ENV:Envelope xmlns:SOAP-ENV=\"http://schemas.xmlsoap.org/soap/envelope/\" ",
        "xmlns:ns1=\"urn:shop:orders\" xmlns:ns2=\"urn:shop:common\" ",
        "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xmlns:ns4=\"urn:elsewhere\">",
        "<SOAP-ENV:Body><ns1:placeOrder><ns1:order id=\"7\" by=\"me &quot;&amp;&quot; you\">",
        "<ns1:customer ns2:vip=\"true\"><name>Bo</name><parent><name>Ada</name></parent></ns1:customer>",
        "<ns1:street>&lt;Kade&gt; 1</ns1:street><ns1:city>Utrecht &amp; more</ns1:city>",
        "<ns1:line><ns1:article>A1</ns1:article><ns1:price>12.340000000000000001</ns1:price></ns1:line>",
        "<ns1:line><ns1:article>B2</ns1:article><ns1:price>0.5</ns1:price><ns1:amount>3</ns1:amount></ns1:line>",
        "<ns1:due xsi:nil=\"true\"></ns1:due><comment xsi:nil=\"true\"></comment>",
        "<ns2:priority>2</ns2:priority><ns1:tags>a b-c</ns1:tags><ns1:weight unit=\"lb\">1.25</ns1:weight>",
        "<ns2:gift><wrap>true</wrap></ns2:gift><ns4:thing a=\"1\"><b>2</b><b>3</b></ns4:thing>",
        "</ns1:order><ns1:dryRun>true</ns1:dryRun></ns1:placeOrder></SOAP-ENV:Body></SOAP-ENV:Envelope>",
    );
    assert_eq!(String::from_utf8(call.body).expect("UTF-8"), expected);
}

#[test]
fn an_answer_gives_back_what_was_sent() {
    let partner = orders();
    let request = partner.operation("placeOrder", None).expect("it is there");
    let call = request.request(&json!({ "order": order() }), None).expect("it fits");
    assert_eq!(
        call.headers,
        [("Content-Type", "application/soap+xml; charset=utf-8; action=\"urn:shop:placeOrder\"".to_owned())]
    );
    let rest = "<total>1000000.10</total><ns1:number>9007199254740993</ns1:number></ns1:placeOrderResponse>";
    let answer = String::from_utf8(call.body).expect("UTF-8");
    let answer = answer.replace("</ns1:placeOrder>", rest).replace("<ns1:placeOrder>", "<ns1:placeOrderResponse>");
    let reply = request.reply(200, "application/soap+xml", answer.as_bytes()).expect("it is an answer");
    let expected = json!({ "order": order(), "total": 1_000_000.1, "number": 9_007_199_254_740_993_i64 });
    assert_eq!(reply, Reply::Done(expected));
}

#[test]
fn arguments_that_do_not_fit_are_refused_with_their_path() {
    let partner = orders();
    let place = partner.operation("placeOrder", None).expect("it is there");
    let with = |change: &dyn Fn(&mut Value)| {
        let mut arguments = json!({ "order": order() });
        change(&mut arguments);
        refusal(&place, &arguments)
    };
    type Change<'c> = &'c dyn Fn(&mut Value);
    let cases: [(Change<'_>, &str); 20] = [
        (&|a| a["order"]["line"][1]["price"] = json!("x"), "order.line[1].price must be a number (xsd:decimal)"),
        (&|a| a["order"]["line"][1]["price"] = json!(null), "order.line[1].price is missing (xsd:decimal)"),
        (&|a| a["order"]["line"] = json!([]), "order.line is missing (Line)"),
        (&|a| a["order"]["line"] = json!("x"), "order.line[0] must be an object (Line)"),
        (
            &|a| a["order"]["lines"] = json!([]),
            "order.lines is not known here; expected are: city, comment, customer, due, ",
        ),
        (&|a| a["order"]["@id"] = json!(null), "order.@id is missing (xsd:int)"),
        (
            &|a| a["order"]["@id"] = json!("7a"),
            "order.@id must be a whole number from -2147483648 to 2147483647 (xsd:int)",
        ),
        (
            &|a| a["order"]["customer"]["parent"]["born"] = json!(1900),
            "order.customer.parent.born must be text (xsd:date)",
        ),
        (&|a| a["order"]["customer"] = json!(null), "order.customer is missing (Customer)"),
        (&|a| a["order"]["customer"] = json!([{ "name": "a" }]), "order.customer must be an object (Customer)"),
        (
            &|a| a["order"]["pickup"] = json!("x"),
            "order.pickup cannot be given together with the others: they exclude each other",
        ),
        (&|a| a["order"]["city"] = json!(null), "order.city is missing (xsd:string)"),
        (&|a| a["order"]["weight"]["@unit"] = json!("g"), "order.weight.@unit must be one of: kg, lb"),
        (&|a| a["order"]["weight"]["$value"] = json!("heavy"), "order.weight.$value must be a number (xsd:decimal)"),
        (&|a| a["order"]["tags"] = json!("a"), "order.tags must be an array (list of xsd:NMTOKEN)"),
        (
            &|a| a["order"]["priority"] = json!(0),
            "order.priority must be a whole number of at least 1 (xsd:positiveInteger)",
        ),
        (&|a| a["order"]["$any"] = json!(["<a>"]), "order.$any[0] must be one element of well-formed XML"),
        (&|a| a["order"]["$any"] = json!([{ "a b": 1 }]), "order.$any[0].a b cannot be an element's name"),
        (&|a| a["dryRun"] = json!("true"), "dryRun must be true or false (xsd:boolean)"),
        (&|a| *a = json!("x"), "The message must be an object (structure)"),
    ];
    for (change, reason) in cases {
        let refused = with(change);
        assert!(refused.starts_with(reason), "{refused}\n  where {reason}");
    }
    let mut both = json!({ "order": order() });
    both["order"]["street"] = json!(null);
    both["order"]["city"] = json!(null);
    assert_eq!(refusal(&place, &both), "order needs one of: pickup, street, city");
}

#[test]
fn unknown_operations_and_ports_are_answered_with_what_there_is() {
    let partner = orders();
    let message = |name: &str, port: Option<&str>| partner.operation(name, port).expect_err(name).to_string();
    assert_eq!(message("buy", None), "The description has no operation 'buy'; it has draw, note, placeOrder, status");
    assert_eq!(
        message("draw", Some("Orders12Port")),
        "The port 'Orders12Port' has no operation 'draw'; it has placeOrder, status"
    );
    assert_eq!(
        message("draw", Some("OrdersGetPort")),
        "The description has no port 'OrdersGetPort'; it has Orders11Port, Orders12Port"
    );
}

#[test]
fn bare_bodies_headers_and_one_way_operations_are_served() {
    let partner = orders();
    let status = partner.operation("status", Some("Orders11Port")).expect("it is there");
    let session = json!({ "Session": { "@user": "me", "$value": "s-1" } });
    let call = status.request(&json!(5), Some(&session)).expect("it fits");
    assert_eq!(call.headers[1], ("SOAPAction", "\"\"".to_owned()));
    let text = String::from_utf8(call.body).expect("UTF-8");
    assert!(text.contains("<SOAP-ENV:Header><ns1:Session user=\"me\">s-1</ns1:Session></SOAP-ENV:Header>"), "{text}");
    assert!(text.contains("<SOAP-ENV:Body><ns2:statusQuery>5</ns2:statusQuery></SOAP-ENV:Body>"), "{text}");
    let security = json!({ "{urn:sec}Security": { "@{urn:sec}level": 1, "Token": "t" } });
    let text = String::from_utf8(status.request(&json!(5), Some(&security)).expect("it fits").body).expect("UTF-8");
    assert!(text.contains("<ns1:Security ns1:level=\"1\"><Token>t</Token></ns1:Security>"), "{text}");
    let undeclared = status.request(&json!(5), Some(&json!({ "Token": "t" }))).expect_err("it is not declared");
    assert!(undeclared.message().starts_with("Token is not a declared header"), "{undeclared}");

    let answer = "<e:Envelope xmlns:e='http://schemas.xmlsoap.org/soap/envelope/'><e:Body>\
                  <status xmlns='urn:shop:orders'>shipped</status></e:Body></e:Envelope>";
    assert_eq!(status.reply(200, "text/xml", answer.as_bytes()).expect("an answer"), Reply::Done(json!("shipped")));

    let note = partner.operation("note", None).expect("it is there");
    assert_eq!(body(&note, &json!({ "a": "1", "b": "2" })), "<ns1:note><ns1:b>2</ns1:b><ns1:a>1</ns1:a></ns1:note>");
    assert_eq!(note.reply(202, "", b"").expect("it was taken"), Reply::Done(Value::Null));
    assert!(note.summary().is_one_way);
    assert!(status.reply(200, "text/xml", b" ").is_err(), "an answer was promised");
}
