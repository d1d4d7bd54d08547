"""Drives the gateway with zeep through its three WSDLs.

Prints one line a check; the other drivers go the same way in their own languages. Usage: driver.py ENDPOINT DATA_DIR
"""

import base64
import json
import re
import sys
import uuid
from pathlib import Path

import zeep
from zeep.exceptions import Fault

OPERATIONS = {
    "insertSchema", "insertRecord", "webhook", "getRecord", "getSchema", "getFlowDiagram",
    "updateRecord", "updateSchema", "changeFlowStatus", "deleteSchema", "deleteRecord",
}
WSDLS = {"A": "wsdl", "B11": "wsdl=literal", "B12": "wsdl=literal12"}
AUTHENTICATION = {"Apikey": "demo-api-key", "Appkey": "demo-app", "Version": "1"}
URL = "https://example.com/client.json"
ASTRAL = 'Ünïcødé 漢字 🚀𝄞 & <tag> "q"'


class Mismatch(Exception):
    """What was expected, and what came instead."""


def expect(what, expected, actual):
    if actual != expected:
        raise Mismatch(f"expected {what} {expected!r} got {actual!r}")


def expect_that(condition, expected, actual):
    if not condition:
        raise Mismatch(f"expected {expected} got {actual!r}")


def encode(text):
    return base64.b64encode(text.encode()).decode()


def decode(text):
    return json.loads(base64.b64decode(text, validate=True).decode())


