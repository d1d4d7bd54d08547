//! The message table: every structure and operation of document 003's SOAP section, under its documented name.
//! Decoding, the three WSDLs and the service page are all driven by it; what an operation does is not known here.

use crate::soap::shape::Kind::{Structure, Text};
use crate::soap::shape::Presence::{self, Optional, Required};
use crate::soap::shape::{Field, Shape, Signature};
use crate::soap::wsdl::Service;

const fn text(name: &'static str, presence: Presence, sample: &'static str, doc: &'static str) -> Field {
    Field { name, doc, kind: Text, presence, sample }
}

const fn structure(presence: Presence, shape: &'static Shape) -> Field {
    Field { name: shape.name, doc: shape.doc, kind: Structure(shape), presence, sample: "" }
}

/// Who calls. It may be left out where the credentials travel in a SOAP or HTTP header.
pub static AUTHENTICATION_OBJECT: Shape = Shape {
    name: "AuthenticationObject",
    doc: "The caller's keys.",
    fields: &[
        text("Apikey", Required, "demo-api-key", "The customer's API key."),
        text("Appkey", Required, "demo-app", "The application's unique key."),
        text("Version", Optional, "1", "The version of this service, 1."),
    ],
};

/// A schema and the sample record that proves it.
pub static SCHEMA_OBJECT: Shape = Shape {
    name: "SchemaObject",
    doc: "A JSON Schema (draft 4) with a sample record.",
    fields: &[
        text("Url", Optional, "https://example.com/client.json", "Where the schema is published; kept, never fetched."),
        text("Schema", Required, "eyJ0eXBlIjoib2JqZWN0In0=", "The JSON Schema, draft 4, in base64."),
        text("DataRecord", Required, "eyJjbGllbnQiOltdfQ==", "A sample record that the schema accepts, in base64."),
    ],
};

/// A record; which of its elements an operation needs is said in the operation's description.
pub static DATA_RECORD_OBJECT: Shape = Shape {
    name: "DataRecordObject",
    doc: "A data record, or several as a JSON array in Data.",
    fields: &[
        text(
            "Uuid",
            Optional,
            "order-4711",
            "The record's identifier; made by the gateway if it is left out on insertion.",
        ),
        text(
            "ExecutionTime",
            Optional,
            "",
            "When the record is to run, as an ATOM date (2005-08-15T15:52:01+00:00); empty means now.",
        ),
        text(
            "Data",
            Optional,
            "eyJjbGllbnQiOlt7Im5hbWUiOiJKYW5lIERvZSJ9XX0=",
            "The record as JSON, in base64: one object, or an array of objects.",
        ),
    ],
};

/// Which flow is meant; which of its elements an operation needs is said in the operation's description.
pub static FLOW_DIAGRAM_OBJECT: Shape = Shape {
    name: "FlowDiagramObject",
    doc: "Names a flow by its number or its name.",
    fields: &[
        text("Flow", Optional, "Leads", "The flow's number or its name; the number is tried first."),
        text("FlowId", Optional, "1", "The flow's number; it wins over Flow."),
        text("Status", Optional, "public", "For changeFlowStatus: public, paused, running or inactive."),
    ],
};

static INSERT_SCHEMA_REQUEST: Shape = Shape {
    name: "InsertSchemaRequest",
    doc: "The schema to insert.",
    fields: &[structure(Optional, &AUTHENTICATION_OBJECT), structure(Required, &SCHEMA_OBJECT)],
};

static INSERT_RECORD_REQUEST: Shape = Shape {
    name: "InsertRecordRequest",
    doc: "The record to insert, and its flow.",
    fields: &[
        structure(Optional, &AUTHENTICATION_OBJECT),
        structure(Required, &DATA_RECORD_OBJECT),
        structure(Required, &FLOW_DIAGRAM_OBJECT),
    ],
};

static WEBHOOK_REQUEST: Shape = Shape {
    name: "WebhookRequest",
    doc: "The payload for a webhook.",
    fields: &[
        text("Uri", Required, "demo-hook", "The webhook's URI, as the operator handed it out."),
        text("Payload", Required, "{\"event\":\"order.created\"}", "What to store, as text."),
    ],
};

