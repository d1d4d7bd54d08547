//! The SOAP façade from outside: what goes over the wire, and what is in the store afterwards.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flowgate::facade::soap::message::OPERATIONS;
use flowgate::model::account::{Compatibility, FaultDialect};
use flowgate::model::address::Network;
use flowgate::model::flow::FlowStatus;
use flowgate::model::record::{Record, RecordStatus};
use flowgate::model::scope::Scopes;
use flowgate::store::{record as records, webhook};

use crate::message::{Form, Part, call, flow, keys, keys_of, record, text, with_header};
use crate::support::{Answer, NOW, Tenant, TestApp};

const SCHEMA: &str = r#"{"type":"object","required":["client"],"properties":{"client":{"type":"array","items":{"type":"object","properties":{"age":{"type":"integer"}}}}}}"#;
const RECORD: &str = r#"{"client":[{"name":"Ünïcødé 漢字 🚀𝄞 & <tag> \"q\"","age":41}]}"#;

pub(crate) fn b64(text: &str) -> String {
    STANDARD.encode(text)
}

pub(crate) fn unb64(text: &str) -> String {
    String::from_utf8(STANDARD.decode(text).expect("base64")).expect("UTF-8")
}

/// A gateway with a tenant that has the keys `k` and `a`, and the flow `Leads`.
fn gateway() -> (TestApp, Tenant) {
    let app = TestApp::start();
    let tenant = app.customer("Testing", "k", "a");
    app.flow(&tenant, "Leads", FlowStatus::Public);
    (app, tenant)
}

fn send(app: &TestApp, form: Form, operation: &str, parts: &[Part<'_>]) -> Answer {
    app.post(&[("Content-Type", form.content_type())], call(form, operation, parts).as_bytes())
}

fn insert(app: &TestApp, uuid: &str, data: &str) -> Answer {
    send(app, Form::Literal11, "insertRecord", &[keys(), record(uuid, &b64(data)), flow("Leads")])
}

fn stored(app: &TestApp, tenant: &Tenant, uuid: &str) -> Option<Record> {
    app.app.store.peek(|tx| records::find(tx, tenant.customer, uuid)).expect("the store reads")
}

/// Checks the six elements of a documented reply, except for `RequestIP`; gives Resource.
pub(crate) fn reply(answer: &Answer, id: &str, code: &str, message: &str, error: &str) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let element = |name: &str| answer.element(name).unwrap_or_else(|| panic!("{name} in {}", answer.text()));
    let names = ["Id", "Code", "RequestIP", "Resource", "Message", "Error"];
    let places: Vec<_> = names.iter().map(|name| answer.text().find(&format!("<{name}")).expect(name)).collect();
    assert!(places.is_sorted(), "the elements are not in their order: {}", answer.text());
    assert_eq!([element("Id"), element("Code"), element("Message"), element("Error")], [id, code, message, error]);
    assert_eq!(element("RequestIP"), "127.0.0.1");
    element("Resource")
}

/// Checks that the answer is a fault with that documented number and a message that holds those words.
pub(crate) fn fault(answer: &Answer, code: &str, words: &str) {
    let text = answer.text();
    assert_eq!(answer.status, 500, "{text}");
    assert!(
        text.contains("<item><key>code</key><value>") && text.contains(&format!("<value>{code}</value>")),
        "not {code}: {text}"
    );
    let message = answer.element("faultstring").or_else(|| answer.element("env:Text")).expect("a message");
    assert!(message.contains(words), "'{words}' is not in '{message}'");
}

