"""Flows of a running gateway that call services which others wrote.

Each check is a record that goes through a flow of one SOAP step, whose answer or failure becomes the record's data.
Prints a line a check, as the drivers of the toolkits do.
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.request

PATIENCE = 60.0
ORDER = {
    "customer": "Zoë & <sons>",
    "lines": {
        "Line": [
            {"@unit": "kg", "article": "A1", "price": "12345678901234567.89", "amount": 2},
            {"article": "B2", "price": 0.25, "amount": 9007199254740989},
        ]
    },
    "due": "2024-02-29",
    "urgent": True,
    "note": ["one", "🙂"],
}
PARCELS = [
    {"to": "Zoë & <sons>", "weight": 1.5, "item": ["a", "b"], "insured": True},
    {"to": "x", "weight": 2, "item": []},
]
failed = 0


def report(partner, version, check, expected, got):
    global failed
    if got == expected:
        print(f"ok {partner} {version} {check}", flush=True)
    else:
        failed += 1
        print(f"FAIL {partner} {version} {check}: expected {expected!r} got {got!r}", flush=True)


class Gateway:
    def __init__(self, binary, directory, address):
        self.prefix, self.address = [binary, "--json", "--data", directory], address
        api_key = self.command("customer", "add", "--name", "Caller")["api_key"]
        added = self.command(
            "app", "add", "--customer", "Caller", "--name", "driver", "--ip", "any", "--scope", "all"
        )
        self.keys = {"X-Apikey": api_key, "X-App": added["app_key"]}
        self.flows = 0

    def command(self, *arguments):
        done = subprocess.run([*self.prefix, *arguments], capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(arguments)}: {done.stderr}")
        return json.loads(done.stdout)

    def request(self, method, path, headers=None, body=None):
        request = urllib.request.Request(
            self.address + path, method=method, data=body, headers={**self.keys, **(headers or {})}
        )
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return json.load(answer)["resource"]

    def through(self, fields, data):
        """What the data of a record come to that goes through a flow with that step."""
        self.flows += 1
        name = f"flow-{self.flows}"
        graph = {
            "nodes": [
                {"id": "call", "kind": "soap", "fields": fields, "retry": {"attempts": 1}, "on_error": "continue"},
                {"id": "keep", "kind": "record", "fields": {"data": {"answer": "{{ $ }}"}}},
            ],
            "edges": [{"source": "call", "target": "keep"}],
        }
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(graph, file)
            file.flush()
            self.command("flow", "add", "--customer", "Caller", "--name", name, "--graph", file.name)
        self.command("flow", "publish", "--customer", "Caller", "--name", name)
        headers = {"X-Flow": name, "X-Uuid": name, "Content-Type": "application/json"}
        self.request("POST", "/v1/record", headers, json.dumps(data).encode())
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            found = self.request("GET", f"/v1/record/{name}")
            if found["info"]["status"].startswith("Finished"):
                return found["data_record"].get("answer")
            time.sleep(0.1)
        return "the record did not finish"


def failure(answer):
    """The kind of a failure and what the partner or the gateway said."""
    error = answer.get("error", {}) if isinstance(answer, dict) else {}
    return error.get("kind"), (error.get("detail") or {}).get("text", error.get("message"))


def drive_spyne(gateway, address):
    for version in ("soap11", "soap12"):
        wsdl = f"{address}/{version}?wsdl"

        def call(operation, arguments, data):
            return gateway.through({"wsdl": wsdl, "operation": operation, "arguments": arguments}, data)

        answer = call("place", {"order": "{{ order }}"}, {"order": ORDER})
        receipt = answer.get("placeResult", {}) if isinstance(answer, dict) else answer
        report("spyne", version, "place/as-sent", ORDER, receipt.get("order") if isinstance(receipt, dict) else answer)
        report("spyne", version, "place/exact", "26943157616154383.03 9007199254740991",
               f"{receipt.get('total')} {receipt.get('count')}" if isinstance(receipt, dict) else answer)
        answer = call("repeat", {"text": "{{ text }}", "times": 3}, {"text": "ab"})
        report("spyne", version, "repeat/list", {"repeatResult": {"string": ["ab", "ab", "ab"]}}, answer)
        answer = call("fail", {"reason": "{{ why }}"}, {"why": "sold out"})
        report("spyne", version, "fail/fault", ("soap.sender", "sold out"), failure(answer))
        wrong = {**ORDER, "lines": {"Line": [{"article": "A1", "price": "cheap", "amount": 1}]}}
        answer = call("place", {"order": "{{ order }}"}, {"order": wrong})
        text = "arguments: order.lines.Line[0].price must be a number (xsd:decimal)"
        report("spyne", version, "place/path", ("soap.call", text), failure(answer))


def drive_node(gateway, address):
    wsdl = f"{address}/mail11?wsdl"
    for port, version in (("Mail11", "soap11"), ("Mail12", "soap12")):
        fields = {"wsdl": wsdl, "port": port, "operation": "send", "arguments": {"parcel": "{{ [parcels] }}"}}
        answer = gateway.through(fields, {"parcels": PARCELS})
        report("node-server", version, "send/as-sent", {"parcel": PARCELS, "total": 3.5, "sent": 2}, answer)
        fields = {"wsdl": wsdl, "port": port, "operation": "lose", "arguments": {"why": "{{ why }}"}}
        answer = gateway.through(fields, {"why": "a storm"})
        report("node-server", version, "lose/fault", ("soap.receiver", "a storm"), failure(answer))
    fields = {"wsdl": wsdl, "operation": "add", "arguments": {"a": "{{ a }}", "b": "{{ b }}"}}
    report("node-server", "rpc", "add/sum", {"sum": -3}, gateway.through(fields, {"a": 2, "b": -5}))


def main():
    binary, directory, address, spyne, node = sys.argv[1:]
    gateway = Gateway(str(pathlib.Path(binary).resolve()), directory, address)
    drive_spyne(gateway, spyne)
    drive_node(gateway, node)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