static GET_RECORD_REQUEST: Shape = Shape {
    name: "GetRecordRequest",
    doc: "The record to get, by its Uuid.",
    fields: &[structure(Optional, &AUTHENTICATION_OBJECT), structure(Required, &DATA_RECORD_OBJECT)],
};

static GET_SCHEMA_REQUEST: Shape = Shape {
    name: "GetSchemaRequest",
    doc: "Asks for the customer's schema.",
    fields: &[structure(Optional, &AUTHENTICATION_OBJECT)],
};

static GET_FLOW_DIAGRAM_REQUEST: Shape = Shape {
    name: "GetFlowDiagramRequest",
    doc: "The flow to describe.",
    fields: &[structure(Optional, &AUTHENTICATION_OBJECT), structure(Required, &FLOW_DIAGRAM_OBJECT)],
};

static UPDATE_RECORD_REQUEST: Shape = Shape {
    name: "UpdateRecordRequest",
    doc: "The record to update, by its Uuid, and its new content.",
    fields: &[
        structure(Optional, &AUTHENTICATION_OBJECT),
        structure(Required, &DATA_RECORD_OBJECT),
        structure(Optional, &FLOW_DIAGRAM_OBJECT),
    ],
};

static UPDATE_SCHEMA_REQUEST: Shape = Shape {
    name: "UpdateSchemaRequest",
    doc: "The schema that replaces the present one.",
    fields: &[structure(Optional, &AUTHENTICATION_OBJECT), structure(Required, &SCHEMA_OBJECT)],
};

static CHANGE_FLOW_STATUS_REQUEST: Shape = Shape {
    name: "ChangeFlowDiagramStatusRequest",
    doc: "The flow and the status it is to take.",
    fields: &[structure(Optional, &AUTHENTICATION_OBJECT), structure(Required, &FLOW_DIAGRAM_OBJECT)],
};

static DELETE_SCHEMA_REQUEST: Shape = Shape {
    name: "DeleteSchemaRequest",
    doc: "Asks to remove the customer's schema.",
    fields: &[structure(Optional, &AUTHENTICATION_OBJECT)],
};

static DELETE_RECORD_REQUEST: Shape = Shape {
    name: "DeleteRecordRequest",
    doc: "The record to remove, by its Uuid.",
    fields: &[structure(Optional, &AUTHENTICATION_OBJECT), structure(Required, &DATA_RECORD_OBJECT)],
};

/// The reply of every operation: six elements, always all of them, always in this order.
pub static RESPONSE: Shape = Shape {
    name: "Response",
    doc: "The reply of every operation.",
    fields: &[
        text("Id", Required, "created", "What happened: created or ok."),
        text("Code", Required, "201", "The outcome as an HTTP status code: 201 or 200."),
        text("RequestIP", Required, "127.0.0.1", "The address the request came from."),
        text("Resource", Required, "", "What was asked for: JSON in base64 (getSchema: JSON as text), or empty."),
        text(
            "Message",
            Required,
            "Data Record is created successfully and it is included in the queue.",
            "The outcome as a sentence.",
        ),
        text("Error", Required, "null", "Always null or false; errors are answered as faults."),
    ],
};

/// The first entry of a literal fault's detail, for toolkits that make typed exceptions of it.
pub static FAULT: Shape = Shape {
    name: "FlowizeFault",
    doc: "Why an operation failed.",
    fields: &[
        text("Code", Required, "404", "The reason as an HTTP status code."),
        text("Message", Required, "The credentials are not correct.", "The reason as a sentence."),
        text("Reference", Optional, "", "What to quote when asking the operator about it."),
    ],
};

macro_rules! operation {
    ($name:literal, $request:ident, $doc:literal) => {
        Signature { name: $name, doc: $doc, request: &$request, response: &RESPONSE }
    };
}

