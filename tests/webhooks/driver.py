"""Subscribes, has messages sent, and checks every one with the reference libraries of Standard Webhooks."""

import json
import os
import subprocess
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

GATEWAY = os.environ["FLOWGATE_URL"]
NODE = os.environ["FLOWGATE_NODE"]
MESSAGES = int(os.environ.get("FLOWGATE_WEBHOOKS", "1000"))
KEYS = {"X-Apikey": "demo-api-key", "X-App": "demo-app"}
TEXTS = ["plain", "Zoë 🚲", "名前 \u202e", "\\ \" </script>", "\u0000 and \u001f", "", "\U0010ffff"]

messages, arrived = [], threading.Condition()


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with arrived:
            messages.append(({name.lower(): value for name, value in self.headers.items()}, body))
            arrived.notify_all()
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


def ask(method, path, body=None, headers=()):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(GATEWAY + path, data, {**KEYS, **dict(headers)}, method=method)
    if data is not None:
        request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)["resource"]


def wait_for(count):
    with arrived:
        assert arrived.wait_for(lambda: len(messages) >= count, 120), f"{len(messages)} of {count} messages came"


def insert(number):
    text = TEXTS[number % len(TEXTS)]
    record = {} if number % 5 == 0 else {"name": text, "of": [text, None, number], text or "none": {}}
    uuid = ask("POST", "/v1/record", record, {"X-Flow": "Webhooks", "X-Uuid": f"w-{number}"}.items())["data_record_id"]
    return uuid, record


def is_good(secret, headers, body):
    try:
        return Webhook(secret).verify(body, headers) == json.loads(body)
    except WebhookVerificationError:
        return False


def check_with_npm(secrets, checked):
    lines = "".join(json.dumps({"secrets": secrets, "headers": headers, "body": body.decode()}) + "\n" for headers, body in checked)
    done = subprocess.run(["node", f"{NODE}/verify.cjs"], input=lines, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def main():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    target = f"http://127.0.0.1:{server.server_address[1]}/events"

    ask("DELETE", "/v1/schema")
    graph = {"nodes": [{"id": "end", "kind": "end"}]}
    flow = ask("POST", "/v1/flowdiagram", {"name": "Webhooks", "graph": graph})["flow_id"]
    ask("PUT", "/v1/changeflowstatus", None, {"X-Flow-Id": str(flow), "X-Status": "public"}.items())
    hook = ask("POST", "/v1/hooks", {"url": target, "events": ["record.created"], "flow": "Webhooks"})
    old, half = hook["secret"], MESSAGES // 2

    sent = dict(insert(number) for number in range(half))
    wait_for(half)
    new = ask("POST", f"/v1/hooks/{hook['id']}/rotate", None)["secret"]
    sent.update(insert(number) for number in range(half, MESSAGES))
    wait_for(MESSAGES)

    assert len(messages) == MESSAGES and len({headers["webhook-id"] for headers, _ in messages}) == MESSAGES
    for headers, body in messages:
        data = json.loads(body)["data"]
        assert data["record"] == sent.pop(data["uuid"]), body
    assert not sent
    before, after = messages[:half], messages[half:]
    by_npm = check_with_npm([old, new], before + after)
    for number, (headers, body) in enumerate(before + after):
        expected = [True, number >= half]
        assert [is_good(secret, headers, body) for secret in (old, new)] == expected, (number, headers)
        assert by_npm[number] == expected, (number, headers)
        assert not is_good(new, headers, body + b" ")
    print(f"{MESSAGES} messages, {len(after)} of them with two signatures: right for PyPI's and npm's standardwebhooks")

    environment = {**os.environ, "NODE_ENV": "test", "FLOWGATE_TARGET": target, "FLOWGATE_MESSAGE": after[-1][1].decode()}
    done = subprocess.run(["node", f"{NODE}/zapier.cjs"], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    print(done.stdout.strip().splitlines()[-1])


main()
