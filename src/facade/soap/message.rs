//! The message table: every structure and operation of document 003's SOAP section, under its documented name.
//! Decoding, the three WSDLs and the service page are all driven by it; what an operation does is not known here.

use crate::soap::shape::Kind::{Structure, Text};
use crate::soap::shape::Presence::{self, Optional, Required};
use crate::soap::shape::{Field, Shape, Signature};

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
        text("Status", Optional, "paused", "For changeFlowStatus: public, paused, running or inactive."),
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