/// The eleven documented operations, in the order in which document 003 lists them.
pub static OPERATIONS: [Signature; 11] = [
    operation!(
        "insertSchema",
        INSERT_SCHEMA_REQUEST,
        "Inserts the customer's data schema. Fails with 409 if there is one already."
    ),
    operation!(
        "insertRecord",
        INSERT_RECORD_REQUEST,
        "Inserts a data record, or an array of them, into a flow's queue. Data and the flow are required. Repeating a Uuid with the same content answers the first reply again."
    ),
    operation!(
        "webhook",
        WEBHOOK_REQUEST,
        "Stores a payload for a webhook. No keys are needed: the URI is the permission."
    ),
    operation!("getRecord", GET_RECORD_REQUEST, "Gets a data record. Uuid is required."),
    operation!("getSchema", GET_SCHEMA_REQUEST, "Gets the customer's data schema."),
    operation!(
        "getFlowDiagram",
        GET_FLOW_DIAGRAM_REQUEST,
        "Describes a flow and its versions. Flow or FlowId is required."
    ),
    operation!("updateRecord", UPDATE_RECORD_REQUEST, "Replaces a data record's content. Uuid and Data are required."),
    operation!("updateSchema", UPDATE_SCHEMA_REQUEST, "Replaces the customer's data schema."),
    operation!(
        "changeFlowStatus",
        CHANGE_FLOW_STATUS_REQUEST,
        "Publishes, pauses, resumes or deactivates a flow. FlowId and Status are required."
    ),
    operation!("deleteSchema", DELETE_SCHEMA_REQUEST, "Removes the customer's data schema."),
    operation!(
        "deleteRecord",
        DELETE_RECORD_REQUEST,
        "Removes a data record. Uuid is required. A record in use is refused with 403."
    ),
];

/// The service as its three WSDLs describe it.
pub static SERVICE: Service = Service {
    name: "Flowize",
    doc: "Takes in data records and schemas, runs records through flows, and answers for their state.",
    operations: &OPERATIONS,
    fault: &FAULT,
};

/// What an operation answers when it has succeeded, beside its Resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// `created` or `ok`.
    pub id: &'static str,
    /// `201` or `200`; the HTTP status is 200 with either.
    pub code: &'static str,
    /// The documented sentence.
    pub message: &'static str,
    /// The word in Error: `null`, or `false` where it is documented so.
    pub error: &'static str,
}

/// The documented success of an operation. Not every write answers `created`, nor every sentence ends alike: document
/// 003 is kept to the letter. Two departures: webhook's success is documented as a fault, which every toolkit raises
/// as a failure, and getFlowDiagram's section repeats getSchema, so it says what the REST call says.
pub fn outcome(operation: &str) -> Outcome {
    let (id, code) = match operation {
        "getRecord" | "getSchema" | "getFlowDiagram" | "deleteSchema" => ("ok", "200"),
        _ => ("created", "201"),
    };
    let message = match operation {
        "insertSchema" => "Data Schema is created successfully.",
        "insertRecord" => "Data Record is created successfully and it is included in the queue.",
        "webhook" => "Webhook response has been saved successfully",
        "getRecord" => "Data Record structure was retrieving successfully",
        "getSchema" => "Schema structure is retrieving successfully",
        "getFlowDiagram" => "Flow diagram is retrieving successfully",
        "updateRecord" => "Data Record is updated successfully.",
        "updateSchema" => "Schema structure is created successfully",
        "changeFlowStatus" => "Flow diagram has been published successfully",
        "deleteSchema" => "Schema has been removed successfully",
        "deleteRecord" => "Data Record is deleted successfully.",
        _ => "",
    };
    let error = if operation == "changeFlowStatus" { "false" } else { "null" };
    Outcome { id, code, message, error }
}

/// What an operation makes of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// It must be there.
    Required,
    /// It must be there unless the other one of Flow and FlowId is.
    Either,
    /// It may be left out.
    Optional,
    /// The structure has it for other operations' sake; it is ignored.
    Unused,
}

/// What `operation` makes of `field`. The shapes are shared, so a field that one operation cannot do without is
/// optional to the WSDL; this is the narrower truth that the operations' descriptions tell.
pub fn need(operation: &str, field: &Field) -> Need {
    match (operation, field.name) {
        ("getRecord" | "updateRecord" | "deleteRecord", "Uuid") => Need::Required,
        ("insertRecord" | "updateRecord", "Data") => Need::Required,
        ("changeFlowStatus", "Status") => Need::Required,
        ("insertRecord" | "getFlowDiagram" | "changeFlowStatus", "Flow" | "FlowId") => Need::Either,
        ("getRecord" | "deleteRecord", "ExecutionTime" | "Data") => Need::Unused,
        ("insertRecord" | "updateRecord" | "getFlowDiagram", "Status") => Need::Unused,
        _ => match field.presence {
            Presence::Required => Need::Required,
            Presence::Optional => Need::Optional,
        },
    }
}
