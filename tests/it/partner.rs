//! Calling other people's services: our own three descriptions against a gateway in this process, and descriptions in
//! every style that partners use.

mod echo;
mod live;
mod replay;

use flowgate::error::Code;
use flowgate::facade::soap::message::OPERATIONS;
use flowgate::model::flow::FlowStatus;
use flowgate::soap::partner::{Document, Member, Operation, Partner, Reply};
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
fn a_description_is_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Partner>();
    shared::<Operation<'_>>();
}

#[test]
fn operations_are_listed_with_what_they_take_and_give() {
    let partner = orders();
    let listed = partner.operations();
    let names: Vec<String> = listed.iter().map(|listed| format!("{}.{}", listed.port, listed.name)).collect();
    assert_eq!(
        names,
        ["Orders11Port.placeOrder", "Orders11Port.status", "Orders11Port.note", "Orders11Port.draw"]
            .into_iter()
            .chain(["Orders12Port.placeOrder", "Orders12Port.status"])
            .collect::<Vec<_>>()
    );
    let shown = |members: &[Member]| -> Vec<String> {
        let sign = |member: &Member| match (member.is_required, member.repeats) {
            (true, false) => "",
            (true, true) => "+",
            (false, false) => "?",
            (false, true) => "*",
        };
        members.iter().map(|member| format!("{}{} {}", member.name, sign(member), member.kind)).collect()
    };
    assert_eq!(listed[0].documentation.as_deref(), Some("Places an order."));
    assert_eq!(shown(&listed[0].input), ["order Order", "dryRun? xsd:boolean"]);
    assert_eq!(shown(&listed[1].input), ["$value xsd:int"]);
    assert_eq!(shown(&listed[1].headers), ["session structure"]);
    assert_eq!(
        shown(&listed[3].input),
        [
            "shape+ Shape",
            "figure* Shape",
            "circle* Circle",
            "ring* Ring",
            "extra? xsd:anyType",
            "x* xsd:int",
            "y* xsd:int"
        ]
    );
    let bank = bank().operations();
    assert_eq!(shown(&bank[1].input), ["account Account", "entry Entry"]);
    assert!(bank[1].is_encoded && !bank[3].is_encoded);
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

fn bank() -> Partner {
    let document = |file: &str| Document {
        location: format!("http://bank.example/{file}"),
        text: std::fs::read_to_string(fixture(&format!("partner/{file}"))).expect(file),
    };
    Partner::read(&["accounts.wsdl", "bank.wsdl"].map(document)).expect("the description is readable")
}

fn account() -> Value {
    json!({
        "account": {
            "owner": "Bo",
            "entries": [{ "amount": 1.5, "cleared": null }, null],
            "grid": [[1, 2], [], [3]],
            "extra": [true, "x", { "@xsi:type": "Entry", "amount": 2, "cleared": true }],
        },
        "entry": { "@xsi:type": "Transfer", "amount": 3, "cleared": false, "to": { "owner": "Ada" } },
    })
}

#[test]
fn encoded_calls_say_the_type_of_every_value() {
    let partner = bank();
    let book = partner.operation("book", Some("Encoded")).expect("it is there");
    let expected = concat!(
        "<ns1:book SOAP-ENV:encodingStyle=\"http://schemas.xmlsoap.org/soap/encoding/\">",
        "<account xsi:type=\"ns3:Account\"><owner xsi:type=\"xsd:string\">Bo</owner>",
        "<entries xsi:type=\"SOAP-ENC:Array\" SOAP-ENC:arrayType=\"ns3:Entry[2]\">",
        "<item xsi:type=\"ns3:Entry\"><amount xsi:type=\"xsd:decimal\">1.5</amount><cleared xsi:nil=\"true\"></cleared></item>",
        "<item xsi:nil=\"true\"></item></entries>",
        "<grid xsi:type=\"SOAP-ENC:Array\" SOAP-ENC:arrayType=\"xsd:int[][3]\">",
        "<item xsi:type=\"SOAP-ENC:Array\" SOAP-ENC:arrayType=\"xsd:int[2]\">",
        "<item xsi:type=\"xsd:int\">1</item><item xsi:type=\"xsd:int\">2</item></item>",
        "<item xsi:type=\"SOAP-ENC:Array\" SOAP-ENC:arrayType=\"xsd:int[0]\"></item>",
        "<item xsi:type=\"SOAP-ENC:Array\" SOAP-ENC:arrayType=\"xsd:int[1]\"><item xsi:type=\"xsd:int\">3</item></item></grid>",
        "<extra xsi:type=\"SOAP-ENC:Array\" SOAP-ENC:arrayType=\"xsd:anyType[3]\">",
        "<item xsi:type=\"xsd:boolean\">true</item><item xsi:type=\"xsd:string\">x</item>",
        "<item xsi:type=\"ns3:Entry\"><amount xsi:type=\"xsd:decimal\">2</amount>",
        "<cleared xsi:type=\"xsd:boolean\">true</cleared></item></extra></account>",
        "<entry xsi:type=\"ns3:Transfer\"><amount xsi:type=\"xsd:decimal\">3</amount>",
        "<cleared xsi:type=\"xsd:boolean\">false</cleared>",
        "<to xsi:type=\"ns3:Account\"><owner xsi:type=\"xsd:string\">Ada</owner></to></entry></ns1:book>",
    );
    assert_eq!(body(&book, &account()), expected);

    let list = partner.operation("list", Some("Encoded12")).expect("it is there");
    assert_eq!(
        body(&list, &json!({ "limit": 5 })),
        "<ns1:list env:encodingStyle=\"http://www.w3.org/2003/05/soap-encoding\"><owner xsi:nil=\"true\"></owner>\
         <limit xsi:type=\"xsd:int\">5</limit></ns1:list>"
    );
    let literal = partner.operation("book", None).expect("it is there");
    assert_eq!(literal.summary().port, "Literal", "what is literal is preferred");
    let mut arguments = account();
    arguments["account"] = json!({ "owner": "Bo" });
    assert_eq!(
        body(&literal, &arguments),
        "<ns1:book><account><owner>Bo</owner></account><entry xsi:type=\"ns3:Transfer\"><amount>3</amount>\
         <cleared>false</cleared><to><owner>Ada</owner></to></entry></ns1:book>"
    );
    assert_eq!(refusal(&literal, &json!({ "account": null })), "account must not be null");
    assert_eq!(refusal(&literal, &json!({ "acount": 1 })), "acount is not known here; expected are: account, entry");
    let wrong = json!({ "account": { "owner": "Bo" }, "entry": { "@xsi:type": "Account", "owner": "x" } });
    assert_eq!(refusal(&literal, &wrong), "entry has the @xsi:type Account, which is no Entry");
}

/// What the replies of `list` hold.
fn listed() -> Value {
    json!({ "return": [
        { "amount": 1.5, "text": "first", "cleared": true },
        { "@xsi:type": "Transfer", "amount": "0.12345678901234567890", "cleared": null, "to": { "owner": "Ada" } },
        null,
    ] })
}

#[test]
fn encoded_answers_are_read_whatever_way_they_are_laid_out() {
    let partner = bank();
    let read = |operation: &str, port: &str, file: &str| {
        let bytes = std::fs::read(fixture(&format!("partner/replies/{file}"))).expect(file);
        let operation = partner.operation(operation, Some(port)).expect("it is there");
        operation.reply(200, "text/xml; charset=utf-8", &bytes).expect(file)
    };
    let entries = listed();
    for file in ["inline.xml", "multiref.xml", "siblings.xml", "untyped.xml"] {
        let mut expected = entries.clone();
        if file == "untyped.xml" {
            expected["return"][1].as_object_mut().expect("members").shift_remove("@xsi:type");
        }
        assert_eq!(read("list", "Encoded", file), Reply::Done(expected), "{file}");
    }
    assert_eq!(read("list", "Encoded12", "soap12.xml"), Reply::Done(entries));
    assert_eq!(
        read("book", "Encoded", "map.xml"),
        Reply::Done(json!({
            "account": { "owner": "Bo", "extra": { "a": 1, "b": ["x", { "c": null }] }, "unexpected": { "deep": "y", "@z": "1" } },
            "balance": 12.5,
        }))
    );
}

#[test]
fn hostile_and_strange_answers_are_refused_by_name() {
    let partner = bank();
    let list = partner.operation("list", Some("Encoded")).expect("it is there");
    let soap = |body: &str| {
        format!(
            "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Body>{body}</e:Body></e:Envelope>"
        )
    };
    let deep = soap(&format!("<r><return>{}{}</return></r>", "<item>".repeat(97), "</item>".repeat(97)));
    let cases = [
        (
            200,
            "text/html",
            "<html><body>Hello</body></html>".to_owned(),
            Code::Refused,
            "the element 'html', which is no SOAP envelope",
        ),
        (
            503,
            "text/html",
            "<html>Sorry<br></html>".to_owned(),
            Code::Unavailable,
            "503 with text/html, which is no SOAP envelope",
        ),
        (
            200,
            "application/json",
            "{}".to_owned(),
            Code::Refused,
            "200 with application/json, which is no SOAP envelope",
        ),
        (404, "", String::new(), Code::Refused, "404 with nothing in it"),
        (429, "", String::new(), Code::Unavailable, "429 with nothing in it"),
        (500, "text/xml", soap("<r/>"), Code::Unavailable, "500 with an envelope without a fault"),
        (200, "text/xml", "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>".to_owned(), Code::Refused, "text/xml"),
        (200, "text/xml", soap(""), Code::Refused, "an empty body"),
        (200, "text/xml", soap("<r><return href='#a'/></r>"), Code::Refused, "leads nowhere"),
        (
            200,
            "text/xml",
            soap("<r><return href='#a'/><b id='a'><item href='#a'/></b></r>"),
            Code::Refused,
            "nested more than",
        ),
        (200, "text/xml", deep, Code::Refused, "text/xml"),
        (200, "text/xml", "<a><b></a>".to_owned(), Code::Refused, "text/xml"),
        (200, "multipart/related", "x".to_owned(), Code::Refused, "boundary"),
    ];
    for (status, content_type, body, code, reason) in cases {
        let error = list.reply(status, content_type, body.as_bytes()).expect_err(&body);
        assert_eq!(error.code(), code, "{error}");
        assert!(error.message().contains(reason), "{error}");
    }
    let orders = orders();
    let place = orders.operation("placeOrder", Some("Orders11Port")).expect("it is there");
    let error = place.reply(200, "text/xml", soap("<other/>").as_bytes()).expect_err("it is another element");
    assert_eq!(error.message(), "The partner's reply holds 'other' where 'placeOrderResponse' is expected");
}

#[test]
fn faults_of_both_versions_are_read_with_typed_details() {
    let partner = orders();
    let place = partner.operation("placeOrder", None).expect("it is there");
    let detail = "<o:OutOfStock xmlns:o='urn:shop:orders'><o:article>A1</o:article><o:days>3</o:days></o:OutOfStock>";
    let v11 = format!(
        "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body><s:Fault>\
         <faultcode>s:Client.Stock</faultcode><faultstring> Sold out </faultstring><faultactor>urn:shop</faultactor>\
         <detail>{detail}</detail></s:Fault></s:Body></s:Envelope>"
    );
    let v12 = format!(
        "<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope'><s:Body><s:Fault><s:Code><s:Value>s:Receiver</s:Value>\
         <s:Subcode><s:Value xmlns:m='urn:m'>m:Stock</s:Value></s:Subcode></s:Code><s:Reason><s:Text xml:lang='nl'>Op</s:Text>\
         <s:Text xml:lang='en-GB'>Sold out</s:Text></s:Reason><s:Role>urn:shop</s:Role><s:Detail>{detail}</s:Detail>\
         </s:Fault></s:Body></s:Envelope>"
    );
    for (status, body, code, is_sender) in
        [(500, &v11, "Client.Stock", true), (200, &v11, "Client.Stock", true), (500, &v12, "Receiver.Stock", false)]
    {
        let expected = Reply::Fault {
            code: code.to_owned(),
            text: "Sold out".to_owned(),
            actor: Some("urn:shop".to_owned()),
            detail: json!({ "OutOfStock": { "article": ["A1"], "days": 3 } }),
            is_sender,
        };
        assert_eq!(place.reply(status, "text/xml", body.as_bytes()).expect("a fault"), expected);
    }
}

#[test]
fn an_attachment_stands_where_it_is_included() {
    let partner = orders();
    let place = partner.operation("placeOrder", None).expect("it is there");
    let package = concat!(
        "--b\r\nContent-Type: application/xop+xml; charset=utf-8; type=\"application/soap+xml\"\r\nContent-ID: <root>\r\n\r\n",
        "<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope'><s:Body><placeOrderResponse xmlns='urn:shop:orders'>",
        "<total>1</total><receipt><i:Include xmlns:i='http://www.w3.org/2004/08/xop/include' href='cid:r%40x'/></receipt>",
        "</placeOrderResponse></s:Body></s:Envelope>\r\n",
        "--b\r\nContent-ID: <r@x>\r\nContent-Transfer-Encoding: binary\r\n\r\n\u{0}\u{1}abc\r\n--b--\r\n"
    );
    let content_type = "multipart/related; type=\"application/xop+xml\"; start=\"<root>\"; boundary=b";
    let reply = place.reply(200, content_type, package.as_bytes()).expect("a package");
    assert_eq!(reply, Reply::Done(json!({ "total": 1, "receipt": "AAFhYmM=" })));
}

#[test]
fn derived_types_groups_and_substitutions_come_and_go() {
    let partner = orders();
    let draw = partner.operation("draw", None).expect("it is there");
    let arguments = json!({
        "y": [1, 2],
        "x": 3,
        "ring": { "hole": 0.5, "name": "r", "radius": 2.0, "@colour": "red" },
        "circle": [{ "name": "c", "radius": 1e300 }, { "name": "d", "radius": "INF" }],
        "shape": [{ "@xsi:type": "Ring", "name": "n", "radius": 1.0, "hole": "NaN" }, { "@xsi:type": "Dot", "name": "dot" }],
        "extra": { "@xsi:type": "Circle", "name": "e", "radius": 0.0 },
    });
    let call = draw.request(&arguments, None).expect("it fits");
    let text = String::from_utf8(call.body).expect("UTF-8").replace("ns1:draw>", "ns1:drawResponse>");
    let mut expected = arguments.clone();
    expected["x"] = json!([3]);
    expected["ring"] = json!([arguments["ring"]]);
    assert_eq!(draw.reply(200, "text/xml", text.as_bytes()).expect("an answer"), Reply::Done(expected));

    let refuse = |name: &str, value: Value| {
        let mut changed = arguments.clone();
        changed[name] = value;
        refusal(&draw, &changed)
    };
    assert_eq!(
        refuse("shape", json!([{ "name": "n" }])),
        "shape[0] is of the abstract type Shape; its @xsi:type must be one of: Circle, Dot, Ring"
    );
    let many = Value::Array(vec![json!({ "@xsi:type": "Dot", "name": "dot" }); 6]);
    assert_eq!(refuse("shape", many), "shape has 6 values; at most 5 are admitted");
    assert_eq!(
        refuse("figure", json!({ "name": "n" })),
        "figure[0] is abstract; an element that stands in for it is expected"
    );
}

fn described(schema: &str) -> flowgate::error::Result<Partner> {
    let text = format!(
        "<definitions xmlns='http://schemas.xmlsoap.org/wsdl/' xmlns:x='http://www.w3.org/2001/XMLSchema' xmlns:t='urn:t'
         xmlns:s='http://schemas.xmlsoap.org/wsdl/soap/' targetNamespace='urn:t'><types><x:schema targetNamespace='urn:t'>
         {schema}</x:schema></types><message name='m'><part name='p' element='t:e'/></message>
         <portType name='T'><operation name='o'><input message='t:m'/><output message='t:m'/></operation></portType>
         <binding name='B' type='t:T'><s:binding/><operation name='o'><s:operation soapAction='a'/></operation></binding>
         <service name='S'><port name='P' binding='t:B'><s:address location='https://t.example/'/></port></service>
         </definitions>"
    );
    Partner::read(&[Document { location: "http://t.example/".to_owned(), text }])
}

/// Groups within each other, each of that many sequences within each other.
fn nested_groups(groups: usize, sequences: usize) -> String {
    let (open, close) = ("<x:sequence>".repeat(sequences), "</x:sequence>".repeat(sequences));
    let group = |n: usize| format!("<x:group name='g{n}'>{open}<x:group ref='t:g{}'/>{close}</x:group>", n + 1);
    let all: String = (0..groups).map(group).collect();
    let last = format!("<x:group name='g{groups}'><x:sequence/></x:group>");
    format!("{all}{last}<x:element name='e'><x:complexType><x:group ref='t:g0'/></x:complexType></x:element>")
}

#[test]
fn descriptions_that_lead_nowhere_or_nowhere_else_are_refused_in_bounded_time() {
    let doubled: String = (0..30)
        .map(|n| format!("<x:group name='g{n}'><x:sequence><x:group ref='t:g{m}'/><x:group ref='t:g{m}'/></x:sequence></x:group>", m = n + 1))
        .collect();
    let chain: String = (0..100)
        .map(|n| {
            let base = n + 1;
            format!("<x:complexType name='c{n}'><x:complexContent><x:extension base='t:c{base}'/></x:complexContent></x:complexType>")
        })
        .collect();
    let of = |kind: &str| format!("<x:element name='e' type='t:{kind}'/>");
    let cases = [
        (format!("{doubled}<x:group name='g30'><x:all/></x:group><x:element name='e'><x:complexType><x:group ref='t:g0'/></x:complexType></x:element>"), "expand to too many"),
        ("<x:element name='e'><x:complexType><x:group ref='t:g'/></x:complexType></x:element><x:group name='g'><x:sequence><x:element name='a'><x:complexType><x:group ref='t:g'/></x:complexType></x:element></x:sequence></x:group>".to_owned(), "without end"),
        ("<x:element name='e'><x:complexType><x:attributeGroup ref='t:g'/></x:complexType></x:element><x:attributeGroup name='g'><x:attributeGroup ref='t:g'/></x:attributeGroup>".to_owned(), "without end"),
        (format!("{}{chain}<x:complexType name='c100'/>", of("c0")), "without end"),
        (of("none"), "uses the type {urn:t}none, but does not say what it is"),
        ("<x:element name='other'/>".to_owned(), "uses the element {urn:t}e, but does not say what it is"),
        (format!("{}<x:complexType name='a'><x:complexContent><x:extension base='t:a'/></x:complexContent></x:complexType>", of("a")), "without end"),
        (format!("{}<x:simpleType name='s'><x:restriction base='t:s'/></x:simpleType>", of("s")), "narrows itself"),
        ("<x:element name='e e'/>".to_owned(), "'e e', which is no name"),
        ("<x:element name='e'><x:complexType><x:sequence><x:element name='a' minOccurs='-1'/></x:sequence></x:complexType></x:element>".to_owned(), "'-1' times"),
        (format!("{}<x:complexType name='s'>{}{}</x:complexType>", of("s"), "<x:sequence>".repeat(70), "</x:sequence>".repeat(70)), "nests more than 32 elements"),
        (nested_groups(10, 20), "nests more than 100 structures"),
        (of("q:t"), "uses the type {urn:t}q:t"),
    ];
    for (schema, reason) in cases {
        let error = described(&schema).and_then(|partner| {
            let operation = partner.operation("o", None)?;
            assert_eq!(partner.operations().len(), 1);
            operation.request(&json!("x"), None).or_else(|_| operation.request(&json!({}), None))
        });
        let error = error.expect_err(&schema).to_string();
        assert!(error.contains(reason), "{error}\n  where {reason}");
    }
    assert!(described(&nested_groups(3, 27)).is_ok());
    let within = |levels: usize| {
        let (open, close) =
            ("<x:element name='e'><x:complexType><x:sequence>", "</x:sequence></x:complexType></x:element>");
        described(&format!("{}{}", open.repeat(levels), close.repeat(levels))).err().map(|error| error.to_string())
    };
    assert_eq!(within(9), None);
    assert_eq!(within(10).as_deref(), Some("http://t.example/: The description nests more than 32 elements"));
    // A type may well hold itself.
    let list = "<x:element name='e' type='t:l'/><x:complexType name='l'><x:sequence><x:element name='n' type='t:l' minOccurs='0'/></x:sequence></x:complexType>";
    let partner = described(list).expect("it is in order");
    let operation = partner.operation("o", None).expect("it is there");
    assert_eq!(body(&operation, &json!({ "n": { "n": {} } })), "<ns1:e><n><n></n></n></ns1:e>");
    let deep = (0..120).fold(json!({}), |inner, _| json!({ "n": inner }));
    assert!(refusal(&operation, &deep).ends_with("is nested more than 90 structures deep"));
}

#[test]
fn attributes_of_any_name_are_written_where_they_are_admitted() {
    let open =
        "<x:element name='e'><x:complexType><x:attribute name='a'/><x:anyAttribute/></x:complexType></x:element>";
    let partner = described(open).expect("it is in order");
    let operation = partner.operation("o", None).expect("it is there");
    let arguments =
        json!({ "@a": "1", "@{http://schemas.xmlsoap.org/soap/envelope/}mustUnderstand": 1, "@{urn:x}b": true });
    let expected = "<ns1:e a=\"1\" SOAP-ENV:mustUnderstand=\"1\" ns2:b=\"true\"></ns1:e>";
    assert_eq!(body(&operation, &arguments), expected);
    assert_eq!(refusal(&operation, &json!({ "@xmlns": "urn:y" })), "@xmlns cannot be an attribute");
    assert_eq!(refusal(&operation, &json!({ "@b c": "1" })), "@b c cannot be an attribute");
}

#[test]
fn what_is_no_soap_description_is_refused() {
    let read = |text: &str| Partner::read(&[Document { location: "http://t/d".to_owned(), text: text.to_owned() }]);
    for (text, reason) in [
        ("<html/>", "http://t/d: The document is neither a WSDL 1.1 description nor an XML schema; its root is 'html'"),
        ("<definitions xmlns='http://schemas.xmlsoap.org/wsdl/'/>", "no port with operations that speaks SOAP"),
        ("<definitions xmlns='http://schemas.xmlsoap.org/wsdl/'><message/></definitions>", "lacks a name"),
        ("<!DOCTYPE a><definitions xmlns='http://schemas.xmlsoap.org/wsdl/'/>", "cannot be read as XML"),
    ] {
        let error = read(text).expect_err(text).to_string();
        assert!(error.contains(reason), "{error}");
    }
}