#[test]
fn the_eleven_operations_answer_as_documented_in_all_four_forms() {
    for form in Form::ALL {
        let (app, tenant) = gateway();
        app.webhook(&tenant, flowgate::model::flow::FlowId(1), "hook", None);
        let send = |operation: &str, parts: &[Part<'_>]| send(&app, form, operation, parts);
        let schema = || {
            Part::Struct(
                "SchemaObject",
                vec![
                    text("Url", "https://cloud.example/"),
                    text("Schema", Box::leak(b64(SCHEMA).into_boxed_str())),
                    text("DataRecord", Box::leak(b64(RECORD).into_boxed_str())),
                ],
            )
        };
        let data = b64(RECORD);

        let answer = send("insertSchema", &[keys(), schema()]);
        assert_eq!(reply(&answer, "created", "201", "Data Schema is created successfully.", "null"), "");
        let answer = send("getSchema", &[keys()]);
        let resource = reply(&answer, "ok", "200", "Schema structure is retrieving successfully", "null");
        let date = "2026-01-15 12:00:00";
        assert_eq!(
            resource,
            format!(
                r#"{{"url":"https://cloud.example/","schema":"{}","creation_date":"{date}","modified_date":"{date}","customer":"Testing"}}"#,
                b64(SCHEMA)
            )
        );
        let answer = send("updateSchema", &[keys(), schema()]);
        assert_eq!(
            unb64(&reply(&answer, "created", "201", "Schema structure is created successfully", "null")),
            SCHEMA
        );

        let answer = send("insertRecord", &[keys(), record("order-1", &data), flow("Leads")]);
        assert_eq!(
            unb64(&reply(
                &answer,
                "created",
                "201",
                "Data Record is created successfully and it is included in the queue.",
                "null"
            )),
            RECORD
        );
        assert_eq!(answer.header("x-uuid"), Some("order-1"));
        let answer = send("getRecord", &[keys(), record("order-1", "")]);
        assert_eq!(
            unb64(&reply(&answer, "ok", "200", "Data Record structure was retrieving successfully", "null")),
            RECORD
        );
        let changed = r#"{"client":[]}"#;
        let answer = send("updateRecord", &[keys(), record("order-1", &b64(changed))]);
        assert_eq!(unb64(&reply(&answer, "created", "201", "Data Record is updated successfully.", "null")), changed);
        assert_eq!(stored(&app, &tenant, "order-1").expect("the record").data, changed);
        let answer = send("deleteRecord", &[keys(), record("order-1", "")]);
        assert_eq!(reply(&answer, "created", "201", "Data Record is deleted successfully.", "null"), "");
        assert_eq!(stored(&app, &tenant, "order-1"), None);

        let answer = send("getFlowDiagram", &[keys(), flow("Leads")]);
        let diagram: serde_json::Value = serde_json::from_str(&unb64(&reply(
            &answer,
            "ok",
            "200",
            "Flow diagram is retrieving successfully",
            "null",
        )))
        .expect("JSON");
        assert_eq!((diagram["customer"].as_str(), diagram["flow_name"].as_str()), (Some("Testing"), Some("Leads")));
        let members: Vec<_> = diagram.as_object().expect("an object").keys().collect();
        assert_eq!(members, ["customer", "flow_name", "description", "current_flow", "versions"]);
        assert_eq!(diagram["current_flow"]["graph"], diagram["versions"][0]["graph"]);
        assert_eq!(diagram["current_flow"]["status"], "public");
        let answer = send("webhook", &[text("Uri", "hook"), text("Payload", "🚀 <x/> & more")]);
        assert_eq!(reply(&answer, "created", "201", "Webhook response has been saved successfully", "null"), "");
        let payloads = app.app.store.peek(|tx| webhook::find_payloads(tx, tenant.customer, 1, 10)).expect("payloads");
        assert_eq!(payloads.iter().map(|payload| payload.payload.as_str()).collect::<Vec<_>>(), ["🚀 <x/> & more"]);

        let status =
            |status: &'static str| Part::Struct("FlowDiagramObject", vec![text("FlowId", "1"), text("Status", status)]);
        for (to, done) in [("paused", "paused"), ("running", "resumed"), ("inactive", "stopped")] {
            let answer = send("changeFlowStatus", &[keys(), status(to)]);
            let resource = unb64(&reply(
                &answer,
                "created",
                "201",
                &format!("Flow diagram has been {done} successfully"),
                "false",
            ));
            assert!(resource.contains(&format!("\"status\":\"{to}\"")), "{resource}");
        }

        let answer = send("deleteSchema", &[keys()]);
        assert_eq!(reply(&answer, "ok", "200", "Schema has been removed successfully", "null"), "");
        fault(&send("getSchema", &[keys()]), "404", "There is no schema");
    }
}

#[test]
fn replies_and_faults_mirror_the_form_of_the_request() {
    let (app, _) = gateway();
    for form in Form::ALL {
        let answer = send(&app, form, "getFlowDiagram", &[keys(), flow("Leads")]);
        assert_eq!(answer.header("content-type"), Some(form.content_type()));
        let reply = answer.text();
        assert_eq!(reply.contains("http://www.w3.org/2003/05/soap-envelope"), form.is_v12(), "{form:?}: {reply}");
        assert_eq!(reply.contains("xsi:type=\"ns1:getFlowDiagramResponse\""), form.is_encoded(), "{form:?}: {reply}");
        assert!(reply.contains(&format!("xmlns:ns1=\"{}\"", form.namespace())), "{form:?}: {reply}");

        let answer = send(&app, form, "getSchema", &[keys_of("wrong", "a")]);
        assert_eq!(answer.header("content-type"), Some(form.content_type()));
        fault(&answer, "404", "The credentials are not correct.");
        let reply = answer.text();
        let code = match form {
            Form::Encoded11 => "<faultcode>404</faultcode>",
            Form::Literal11 => "<faultcode>SOAP-ENV:Client</faultcode>",
            Form::Encoded12 | Form::Literal12 => "<env:Value>env:Sender</env:Value><env:Subcode>",
        };
        assert!(reply.contains(code), "{form:?}: {reply}");
        let typed = format!("<ns1:FlowizeFault xmlns:ns1=\"{}\"><Code>404</Code>", form.namespace());
        assert_eq!(reply.contains(&typed), form != Form::Encoded11, "{form:?}: {reply}");
    }
}

#[test]
fn the_documented_fault_is_answered_element_for_element() {
    let (app, _) = gateway();
    let answer = send(&app, Form::Encoded11, "getSchema", &[keys_of("wrong", "wrong")]);
    let actor = answer.element("faultactor").expect("a reference");
    assert!(actor.len() == 88 && actor.chars().all(|c| c.is_ascii_hexdigit()), "{actor}");
    let expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<SOAP-ENV:Envelope xmlns:SOAP-ENV=\"http://schemas.xmlsoap.org/soap/envelope/\">\
        <SOAP-ENV:Body><SOAP-ENV:Fault><faultcode>404</faultcode><faultstring>The credentials are not correct.</faultstring>\
        <faultactor>ACTOR</faultactor><detail><item><key>code</key><value>404</value></item>\
        <item><key>message</key><value>The credentials are not correct.</value></item></detail></SOAP-ENV:Fault></SOAP-ENV:Body></SOAP-ENV:Envelope>";
    assert_eq!(answer.text().replace(&actor, "ACTOR"), expected);
}

#[test]
fn the_same_insertion_again_gets_the_first_reply_and_another_one_a_conflict() {
    let (app, tenant) = gateway();
    let first = insert(&app, "order-1", r#"{"a":1}"#);
    let again = insert(&app, "order-1", r#"{"a":1}"#);
    assert_eq!((first.status, first.text()), (200, again.text()));
    fault(&insert(&app, "order-1", r#"{"a":2}"#), "409", "order-1");
    assert_eq!(stored(&app, &tenant, "order-1").expect("the record").data, r#"{"a":1}"#);
}

#[test]
fn fifty_equal_insertions_at_once_make_one_record() {
    let (app, tenant) = gateway();
    let replies: Vec<String> = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..50).map(|_| scope.spawn(|| insert(&app, "same", r#"{"a":1}"#))).collect();
        senders.into_iter().map(|sender| sender.join().expect("an answer").text()).collect()
    });
    assert!(replies.iter().all(|reply| *reply == replies[0] && reply.contains("<Code>201</Code>")), "{replies:?}");
    assert_eq!(stored(&app, &tenant, "same").expect("the record").id, 1);
}

#[test]
fn a_record_without_a_uuid_gets_one_that_works() {
    let (app, tenant) = gateway();
    let answer = insert(&app, "", r#"{"a":1}"#);
    let uuid = answer.header("x-uuid").expect("an identifier").to_owned();
    assert_eq!(uuid.len(), 36);
    assert_eq!(stored(&app, &tenant, &uuid).expect("the record").data, r#"{"a":1}"#);
}

#[test]
fn execution_times_schedule() {
    let (app, tenant) = gateway();
    let insert_at = |uuid: &str, time: &str| {
        let object = Part::Struct(
            "DataRecordObject",
            vec![text("Uuid", uuid), text("ExecutionTime", time), text("Data", "e30=")],
        );
        send(&app, Form::Encoded11, "insertRecord", &[keys(), object, flow("1")])
    };
    for (uuid, time, status, due) in [
        ("future", "2026-01-15T14:00:00+01:00", RecordStatus::Scheduled, NOW.0 + 3_600_000),
        ("past", "2005-08-15T15:52:01+00:00", RecordStatus::Waiting, 1_124_121_121_000),
        ("now", "", RecordStatus::Waiting, NOW.0),
    ] {
        assert_eq!(insert_at(uuid, time).status, 200, "{uuid}");
        let record = stored(&app, &tenant, uuid).expect("the record");
        assert_eq!((record.status, record.due.0), (status, due), "{uuid}");
    }
    fault(&insert_at("never", "tomorrow"), "400", "ExecutionTime must be an ATOM date");
    assert_eq!(stored(&app, &tenant, "never"), None);
}

#[test]
fn arrays_of_records_are_stored_whole_or_not_at_all() {
    let (app, tenant) = gateway();
    let answer = insert(&app, "", r#"[{"n": 1},{"n":2.50}]"#);
    let uuids: Vec<String> = answer.header("x-uuid").expect("identifiers").split(", ").map(str::to_owned).collect();
    assert_eq!(unb64(&answer.element("Resource").expect("the records")), r#"[{"n": 1},{"n":2.50}]"#);
    let data: Vec<String> = uuids.iter().map(|uuid| stored(&app, &tenant, uuid).expect("the record").data).collect();
    assert_eq!(data, [r#"{"n": 1}"#, r#"{"n":2.50}"#]);

    fault(&insert(&app, "one", r#"[{"n":1},{"n":2}]"#), "400", "Uuid names one record");
    fault(&insert(&app, "", r#"[{"n":1},7]"#), "400", "Record 1 of Data must be a JSON object");
    fault(&insert(&app, "", "[]"), "400", "empty array");

    // A section 5 array of structures, of which the last contradicts a stored record.
    let object = |uuid: &str, data: &str| format!("<item><Uuid>{uuid}</Uuid><Data>{}</Data></item>", b64(data));
    let array = |items: &str| {
        let keys = "<AuthenticationObject><Apikey>k</Apikey><Appkey>a</Appkey></AuthenticationObject>";
        let flow = "<FlowDiagramObject><FlowId>1</FlowId></FlowDiagramObject>";
        format!(
            "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:x=\"http://www.w3.org/2001/XMLSchema-instance\" \
             xmlns:c=\"http://schemas.xmlsoap.org/soap/encoding/\"><e:Body><m:insertRecord xmlns:m=\"Flowize\"><input>{keys}{flow}\
             <DataRecordObject x:type=\"c:Array\" c:arrayType=\"x:anyType[2000000000]\">{items}</DataRecordObject></input></m:insertRecord></e:Body></e:Envelope>"
        )
    };
    let answer = app.soap(&array(&(object("x1", r#"{"n":1}"#) + &object("x2", r#"{"n":2}"#))));
    assert_eq!((answer.status, answer.header("x-uuid")), (200, Some("x1, x2")), "{}", answer.text());
    fault(&app.soap(&array(&(object("x3", r#"{"n":3}"#) + &object("x2", r#"{"n":9}"#)))), "409", "x2");
    assert_eq!(stored(&app, &tenant, "x3"), None);
}

#[test]
fn data_is_kept_byte_for_byte_and_bad_data_is_named() {
    let (app, tenant) = gateway();
    let odd = r#"{ "z":1.0, "a":1e300, "z2":12345678901234567890123, "u":"\u0000\ud83d\ude00" }"#;
    assert_eq!(insert(&app, "odd", odd).status, 200);
    assert_eq!(stored(&app, &tenant, "odd").expect("the record").data, odd);
    let raw = |data: &str| send(&app, Form::Literal11, "insertRecord", &[keys(), record("r", data), flow("Leads")]);
    for (data, words) in [
        ("", "DataRecordObject/Data is required"),
        ("{\"a\":1}", "DataRecordObject/Data is not base64"),
        (&b64("{\"a\":"), "Data is not valid JSON"),
        (&b64("7"), "Data must be a JSON object"),
        (&STANDARD.encode(b"\xff\xfe"), "UTF-8"),
        (&b64(&("[".repeat(200) + &"]".repeat(200))), "Data is nested more than 127 deep"),
    ] {
        fault(&raw(data), "400", words);
    }
    // URL-safe, unpadded and folded base64 are base64 too.
    for (index, data) in ["eyJhIjoiw7_Dvz8-In0", "eyJh\n  IjoiPz\n8+In0="].iter().enumerate() {
        let answer =
            send(&app, Form::Literal11, "insertRecord", &[keys(), record(&format!("v{index}"), data), flow("Leads")]);
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}

#[test]
fn schemas_are_checked_and_then_enforced_with_paths() {
    let (app, tenant) = gateway();
    let put = |operation: &str, schema: &str, sample: &str| {
        let (schema, sample) = (b64(schema), b64(sample));
        let object = Part::Struct("SchemaObject", vec![text("Schema", &schema), text("DataRecord", &sample)]);
        send(&app, Form::Literal11, operation, &[keys(), object])
    };
    for (schema, sample, words) in [
        (r#"{"type":"objekt"}"#, "{}", "not a valid JSON Schema (draft 4): /type"),
        (r#"{"required":[]}"#, "{}", "not a valid JSON Schema (draft 4)"),
        (r#"{"properties":{"a":{"$ref":"http://127.0.0.1:1/x.json"}}}"#, "{}", "not a valid JSON Schema"),
        (r#"{"properties":{"a":{"$ref":"file:///etc/passwd"}}}"#, "{}", "not a valid JSON Schema"),
        (r#"{"properties":{"a":{"pattern":"(((a{1,1000}){1,1000}){1,1000})"}}}"#, "{}", "not a valid JSON Schema"),
        (SCHEMA, "{}", "DataRecord does not satisfy the schema: /: \"client\" is a required property"),
        (SCHEMA, "7", "DataRecord must be a JSON object"),
        ("[]", "{}", "Schema must be a JSON object"),
        ("{", "{}", "Schema is not valid JSON"),
    ] {
        fault(&put("insertSchema", schema, sample), "400", words);
    }
    fault(&put("updateSchema", SCHEMA, RECORD), "404", "There is no schema");
    assert_eq!(put("insertSchema", SCHEMA, RECORD).status, 200);
    fault(&put("insertSchema", SCHEMA, RECORD), "409", "schema exists");

    fault(&insert(&app, "r", r#"{"client":[{"age":1},{"age":"old"}]}"#), "400", "/client/1/age");
    fault(&insert(&app, "", r#"[{"client":[]},{}]"#), "400", "Record 1 of Data does not satisfy the schema: /");
    assert_eq!(insert(&app, "r", RECORD).status, 200);
    fault(&send(&app, Form::Literal11, "updateRecord", &[keys(), record("r", &b64("{}"))]), "400", "client");
    assert_eq!(stored(&app, &tenant, "r").expect("the record").data, RECORD);
    // Draft 4 writes exclusiveMinimum as a boolean.
    assert_eq!(
        put("updateSchema", r#"{"properties":{"n":{"minimum":5,"exclusiveMinimum":true}}}"#, r#"{"n":6}"#).status,
        200
    );
    fault(&insert(&app, "five", r#"{"n":5}"#), "400", "/n");
}

#[test]
fn a_record_in_use_is_neither_deleted_nor_changed() {
    let (app, tenant) = gateway();
    insert(&app, "busy", "{}");
    let customer = tenant.customer;
    app.administer(move |tx| {
        records::update_status(tx, customer, "busy", RecordStatus::Waiting, RecordStatus::Processing, NOW)
    });
    let answer = send(&app, Form::Encoded11, "deleteRecord", &[keys(), record("busy", "")]);
    fault(&answer, "403", "Data record cannot be deleted: it is being used");
    assert!(answer.text().contains("<faultcode>403</faultcode>"));
    fault(
        &send(&app, Form::Encoded11, "updateRecord", &[keys(), record("busy", &b64("{}"))]),
        "403",
        "it is being used",
    );
    assert!(stored(&app, &tenant, "busy").is_some());
}

#[test]
fn flows_take_records_only_when_published_and_move_only_legally() {
    let (app, tenant) = gateway();
    app.flow(&tenant, "Returns", FlowStatus::Draft);
    app.flow(&tenant, "Invoices", FlowStatus::Paused);
    let into = |name: &str, uuid: &str| {
        send(&app, Form::Literal11, "insertRecord", &[keys(), record(uuid, "e30="), flow(name)])
    };
    fault(&into("Returns", "a"), "409", "The flow 'Returns' is draft");
    fault(&into("Nowhere", "a"), "404", "There is no flow 'Nowhere'");
    fault(
        &send(
            &app,
            Form::Literal11,
            "insertRecord",
            &[keys(), record("a", "e30="), Part::Struct("FlowDiagramObject", vec![])],
        ),
        "400",
        "Flow or FlowId is required",
    );
    assert_eq!(into("Invoices", "b").status, 200);
    assert_eq!(into("2", "c").status, 500, "flow 2 is the draft");

    let change = |id: &str, status: &str| {
        send(
            &app,
            Form::Literal11,
            "changeFlowStatus",
            &[keys(), Part::Struct("FlowDiagramObject", vec![text("FlowId", id), text("Status", status)])],
        )
    };
    fault(&change("2", "paused"), "409", "is draft and cannot become paused");
    fault(&change("1", "public"), "409", "has no draft to publish");
    fault(&change("1", "running"), "409", "is public and cannot become running");
    fault(&change("1", "on"), "400", "Status must be public, paused, running or inactive");
    fault(&change("x", "paused"), "400", "FlowId must be a flow's number");
    fault(&change("9", "paused"), "404", "There is no flow '9'");
    assert_eq!(change("2", "public").status, 200);
    assert_eq!(into("Returns", "d").status, 200, "a change is in force with the next request");
    assert_eq!(change("2", "inactive").status, 200);
    fault(&into("Returns", "e"), "409", "is inactive");
}

#[test]
fn one_customer_never_sees_anothers_data() {
    let (app, _) = gateway();
    let other = app.customer("Other", "k2", "a");
    app.flow(&other, "Theirs", FlowStatus::Public);
    assert_eq!(insert(&app, "mine", r#"{"a":1}"#).status, 200);
    let theirs = |operation: &str, parts: Vec<Part<'_>>| {
        let mut all = vec![keys_of("k2", "a")];
        all.extend(parts);
        send(&app, Form::Literal11, operation, &all)
    };
    for operation in ["getRecord", "deleteRecord"] {
        let (existing, random) =
            (theirs(operation, vec![record("mine", "")]), theirs(operation, vec![record("nobodys", "")]));
        let plain = |answer: &Answer, uuid: &str| answer.element("faultstring").expect("a fault").replace(uuid, "UUID");
        assert_eq!(plain(&existing, "mine"), plain(&random, "nobodys"));
    }
    fault(&theirs("getFlowDiagram", vec![flow("Leads")]), "404", "There is no flow 'Leads'");
    let answer = theirs("insertRecord", vec![record("mine", "e30="), flow("Theirs")]);
    assert_eq!(answer.status, 200, "identifiers are the customer's own: {}", answer.text());
    let mixed = send(&app, Form::Literal11, "getSchema", &[keys_of("k2", "k")]);
    fault(&mixed, "404", "The credentials are not correct.");
}

#[test]
fn credentials_are_found_in_every_documented_place_and_the_body_decides() {
    let (app, tenant) = gateway();
    let token = "f".repeat(64);
    let hash = flowgate::auth::key::hash(&token);
    app.administer(move |tx| {
        let (_, mut application) =
            flowgate::store::account::find_by_id(tx, tenant.application)?.expect("the application");
        application.oauth2 = true;
        flowgate::store::account::update_application(tx, &application)?;
        let application = tenant.application;
        let token =
            flowgate::store::token::Token { application, scopes: None, family: None, created: NOW, expires: None };
        flowgate::store::token::insert(tx, &hash, flowgate::store::token::TokenKind::Access, &token)
    });
    let bearer = format!("Bearer {token}");
    let basic = format!("Basic {}", b64("k:a"));
    let wsse = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
    let security = |user: &str, password: &str, kind: &str| {
        format!(
            "<w:Security xmlns:w=\"{wsse}\" e:mustUnderstand=\"1\"><w:UsernameToken><w:Username>{user}</w:Username><w:Password{kind}>{password}</w:Password></w:UsernameToken></w:Security>"
        )
    };
    let header = |name: &str| format!("<m:AuthenticationHeader><{name}>{token}</{name}></m:AuthenticationHeader>");
    let post = |header: &str, parts: &[Part<'_>], http: &[(&str, &str)]| {
        let mut headers = vec![("Content-Type", "text/xml")];
        headers.extend(http);
        app.post(&headers, with_header(Form::Literal11, header, "getFlowDiagram", parts).as_bytes())
    };
    let mut parts = vec![flow("Leads")];
    for (soap_header, http) in [
        (header("AccessToken"), None),
        (header("SessionID"), None),
        (security("k", "a", ""), None),
        (
            security(
                "k",
                "a",
                " Type=\"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordText\"",
            ),
            None,
        ),
        (String::new(), Some(("Authorization", bearer.as_str()))),
        (String::new(), Some(("Authentication", bearer.as_str()))),
        (String::new(), Some(("Authorization", basic.as_str()))),
    ] {
        let answer = post(&soap_header, &parts, http.as_slice());
        assert_eq!(answer.status, 200, "{soap_header} {http:?}: {}", answer.text());
    }
    let digest = security(
        "k",
        "x",
        " Type=\"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordDigest\"",
    );
    fault(&post(&digest, &parts, &[]), "400", "PasswordText");
    fault(&post(&security("k", "wrong", ""), &parts, &[]), "404", "The credentials are not correct.");
    fault(
        &post("<m:AuthenticationHeader><AccessToken>0</AccessToken></m:AuthenticationHeader>", &parts, &[]),
        "436",
        "Invalid Token Error",
    );
    fault(&post("", &parts, &[]), "404", "The credentials are not correct.");
    // Wrong keys in the body are not saved by right ones elsewhere, and right ones need nothing else.
    parts.push(keys_of("k", "wrong"));
    fault(
        &post(&security("k", "a", ""), &parts, &[("Authorization", &basic)]),
        "404",
        "The credentials are not correct.",
    );
    parts.pop();
    parts.push(keys());
    assert_eq!(post(&security("u", "p", ""), &parts, &[("Authorization", "Bearer 0")]).status, 200);
    // The introduction puts the header into the input.
    parts.pop();
    let inner = with_header(Form::Encoded11, "", "getFlowDiagram", &parts)
        .replace("<input>", &format!("<input><e:Header><m:AuthenticationHeader><SessionID>{token}</SessionID></m:AuthenticationHeader></e:Header>"));
    assert_eq!(app.soap(&inner).status, 200);
}

#[test]
fn addresses_scopes_and_allowances_are_enforced() {
    let app = TestApp::with(|config| config.server.trusted_proxies = Network::parse("127.0.0.1").expect("a network"));
    let tenant = app.customer_with("Testing", "k", "a", |new| {
        new.addresses = Network::parse("10.0.0.0/8").expect("a network");
        new.scopes = Scopes::parse("record.read flowdiagram.read").expect("scopes");
        new.rate_limit = Some(3);
    });
    app.flow(&tenant, "Leads", FlowStatus::Public);
    let from = |address: &str, operation: &str, parts: &[Part<'_>]| {
        app.post(
            &[("Content-Type", "text/xml"), ("X-Forwarded-For", address)],
            call(Form::Encoded11, operation, parts).as_bytes(),
        )
    };
    let refused = from("192.0.2.1", "getFlowDiagram", &[keys(), flow("Leads")]);
    fault(&refused, "437", "The address 192.0.2.1 is not allowed");
    let answer = from("10.1.2.3", "getFlowDiagram", &[keys(), flow("Leads")]);
    assert_eq!((answer.status, answer.element("RequestIP").as_deref()), (200, Some("10.1.2.3")));
    assert_eq!((answer.header("x-ratelimit-limit"), answer.header("x-ratelimit-remaining")), (Some("3"), Some("2")));
    let parts = [keys(), record("r", "e30="), flow("Leads")];
    fault(&from("10.1.2.3", "insertRecord", &parts), "401", "scope 'record' is needed");
    fault(&from("10.1.2.3", "deleteRecord", &parts), "401", "scope 'record.delete' is needed");
    let refused = from("10.1.2.3", "getRecord", &parts);
    fault(&refused, "429", "Too many requests");
    assert_eq!((refused.header("x-ratelimit-remaining"), refused.header("x-ratelimit-reset")), (Some("0"), Some("60")));
    app.app.clock.advance(20_000);
    fault(&from("10.1.2.3", "getRecord", &parts), "404", "There is no data record");
}

#[test]
fn no_described_operation_runs_without_credentials_from_elsewhere_or_out_of_scope() {
    let app = TestApp::start();
    let (schema, sample) = (b64("{}"), b64("{}"));
    let parts = |api| {
        vec![
            keys_of(api, "a"),
            Part::Struct("SchemaObject", vec![text("Schema", &schema), text("DataRecord", &sample)]),
            record("r", "e30="),
            Part::Struct("FlowDiagramObject", vec![text("FlowId", "1"), text("Status", "paused")]),
        ]
    };
    let tenant = app.customer("Testing", "k", "a");
    app.flow(&tenant, "Leads", FlowStatus::Public);
    app.customer_with("Elsewhere", "elsewhere", "a", |new| {
        new.addresses = Network::parse("192.0.2.1").expect("a network");
    });
    app.customer_with("Scopeless", "scopeless", "a", |new| new.scopes = Scopes::default());
    let mut answered = 0;
    for operation in OPERATIONS.iter().map(|operation| operation.name).filter(|name| *name != "webhook") {
        fault(&send(&app, Form::Encoded11, operation, &parts("")[1..]), "404", "The credentials are not correct.");
        fault(&send(&app, Form::Encoded11, operation, &parts("nobody")), "404", "The credentials are not correct.");
        fault(&send(&app, Form::Encoded11, operation, &parts("elsewhere")), "437", "127.0.0.1 is not allowed");
        fault(&send(&app, Form::Encoded11, operation, &parts("scopeless")), "401", "is needed");
        let answer = send(&app, Form::Encoded11, operation, &parts("k"));
        assert!(answer.status == 200, "{operation}: {}", answer.text());
        answered += 1;
    }
    assert_eq!(answered, 10);
}

#[test]
fn the_compatibility_switches_change_what_they_name() {
    let app = TestApp::start();
    let tenant = app.customer_with("Testing", "k", "a", |new| {
        new.compatibility = Compatibility {
            fault_dialect: FaultDialect::Standard,
            webhook_success_as_fault: true,
            php_cache_headers: false,
        };
    });
    let flow = app.flow(&tenant, "Leads", FlowStatus::Public);
    app.webhook(&tenant, flow, "hook", Some(tenant.application));
    let answer = send(&app, Form::Encoded11, "getRecord", &[keys(), record("none", "")]);
    assert!(answer.text().contains("<faultcode>SOAP-ENV:Client</faultcode>"), "{}", answer.text());
    let answer = send(&app, Form::Encoded11, "webhook", &[text("Uri", "/hook"), text("Payload", "x")]);
    fault(&answer, "201", "Webhook response has been saved successfully");
    assert!(answer.text().contains("<faultcode>201</faultcode>"));
    let payloads = app.app.store.peek(|tx| webhook::find_payloads(tx, tenant.customer, 1, 10)).expect("payloads");
    assert_eq!(payloads.len(), 1);
}

#[test]
fn webhooks_need_an_existing_uri_and_nothing_else() {
    let (app, _) = gateway();
    fault(
        &send(&app, Form::Encoded11, "webhook", &[text("Uri", "nowhere"), text("Payload", "x")]),
        "404",
        "There is no webhook with this Uri",
    );
    fault(&send(&app, Form::Encoded11, "webhook", &[text("Payload", "x")]), "400", "Uri is required");
}

#[test]
fn post_record_stores_its_fields_and_answers_in_its_own_shape() {
    let (app, tenant) = gateway();
    let customer = Part::Struct(
        "Customer",
        vec![
            text("Postcode", "1234 AB"),
            text("Huisnummer", "7"),
            text("Toevoeging", ""),
            text("brief_naw_02", "Jane & Joe"),
        ],
    );
    let answer = send(&app, Form::Encoded11, "postRecord", &[keys(), customer]);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let uuid = answer.element("DataRecordID").expect("an identifier");
    let expected = format!(
        "<ns1:postRecordResponse xsi:type=\"ns1:postRecordResponse\"><return xsi:type=\"ns1:postRecordResponse\"><Result xsi:type=\"xsd:string\">SUCCESS</Result>\
         <DataRecordID xsi:type=\"xsd:string\">{uuid}</DataRecordID><Message xsi:type=\"xsd:string\">Data Record created successfully</Message></return></ns1:postRecordResponse>"
    );
    assert!(answer.text().contains(&expected), "{}", answer.text());
    let record = stored(&app, &tenant, &uuid).expect("the record");
    assert_eq!(record.data, r#"{"Postcode":"1234 AB","Huisnummer":"7","Toevoeging":"","brief_naw_02":"Jane & Joe"}"#);
    app.flow(&tenant, "Second", FlowStatus::Public);
    fault(
        &send(&app, Form::Encoded11, "postRecord", &[keys(), Part::Struct("Customer", vec![text("a", "b")])]),
        "400",
        "FlowDiagramObject is required",
    );
}
