"""What Schemathesis cannot know from the description of the API."""

import base64
import os
from xml.etree import ElementTree

import schemathesis
from hypothesis import strategies as st

# Whether this is the run for 'fields', with which a reply lacks members that are described as required. Elsewhere the
# parameter is not there.
WITH_FIELDS = "FLOWGATE_FIELDS" in os.environ
FIELDS = ["url", "info.uuid,data_record", "uuid", "data_record_id", "method,usage", "records.uuid,total", "no.such"]


def encoded(text):
    return base64.b64encode(text.encode()).decode()


# Base64 holds a JSON Schema and a record that satisfies it. Each of these is both, so that every pair fits, and so does
# whatever record the other operations are tried with.
schemathesis.openapi.format("byte", st.sampled_from([encoded("{}"), encoded('{"type": "object"}')]))

# Where messages to subscribers go. Nobody is asked before an event happens, and these names are nobody's.
schemathesis.openapi.format("uri", st.sampled_from(["https://hooks.invalid/a", "http://receiver.invalid:8080/b?c=d"]))

# A schema as it is sent, which will do for a record too.
XML = b"<data><schema>e30=</schema><data_record>e30=</data_record><url>www.example.com</url></data>"
schemathesis.openapi.media_type("application/xml", st.just(XML))

OTHER_BODIES = [
    "/v1/record/changestatus",
    "/v1/record/movetoflow",
    "/v1/record/rerun",
    "/v1/record/mark",
    "/v1/flowdiagram",
    "/v1/flowdiagram/revert",
    "/v1/hooks",
    "/v1/hooks/{id}",
    "/v1/keystore",
    "/v1/keystore/{keystore}",
    "/v1/tables",
    "/v1/tables/{table_name}",
    "/v1/tables/{table_name}/{id}",
    "/v1/tables/{table_name}/search",
]
# Rows that the demo's table takes.
schemathesis.openapi.media_type("text/csv", st.just(b"username,age\nmary,41\n"))


@schemathesis.deserializer("application/xml")
def read_xml(context, response):
    def value(element):
        return {child.tag: value(child) for child in element} if len(element) else element.text or ""

    return value(ElementTree.fromstring(response.content))


@schemathesis.hook
def before_load_schema(context, schema):
    for path, item in schema["paths"].items():
        for operation in item.values():
            parameters = operation.get("parameters", [])
            if WITH_FIELDS:
                for parameter in parameters:
                    if parameter["name"] == "fields":
                        parameter["schema"] = {"type": "string", "enum": FIELDS}
            else:
                parameters[:] = [parameter for parameter in parameters if parameter["name"] != "fields"]
            # Of this type nothing can be made of an example, but by the strategy above.
            operation.get("requestBody", {}).get("content", {}).get("text/csv", {}).pop("example", None)
            # What XML another body is, no schema says, and the document above is none.
            if path in OTHER_BODIES and "requestBody" in operation:
                operation["requestBody"]["content"].pop("application/xml")


def is_empty(value):
    return value in ("", [""])


# An empty parameter is the same as none, which is right where it is optional, however its schema has it: cases of which
# only that is wrong are left out. Required ones, all of them headers, are tried empty too.
@schemathesis.hook
def filter_headers(context, headers):
    return not headers or not is_empty(headers.get("X-Scopes"))


def has_empty(filters):
    # The others may be empty as they are described.
    names = ("limit", "offset", "datarecord_status", "date_type", "expand")
    return any(is_empty(filters.get(name)) for name in names)


@schemathesis.hook
def filter_query(context, query):
    return not query or not has_empty(query)


@schemathesis.hook
def filter_body(context, body):
    is_form = context.operation.label == "PUT /v1/record/search" and isinstance(body, dict)
    return not is_form or not has_empty(body)


@schemathesis.hook
def before_call(context, case, kwargs):
    """What must go together, which no description of parameters one by one can ask for."""
    label, headers, body = case.operation.label, case.headers or {}, case.body
    # The coverage phase sends tags without their quotes.
    if headers.get("If-Match", "").isalnum():
        headers["If-Match"] = f'"{headers["If-Match"]}"'
    if isinstance(body, list) and headers.get("X-Uuid"):
        # As many identifiers as records; a new record has one of its own if there are several.
        if label == "PUT /v1/record":
            headers["X-Uuid"] = ",".join(f"order-{number}" for number in range(max(len(body), 1)))
        elif label == "POST /v1/record" and len(body) != 1:
            del headers["X-Uuid"]
    # One record's end can be waited for.
    if isinstance(body, list) and case.query:
        case.query.pop("wait", None)
    # Records are named or looked for.
    if label == "POST /v1/record/rerun" and isinstance(body, dict):
        if "uuids" in body:
            body.pop("filter", None)
        elif "filter" not in body or (isinstance(body["filter"], dict) and not any(body["filter"].values())):
            body["filter"] = {"flow_name": "Leads"}
    # A value is looked for in a field.
    for filters in (case.query, body if label == "PUT /v1/record/search" else None):
        if isinstance(filters, dict) and not filters.get("datafield_name"):
            filters.pop("datafield_value", None)
    # Texts have no structure.
    if label == "POST /v1/keystore" and isinstance(body, dict) and body.get("kind") == "raw":
        body.pop("structure", None)
    # A client proves itself once; here it is with HTTP Basic.
    if label.startswith("POST /oauth/") and isinstance(body, dict):
        body.pop("client_id", None)
        body.pop("client_secret", None)
