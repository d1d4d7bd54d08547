// Drives the gateway with the C++ client that gSOAP generates; compiled once for each WSDL against that WSDL's proxy.
// Prints one line a check; the other drivers go the same way in their own languages. Usage: driver ENDPOINT DATA_DIR
//
// WSDL is the WSDL's name as a string; RPC is defined for the rpc/encoded one, TWELVE for the one of SOAP 1.2.

#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <regex>
#include <stdexcept>
#include <string>
#include <vector>

#include "FlowizeBinding.nsmap"
#include "json.h"
#include "soapFlowizeBindingProxy.h"

namespace {

using std::string;

const string ASTRAL = "Ünïcødé 漢字 🚀𝄞 & <tag> \"q\"";
const string URL = "https://example.com/client.json";
const std::regex ANY("."), HEX("[0-9a-f]+"), DATE(R"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)");

/// What was expected, and what came instead.
struct Mismatch : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// The gateway's refusal, as the generated proxy hands it out.
struct Fault {
    string code, subcode, text, actor, detail;
    string typed_code, typed_message, typed_reference;
};

void expect(const string &what, const string &expected, const string &actual) {
    if (expected != actual) throw Mismatch("expected " + what + " " + expected + " got " + actual);
}

void expect_that(bool condition, const string &expected, const string &actual) {
    if (!condition) throw Mismatch("expected " + expected + " got " + actual);
}

string text(const char *value) { return value ? value : ""; }
[[maybe_unused]] string text(const string *value) { return value ? *value : ""; }

string local(const string &name) { return name.substr(name.rfind(':') + 1); }

string read_file(const string &path) {
    std::ifstream file(path, std::ios::binary);
    expect_that(file.good(), "a readable file", path);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// The generated proxy, with one plain call for each operation.
class Client {
  public:
    explicit Client(const char *endpoint) : proxy(endpoint, SOAP_C_UTFSTRING) {
        proxy.soap->connect_timeout = proxy.soap->send_timeout = proxy.soap->recv_timeout = 30;
    }

#ifdef RPC
#define OPERATION(name, Request)                                                                                      \
    ns1__Response *name(ns1__##Request *input) {                                                                      \
        struct ns1__##name##Response answer = {};                                                                     \
        settle(proxy.name(input, answer));                                                                            \
        return answer.name##Result;                                                                                   \
    }
#else
#define OPERATION(name, Request)                                                                                      \
    ns1__Response *name(ns1__##Request *input) {                                                                      \
        auto *wrapper = make<_ns1__##name>();                                                                         \
        wrapper->input = input;                                                                                       \
        auto *answer = make<_ns1__##name##Response>();                                                                \
        settle(proxy.name(wrapper, *answer));                                                                         \
        return answer->name##Result;                                                                                  \
    }
#endif
    OPERATION(insertSchema, InsertSchemaRequest)
    OPERATION(insertRecord, InsertRecordRequest)
    OPERATION(webhook, WebhookRequest)
    OPERATION(getRecord, GetRecordRequest)
    OPERATION(getSchema, GetSchemaRequest)
    OPERATION(getFlowDiagram, GetFlowDiagramRequest)
    OPERATION(updateRecord, UpdateRecordRequest)
    OPERATION(updateSchema, UpdateSchemaRequest)
    OPERATION(changeFlowStatus, ChangeFlowDiagramStatusRequest)
    OPERATION(deleteSchema, DeleteSchemaRequest)
    OPERATION(deleteRecord, DeleteRecordRequest)

    /// An object that lives as long as the client.
    template <class T> T *make() {
        T *object = new T;
        object->soap_default(proxy.soap);
        made.emplace_back(object, [](void *gone) { delete static_cast<T *>(gone); });
        return object;
    }

    string *own(const string &value) {
        auto copy = std::make_shared<string>(value);
        made.push_back(copy);
        return copy.get();
    }

    string encode(const string &plain) {
        return soap_s2base64(proxy.soap, reinterpret_cast<const unsigned char *>(plain.data()), nullptr, int(plain.size()));
    }

    string decode(const string &encoded) {
        int length = 0;
        const char *plain = soap_base642s(proxy.soap, encoded.c_str(), nullptr, 0, &length);
        expect_that(plain != nullptr, "base64", encoded);
        return string(plain, size_t(length));
    }

    string uuid(const char *prefix) { return soap_rand_uuid(proxy.soap, prefix); }

  private:
    void settle(int status) {
        if (status == SOAP_OK) return;
        struct soap *soap = proxy.soap;
        if (*soap_faultcode(soap) == nullptr) soap_set_fault(soap); // no fault came: a transport or parse error
        Fault fault;
        fault.code = text(*soap_faultcode(soap));
        fault.subcode = text(soap_fault_subcode(soap));
        fault.text = text(soap_fault_string(soap));
        fault.actor = text(soap->fault->faultactor);
        fault.detail = text(soap_fault_detail(soap));
#ifndef RPC
#ifdef TWELVE
        const SOAP_ENV__Detail *detail = soap->fault->SOAP_ENV__Detail;
#else
        const SOAP_ENV__Detail *detail = soap->fault->detail;
#endif
        if (detail && detail->ns1__FlowizeFault) {
            fault.typed_code = detail->ns1__FlowizeFault->Code;
            fault.typed_message = detail->ns1__FlowizeFault->Message;
            fault.typed_reference = text(detail->ns1__FlowizeFault->Reference);
        }
#endif
        throw fault;
    }

    FlowizeBindingProxy proxy;
    std::vector<std::shared_ptr<void>> made;
};

/// One pass of all operations.
class Driver {
  public:
    Driver(const char *endpoint, const string &data)
        : client(endpoint), schema(read_file(data + "/schema.json")), sample(read_file(data + "/record.json")) {}

    int run() {
        try {
            client.insertSchema(demo<ns1__InsertSchemaRequest>());
        } catch (const Fault &) {
            // There is one already.
        }
        schemas();
        records();
        webhooks();
        flows();
        check("updateSchema/restored", [&] {
            reply(client.updateSchema(demo<ns1__UpdateSchemaRequest>()), "created", "Schema structure is created successfully");
        });
        return failed == 0 ? 0 : 1;
    }

  private:
    void check(const string &name, const std::function<void()> &body) {
        string actual;
        try {
            body();
            std::cout << "ok gsoap " WSDL " " << name << std::endl;
            return;
        } catch (const Fault &fault) {
            actual = "expected success got a fault " + fault.code + " " + fault.subcode + ": " + fault.text + " " + fault.detail;
        } catch (const std::exception &error) {
            actual = error.what();
        }
        failed++;
        std::cout << "FAIL gsoap " WSDL " " << name << ": " << std::regex_replace(actual, std::regex("\\s+"), " ") << std::endl;
    }

    /// Holds a reply against the documented one.
    ns1__Response *reply(ns1__Response *reply, const string &outcome, const string &message, const string &error = "null") {
        expect_that(reply != nullptr, "a result", "none");
        expect("Id", outcome, reply->Id);
        expect("Code", outcome == "ok" ? "200" : "201", reply->Code);
        expect("RequestIP", "127.0.0.1", reply->RequestIP);
        expect_that(!reply->Message.empty(), "a Message", reply->Message);
        if (!message.empty()) expect("Message", message, reply->Message);
        expect("Error", error, reply->Error);
        return reply;
    }

    /// Holds the proxy's fault against the one that this WSDL's callers are promised.
    void fault(const string &code, const std::regex &pattern, const std::function<void()> &call) {
        try {
            call();
        } catch (const Fault &fault) {
            expect_that(std::regex_search(fault.text, pattern), "another fault text", fault.code + " " + fault.text);
#if defined RPC
            expect("fault code", code, local(fault.code));
#elif defined TWELVE
            expect("fault code", "Sender", local(fault.code));
            expect("fault subcode", "E" + code, local(fault.subcode));
#else
            expect("fault code", "Client", local(fault.code));
#endif
#ifndef TWELVE
            expect_that(std::regex_match(fault.actor, HEX), "a hexadecimal faultactor", fault.actor);
#endif
#ifdef RPC
            // gSOAP keeps the detail's first element only.
            expect_that(fault.detail.find("<key>code</key>") != string::npos, "a fault item", fault.detail);
            expect_that(fault.detail.find("<value>" + code + "</value>") != string::npos, "the code in the fault item", fault.detail);
#else
            expect("FlowizeFault Code", code, fault.typed_code);
            expect("FlowizeFault Message", fault.text, fault.typed_message);
            expect_that(std::regex_match(fault.typed_reference, HEX), "a hexadecimal Reference", fault.typed_reference);
#endif
            return;
        }
        throw Mismatch("expected a fault " + code + " got a reply");
    }

    void same(const string &expected, const string &encoded) {
        const string actual = client.decode(encoded);
        expect_that(json_same(expected, actual), "Resource " + expected, actual);
    }

    template <class Request> Request *keyed(const string &apikey = "demo-api-key") {
        auto *request = client.make<Request>();
        request->AuthenticationObject = client.make<ns1__AuthenticationObject>();
        request->AuthenticationObject->Apikey = apikey;
        request->AuthenticationObject->Appkey = "demo-app";
        request->AuthenticationObject->Version = client.own("1");
        return request;
    }

    template <class Request> Request *demo() {
        auto *request = keyed<Request>();
        request->SchemaObject = client.make<ns1__SchemaObject>();
        request->SchemaObject->Url = client.own(URL);
        request->SchemaObject->Schema = client.encode(schema);
        request->SchemaObject->DataRecord = client.encode(sample);
        return request;
    }

    template <class Request> Request *record(const string &uuid, const string &data = "") {
        auto *request = keyed<Request>();
        request->DataRecordObject = client.make<ns1__DataRecordObject>();
        request->DataRecordObject->Uuid = client.own(uuid);
        if (!data.empty()) request->DataRecordObject->Data = client.own(client.encode(data));
        return request;
    }

    template <class Request> Request *flow(Request *request, const string &name, const string &id = "", const string &status = "") {
        request->FlowDiagramObject = client.make<ns1__FlowDiagramObject>();
        if (!name.empty()) request->FlowDiagramObject->Flow = client.own(name);
        if (!id.empty()) request->FlowDiagramObject->FlowId = client.own(id);
        if (!status.empty()) request->FlowDiagramObject->Status = client.own(status);
        return request;
    }

    void stored(const string &url, const string &content) {
        auto *answer = reply(client.getSchema(keyed<ns1__GetSchemaRequest>()), "ok", "Schema structure is retrieving successfully");
        const string &resource = answer->Resource;
        expect("members", "creation_date customer modified_date schema url ", json_members(resource));
        expect("url", url, json_string(resource, "/url"));
        expect("customer", "Testing", json_string(resource, "/customer"));
        same(content, json_string(resource, "/schema"));
        for (const char *date : {"/creation_date", "/modified_date"}) {
            expect_that(std::regex_match(json_string(resource, date), DATE), date, resource);
        }
    }

    void schemas() {
        const string url = URL + "?" + ASTRAL;
        const string titled = json_with(schema, "/title", "Client record, " + ASTRAL);
        check("deleteSchema/removed", [&] {
            auto *request = keyed<ns1__DeleteSchemaRequest>();
            expect("Resource", "", reply(client.deleteSchema(request), "ok", "Schema has been removed successfully")->Resource);
        });
        check("insertSchema/created", [&] {
            reply(client.insertSchema(demo<ns1__InsertSchemaRequest>()), "created", "Data Schema is created successfully.");
        });
        check("insertSchema/again-409", [&] {
            fault("409", ANY, [&] { client.insertSchema(demo<ns1__InsertSchemaRequest>()); });
        });
        check("getSchema/stored", [&] { stored(URL, schema); });
        check("getSchema/credentials-404", [&] {
            fault("404", std::regex("^The credentials are not correct\\.$"),
                  [&] { client.getSchema(keyed<ns1__GetSchemaRequest>("wrong")); });
        });
        check("updateSchema/replaced", [&] {
            auto *request = demo<ns1__UpdateSchemaRequest>();
            request->SchemaObject->Url = client.own(url);
            request->SchemaObject->Schema = client.encode(titled);
            same(titled, reply(client.updateSchema(request), "created", "Schema structure is created successfully")->Resource);
        });
        check("getSchema/as-replaced", [&] { stored(url, titled); });
    }

    void records() {
        const string first = json_with(sample, "/client/0/name", ASTRAL);
        const string second = json_with(sample, "/client/0/name", "Other " + ASTRAL);
        const string uuid = client.uuid("gsoap-" WSDL "-");
        const auto insert = [&](const string &name, const string &data) {
            return client.insertRecord(flow(record<ns1__InsertRecordRequest>(name, data), "Leads"));
        };
        const auto got = [&](const string &content) {
            auto *answer = client.getRecord(record<ns1__GetRecordRequest>(uuid));
            same(content, reply(answer, "ok", "Data Record structure was retrieving successfully")->Resource);
        };
        string resource;
        const char *queued = "Data Record is created successfully and it is included in the queue.";
        check("insertRecord/created", [&] {
            resource = reply(insert(uuid, first), "created", queued)->Resource;
            same(first, resource);
        });
        check("insertRecord/repeated", [&] { expect("Resource", resource, reply(insert(uuid, first), "created", queued)->Resource); });
        check("insertRecord/conflict-409", [&] { fault("409", ANY, [&] { insert(uuid, second); }); });
        check("insertRecord/invalid-400", [&] { fault("400", std::regex("client"), [&] { insert(uuid + "-bare", "{\"clients\": []}"); }); });
        check("getRecord/as-sent", [&] { got(first); });
        check("updateRecord/updated", [&] {
            auto *answer = client.updateRecord(record<ns1__UpdateRecordRequest>(uuid, second));
            same(second, reply(answer, "created", "Data Record is updated successfully.")->Resource);
        });
        check("getRecord/as-updated", [&] { got(second); });
        check("deleteRecord/removed", [&] {
            auto *answer = client.deleteRecord(record<ns1__DeleteRecordRequest>(uuid));
            expect("Resource", "", reply(answer, "created", "Data Record is deleted successfully.")->Resource);
        });
        check("getRecord/removed-404", [&] {
            fault("404", ANY, [&] { client.getRecord(record<ns1__GetRecordRequest>(uuid)); });
        });
    }

    void webhooks() {
        const auto send = [&](const string &uri) {
            auto *request = client.make<ns1__WebhookRequest>();
            request->Uri = uri;
            request->Payload = json_object("event", ASTRAL);
            return client.webhook(request);
        };
        check("webhook/stored", [&] { reply(send("demo-hook"), "created", "Webhook response has been saved successfully"); });
        check("webhook/unknown-404", [&] { fault("404", ANY, [&] { send("no-such-hook"); }); });
    }

    void flows() {
        check("getFlowDiagram/by-name", [&] {
            auto *request = flow(keyed<ns1__GetFlowDiagramRequest>(), "Leads");
            const string resource = client.decode(reply(client.getFlowDiagram(request), "ok", "")->Resource);
            expect("members", "current_flow customer description flow_name versions ", json_members(resource));
            expect("flow_name", "Leads", json_string(resource, "/flow_name"));
            expect("customer", "Testing", json_string(resource, "/customer"));
        });
        const auto change = [&](const char *id, const char *status) {
            return client.changeFlowStatus(flow(keyed<ns1__ChangeFlowDiagramStatusRequest>(), "", id, status));
        };
        check("changeFlowStatus/paused", [&] {
            auto *answer = reply(change("1", "paused"), "created", "Flow diagram has been paused successfully", "false");
            json_members(client.decode(answer->Resource));
        });
        check("changeFlowStatus/resumed", [&] {
            auto *answer = reply(change("1", "running"), "created", "Flow diagram has been resumed successfully", "false");
            json_members(client.decode(answer->Resource));
        });
        check("changeFlowStatus/illegal-409", [&] { fault("409", ANY, [&] { change("3", "paused"); }); });
    }

    Client client;
    string schema, sample;
    int failed = 0;
};

} // namespace

int main(int count, char **arguments) {
    if (count != 3) {
        std::cerr << "usage: driver ENDPOINT DATA_DIR" << std::endl;
        return 2;
    }
    return Driver(arguments[1], arguments[2]).run();
}