class Driver:
    """One pass of all operations through one WSDL."""

    def __init__(self, wsdl, endpoint, data):
        self.wsdl = wsdl
        self.endpoint = endpoint
        self.failed = 0
        self.schema = (data / "schema.json").read_text(encoding="utf-8")
        self.sample = (data / "record.json").read_text(encoding="utf-8")
        self.client = None

    def check(self, name, body):
        try:
            body()
            print(f"ok zeep {self.wsdl} {name}", flush=True)
        except Exception as error:  # noqa: BLE001, whatever the toolkit raises is a finding
            self.failed += 1
            text = str(error) if isinstance(error, Mismatch) else f"expected success got {type(error).__name__}: {error}"
            print(f"FAIL zeep {self.wsdl} {name}: {' '.join(text.split())}", flush=True)

    def call(self, operation, **parts):
        """The reply's six elements."""
        result = self.client.service[operation](input=parts)
        return {field: result[field] for field in ("Id", "Code", "RequestIP", "Resource", "Message", "Error")}

    def reply(self, operation, outcome, message, error="null", **parts):
        """Calls, and holds the reply against the documented one."""
        reply = self.call(operation, **parts)
        expect("Id", outcome, reply["Id"])
        expect("Code", {"ok": "200", "created": "201"}[outcome], reply["Code"])
        expect("RequestIP", "127.0.0.1", reply["RequestIP"])
        if message is not None:
            expect("Message", message, reply["Message"])
        expect_that(reply["Message"], "a Message", reply["Message"])
        expect("Error", error, reply["Error"])
        return reply

    def fault(self, operation, code, text, **parts):
        """Calls, and holds the toolkit's exception against the fault that this WSDL's callers are promised."""
        try:
            self.call(operation, **parts)
        except Fault as fault:
            self.compare(fault, code, text)
        else:
            raise Mismatch(f"expected a fault {code} got a reply")

    def compare(self, fault, code, text):
        if isinstance(text, str):
            expect("fault text", text, fault.message)
        else:
            expect_that(text.search(fault.message or ""), f"fault text like {text.pattern!r}", fault.message)
        if self.wsdl == "B12":
            expect("fault code", "Sender", (fault.code or "").rpartition(":")[2])
            expect("fault subcodes", [f"E{code}"], [subcode.localname for subcode in fault.subcodes or []])
        elif self.wsdl == "B11":
            expect("fault code", "Client", (fault.code or "").rpartition(":")[2])
        else:
            expect("fault code", code, fault.code)
        expect_that(fault.detail is not None and len(fault.detail), "a fault detail", fault.detail)
        if self.wsdl != "B12":
            expect_that(re.fullmatch("[0-9a-f]+", fault.actor or ""), "a hexadecimal faultactor", fault.actor)
        if self.wsdl != "A":
            typed = self.client.wsdl.types.deserialize(fault.detail[0])
            expect("FlowizeFault Code", code, typed.Code)
            expect("FlowizeFault Message", fault.message, typed.Message)
            expect_that(re.fullmatch("[0-9a-f]+", typed.Reference or ""), "a hexadecimal Reference", typed.Reference)
        items = {item.findtext("key"): item.findtext("value") for item in fault.detail.findall("item")}
        expect("fault items", {"code": code, "message": fault.message}, items)

    def open(self):
        self.client = zeep.Client(f"{self.endpoint}?{WSDLS[self.wsdl]}")
        (service,) = self.client.wsdl.services.values()
        (port,) = service.ports.values()
        expect("operations", sorted(OPERATIONS), sorted(port.binding._operations))
        expect("soap:address", self.endpoint, port.binding_options["address"])

    def run(self):
        self.check("client/made", self.open)
        if self.client is None:
            return
        keys = {"AuthenticationObject": AUTHENTICATION}
        schema = {"Url": URL, "Schema": encode(self.schema), "DataRecord": encode(self.sample)}
        demo = {"SchemaObject": schema}
        try:
            self.call("insertSchema", **keys, **demo)
        except Fault:
            pass  # there is one already
        self.schemas(keys, demo)
        self.records(keys)
        self.webhooks()
        self.flows(keys)
        self.check("updateSchema/restored", lambda: self.reply("updateSchema", "created", "Schema structure is created successfully", **keys, **demo))

    def schemas(self, keys, demo):
        def removed():
            reply = self.reply("deleteSchema", "ok", "Schema has been removed successfully", **keys)
            expect_that(not reply["Resource"], "an empty Resource", reply["Resource"])

        def created():
            self.reply("insertSchema", "created", "Data Schema is created successfully.", **keys, **demo)

        def stored(url, schema):
            reply = self.reply("getSchema", "ok", "Schema structure is retrieving successfully", **keys)
            resource = json.loads(reply["Resource"])
            expect("members", ["creation_date", "customer", "modified_date", "schema", "url"], sorted(resource))
            expect("url", url, resource["url"])
            expect("customer", "Testing", resource["customer"])
            expect("schema", schema, decode(resource["schema"]))
            for date in ("creation_date", "modified_date"):
                expect_that(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", resource[date]), date, resource[date])

        def replaced():
            change = demo["SchemaObject"] | {"Url": url, "Schema": encode(json.dumps(schema, ensure_ascii=False))}
            reply = self.reply("updateSchema", "created", "Schema structure is created successfully", **keys, SchemaObject=change)
            expect("Resource", schema, decode(reply["Resource"]))

        url = f"{URL}?{ASTRAL}"
        schema = json.loads(self.schema) | {"title": f"Client record, {ASTRAL}"}
        wrong = {"AuthenticationObject": AUTHENTICATION | {"Apikey": "wrong"}}
        self.check("deleteSchema/removed", removed)
        self.check("insertSchema/created", created)
        self.check("insertSchema/again-409", lambda: self.fault("insertSchema", "409", re.compile("."), **keys, **demo))
        self.check("getSchema/stored", lambda: stored(URL, json.loads(self.schema)))
        self.check("getSchema/credentials-404", lambda: self.fault("getSchema", "404", "The credentials are not correct.", **wrong))
        self.check("updateSchema/replaced", replaced)
        self.check("getSchema/as-replaced", lambda: stored(url, schema))

    def records(self, keys):
        record = json.loads(self.sample)
        record["client"][0]["name"] = ASTRAL
        other = json.loads(self.sample)
        other["client"][0]["name"] = f"Other {ASTRAL}"
        ident = f"zeep-{self.wsdl}-{uuid.uuid4()}"
        leads = {"FlowDiagramObject": {"Flow": "Leads"}}
        named = {"DataRecordObject": {"Uuid": ident}}
        first = {"DataRecordObject": {"Uuid": ident, "Data": encode(json.dumps(record, ensure_ascii=False))}}
        second = {"DataRecordObject": {"Uuid": ident, "Data": encode(json.dumps(other, ensure_ascii=False))}}
        bare = {"DataRecordObject": {"Uuid": f"{ident}-bare", "Data": encode('{"clients": []}')}}
        replies = []

        def created():
            message = "Data Record is created successfully and it is included in the queue."
            replies.append(self.reply("insertRecord", "created", message, **keys, **first, **leads))
            expect("Resource", record, decode(replies[0]["Resource"]))

        def repeated():
            expect("reply", replies[0], self.call("insertRecord", **keys, **first, **leads))

        def got(content):
            reply = self.reply("getRecord", "ok", "Data Record structure was retrieving successfully", **keys, **named)
            expect("Resource", content, decode(reply["Resource"]))

        def updated():
            reply = self.reply("updateRecord", "created", "Data Record is updated successfully.", **keys, **second)
            expect("Resource", other, decode(reply["Resource"]))

        def removed():
            reply = self.reply("deleteRecord", "created", "Data Record is deleted successfully.", **keys, **named)
            expect_that(not reply["Resource"], "an empty Resource", reply["Resource"])

        self.check("insertRecord/created", created)
        self.check("insertRecord/repeated", repeated)
        self.check("insertRecord/conflict-409", lambda: self.fault("insertRecord", "409", re.compile("."), **keys, **second, **leads))
        self.check("insertRecord/invalid-400", lambda: self.fault("insertRecord", "400", re.compile("client"), **keys, **bare, **leads))
        self.check("getRecord/as-sent", lambda: got(record))
        self.check("updateRecord/updated", updated)
        self.check("getRecord/as-updated", lambda: got(other))
        self.check("deleteRecord/removed", removed)
        self.check("getRecord/removed-404", lambda: self.fault("getRecord", "404", re.compile("."), **keys, **named))

    def webhooks(self):
        payload = json.dumps({"event": ASTRAL}, ensure_ascii=False)
        message = "Webhook response has been saved successfully"
        self.check("webhook/stored", lambda: self.reply("webhook", "created", message, Uri="demo-hook", Payload=payload))
        self.check("webhook/unknown-404", lambda: self.fault("webhook", "404", re.compile("."), Uri="no-such-hook", Payload=payload))

    def flows(self, keys):
        def described():
            resource = decode(self.reply("getFlowDiagram", "ok", None, **keys, FlowDiagramObject={"Flow": "Leads"})["Resource"])
            expect("members", ["current_flow", "customer", "description", "flow_name", "versions"], sorted(resource))
            expect("flow_name", "Leads", resource["flow_name"])
            expect("customer", "Testing", resource["customer"])

        def changed(status, message):
            reply = self.reply("changeFlowStatus", "created", message, "false", **keys, FlowDiagramObject={"FlowId": "1", "Status": status})
            decode(reply["Resource"])

        draft = {"FlowDiagramObject": {"FlowId": "3", "Status": "paused"}}
        self.check("getFlowDiagram/by-name", described)
        self.check("changeFlowStatus/paused", lambda: changed("paused", "Flow diagram has been paused successfully"))
        self.check("changeFlowStatus/resumed", lambda: changed("running", "Flow diagram has been resumed successfully"))
        self.check("changeFlowStatus/illegal-409", lambda: self.fault("changeFlowStatus", "409", re.compile("."), **keys, **draft))


def main():
    endpoint, data = sys.argv[1], Path(sys.argv[2])
    failed = 0
    for wsdl in WSDLS:
        driver = Driver(wsdl, endpoint, data)
        driver.run()
        failed += driver.failed
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
