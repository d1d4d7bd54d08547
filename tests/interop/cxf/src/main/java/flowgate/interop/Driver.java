package flowgate.interop;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import flowgate.interop.client.AuthenticationObject;
import flowgate.interop.client.ChangeFlowDiagramStatusRequest;
import flowgate.interop.client.DataRecordObject;
import flowgate.interop.client.DeleteRecordRequest;
import flowgate.interop.client.DeleteSchemaRequest;
import flowgate.interop.client.FlowDiagramObject;
import flowgate.interop.client.FlowizeFault;
import flowgate.interop.client.FlowizePortType;
import flowgate.interop.client.FlowizeService;
import flowgate.interop.client.GetFlowDiagramRequest;
import flowgate.interop.client.GetRecordRequest;
import flowgate.interop.client.GetSchemaRequest;
import flowgate.interop.client.InsertRecordRequest;
import flowgate.interop.client.InsertSchemaRequest;
import flowgate.interop.client.Response;
import flowgate.interop.client.SchemaObject;
import flowgate.interop.client.UpdateRecordRequest;
import flowgate.interop.client.UpdateSchemaRequest;
import flowgate.interop.client.WebhookRequest;
import jakarta.xml.ws.BindingProvider;
import java.io.PrintStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.UUID;
import java.util.logging.Level;
import java.util.logging.Logger;
import java.util.regex.Pattern;
import javax.xml.namespace.QName;
import org.apache.cxf.binding.soap.SoapFault;
import org.apache.cxf.binding.soap.interceptor.Soap11FaultInInterceptor;
import org.apache.cxf.binding.soap.interceptor.Soap12FaultInInterceptor;
import org.apache.cxf.frontend.ClientProxy;
import org.apache.cxf.interceptor.ClientFaultConverter;
import org.apache.cxf.message.Message;
import org.apache.cxf.phase.AbstractPhaseInterceptor;
import org.apache.cxf.phase.Phase;
import org.w3c.dom.Element;
import org.w3c.dom.Node;

/**
 * Drives the gateway with the client that Apache CXF generates; compiled once for each WSDL against that WSDL's port.
 * Prints one line a check; the other drivers go the same way in their own languages.
 * Usage: Driver WSDL ENDPOINT QUERY DATA_DIR
 */
public final class Driver {
    private static final Logger LOGGER = Logger.getLogger("org.apache.cxf");
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final PrintStream OUT = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    private static final String ASTRAL = "Ünïcødé 漢字 🚀𝄞 & <tag> \"q\"";
    private static final String URL = "https://example.com/client.json";
    private static final String HEX = "[0-9a-f]+";
    private static final String DATE = "\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d";

    /** What was expected, and what came instead. */
    private static final class Mismatch extends Exception {
        Mismatch(String message) {
            super(message);
        }
    }

    /** Keeps the fault as it came; the declared exception carries only the text and the typed detail. */
    private static final class FaultKeeper extends AbstractPhaseInterceptor<Message> {
        private SoapFault last;

        FaultKeeper() {
            super(Phase.UNMARSHAL);
            addAfter(Soap11FaultInInterceptor.class.getName());
            addAfter(Soap12FaultInInterceptor.class.getName());
            addBefore(ClientFaultConverter.class.getName());
        }

        @Override
        public void handleMessage(Message message) {
            last = message.getContent(Exception.class) instanceof SoapFault fault ? fault : null;
        }
    }

    private interface Body {
        void run() throws Exception;
    }

    private final String wsdl;
    private final String endpoint;
    private final String query;
    private final JsonNode schema;
    private final JsonNode sample;
    private final FaultKeeper faults = new FaultKeeper();
    private FlowizePortType port;
    private int failed;

    private Driver(String wsdl, String endpoint, String query, Path data) throws Exception {
        this.wsdl = wsdl;
        this.endpoint = endpoint;
        this.query = query;
        this.schema = JSON.readTree(Files.readString(data.resolve("schema.json")));
        this.sample = JSON.readTree(Files.readString(data.resolve("record.json")));
    }

    public static void main(String[] arguments) throws Exception {
        LOGGER.setLevel(Level.SEVERE);
        Driver driver = new Driver(arguments[0], arguments[1], arguments[2], Path.of(arguments[3]));
        driver.run();
        System.exit(driver.failed == 0 ? 0 : 1);
    }

    private static void expect(String what, Object expected, Object actual) throws Mismatch {
        if (!expected.equals(actual)) {
            throw new Mismatch("expected " + what + " " + expected + " got " + actual);
        }
    }

    private static void expectThat(boolean condition, String expected, Object actual) throws Mismatch {
        if (!condition) {
            throw new Mismatch("expected " + expected + " got " + actual);
        }
    }

    private static String encode(JsonNode value) throws Exception {
        return Base64.getEncoder().encodeToString(JSON.writeValueAsString(value).getBytes(StandardCharsets.UTF_8));
    }

    private static JsonNode decode(String text) throws Exception {
        return JSON.readTree(new String(Base64.getDecoder().decode(text), StandardCharsets.UTF_8));
    }

    private static TreeSet<String> members(JsonNode object) {
        TreeSet<String> names = new TreeSet<>();
        object.fieldNames().forEachRemaining(names::add);
        return names;
    }

    private void check(String name, Body body) {
        try {
            body.run();
            OUT.println("ok cxf " + wsdl + " " + name);
        } catch (Exception error) {
            failed++;
            String text = error instanceof Mismatch ? error.getMessage() : "expected success got " + error;
            OUT.println("FAIL cxf " + wsdl + " " + name + ": " + text.replaceAll("\\s+", " "));
        }
    }

    /** Holds a reply against the documented one. */
    private static Response reply(Response reply, String outcome, String message, String error) throws Mismatch {
        expect("Id", outcome, reply.getId());
        expect("Code", outcome.equals("ok") ? "200" : "201", reply.getCode());
        expect("RequestIP", "127.0.0.1", reply.getRequestIP());
        expectThat(reply.getMessage() != null && !reply.getMessage().isEmpty(), "a Message", reply.getMessage());
        if (message != null) {
            expect("Message", message, reply.getMessage());
        }
        expect("Error", error, reply.getError());
        return reply;
    }

    private static Response reply(Response reply, String outcome, String message) throws Mismatch {
        return reply(reply, outcome, message, "null");
    }

    /** Holds the declared exception against the fault that this WSDL's callers are promised. */
    private void fault(String code, String pattern, Body call) throws Exception {
        try {
            call.run();
        } catch (FlowizeFault fault) {
            compare(fault, code, pattern);
            return;
        }
        throw new Mismatch("expected a fault " + code + " got a reply");
    }

    private void compare(FlowizeFault fault, String code, String pattern) throws Mismatch {
        String text = fault.getMessage();
        expectThat(Pattern.compile(pattern).matcher(text).find(), "a fault text like " + pattern, text);
        expectThat(fault.getFaultInfo() != null, "a FlowizeFault in the detail", null);
        expect("FlowizeFault Code", code, fault.getFaultInfo().getCode());
        expect("FlowizeFault Message", text, fault.getFaultInfo().getMessage());
        String reference = fault.getFaultInfo().getReference();
        expectThat(reference != null && reference.matches(HEX), "a hexadecimal Reference", reference);
        SoapFault soap = faults.last;
        expectThat(soap != null, "a SOAP fault", null);
        if (wsdl.equals("B12")) {
            expect("fault code", "Sender", soap.getFaultCode().getLocalPart());
            expect("fault subcodes", List.of("E" + code), soap.getSubCodes().stream().map(QName::getLocalPart).toList());
        } else {
            expect("fault code", "Client", soap.getFaultCode().getLocalPart());
            expectThat(soap.getRole() != null && soap.getRole().matches(HEX), "a hexadecimal faultactor", soap.getRole());
        }
        expect("fault items", Map.of("code", code, "message", text), items(soap.getDetail()));
    }

    private static Map<String, String> items(Element detail) {
        Map<String, String> items = new LinkedHashMap<>();
        for (Node item = detail.getFirstChild(); item != null; item = item.getNextSibling()) {
            if ("item".equals(item.getLocalName())) {
                items.put(text((Element) item, "key"), text((Element) item, "value"));
            }
        }
        return items;
    }

    private static String text(Element parent, String name) {
        Node child = parent.getElementsByTagNameNS("*", name).item(0);
        return child == null ? "" : child.getTextContent();
    }

    private void open() throws Exception {
        port = new FlowizeService(URI.create(endpoint + "?" + query).toURL()).getFlowizePort();
        Object address = ((BindingProvider) port).getRequestContext().get(BindingProvider.ENDPOINT_ADDRESS_PROPERTY);
        expect("soap:address", endpoint, address);
        ClientProxy.getClient(port).getInFaultInterceptors().add(faults);
    }

    private void run() throws Exception {
        check("client/made", this::open);
        if (port == null) {
            return;
        }
        try {
            port.insertSchema(insertDemo());
        } catch (Exception fault) {
            // There is one already; if not, the first check says so.
        }
        schemas();
        records();
        webhooks();
        flows();
        check("updateSchema/restored", () ->
            reply(port.updateSchema(update(URL, schema)), "created", "Schema structure is created successfully"));
    }

    private static AuthenticationObject keys(String apikey) {
        AuthenticationObject keys = new AuthenticationObject();
        keys.setApikey(apikey);
        keys.setAppkey("demo-app");
        keys.setVersion("1");
        return keys;
    }

    private static AuthenticationObject keys() {
        return keys("demo-api-key");
    }

    private SchemaObject schemaObject(String url, JsonNode content) throws Exception {
        SchemaObject object = new SchemaObject();
        object.setUrl(url);
        object.setSchema(encode(content));
        object.setDataRecord(encode(sample));
        return object;
    }

    private InsertSchemaRequest insertDemo() throws Exception {
        InsertSchemaRequest request = new InsertSchemaRequest();
        request.setAuthenticationObject(keys());
        request.setSchemaObject(schemaObject(URL, schema));
        return request;
    }

    private UpdateSchemaRequest update(String url, JsonNode content) throws Exception {
        UpdateSchemaRequest request = new UpdateSchemaRequest();
        request.setAuthenticationObject(keys());
        request.setSchemaObject(schemaObject(url, content));
        return request;
    }

    private Response getSchema(String apikey) throws Exception {
        GetSchemaRequest request = new GetSchemaRequest();
        request.setAuthenticationObject(keys(apikey));
        return port.getSchema(request);
    }

    private void stored(String url, JsonNode content) throws Exception {
        Response reply = reply(getSchema("demo-api-key"), "ok", "Schema structure is retrieving successfully");
        JsonNode resource = JSON.readTree(reply.getResource());
        expect("members", "[creation_date, customer, modified_date, schema, url]", members(resource).toString());
        expect("url", url, resource.get("url").textValue());
        expect("customer", "Testing", resource.get("customer").textValue());
        expect("schema", content, decode(resource.get("schema").textValue()));
        for (String date : List.of("creation_date", "modified_date")) {
            expectThat(resource.get(date).asText().matches(DATE), date, resource.get(date));
        }
    }

    private void schemas() {
        String url = URL + "?" + ASTRAL;
        ObjectNode titled = schema.deepCopy();
        titled.put("title", "Client record, " + ASTRAL);
        check("deleteSchema/removed", () -> {
            DeleteSchemaRequest request = new DeleteSchemaRequest();
            request.setAuthenticationObject(keys());
            Response reply = reply(port.deleteSchema(request), "ok", "Schema has been removed successfully");
            expect("Resource", "", reply.getResource());
        });
        check("insertSchema/created", () ->
            reply(port.insertSchema(insertDemo()), "created", "Data Schema is created successfully."));
        check("insertSchema/again-409", () -> fault("409", ".", () -> port.insertSchema(insertDemo())));
        check("getSchema/stored", () -> stored(URL, schema));
        check("getSchema/credentials-404", () ->
            fault("404", "^The credentials are not correct\\.$", () -> getSchema("wrong")));
        check("updateSchema/replaced", () -> {
            Response reply = reply(port.updateSchema(update(url, titled)), "created", "Schema structure is created successfully");
            expect("Resource", titled, decode(reply.getResource()));
        });
        check("getSchema/as-replaced", () -> stored(url, titled));
    }

    private static DataRecordObject record(String uuid, JsonNode data) throws Exception {
        DataRecordObject object = new DataRecordObject();
        object.setUuid(uuid);
        if (data != null) {
            object.setData(encode(data));
        }
        return object;
    }

    private static FlowDiagramObject flow(String name, String id, String status) {
        FlowDiagramObject object = new FlowDiagramObject();
        object.setFlow(name);
        object.setFlowId(id);
        object.setStatus(status);
        return object;
    }

    private Response insertRecord(String uuid, JsonNode data) throws Exception {
        InsertRecordRequest request = new InsertRecordRequest();
        request.setAuthenticationObject(keys());
        request.setDataRecordObject(record(uuid, data));
        request.setFlowDiagramObject(flow("Leads", null, null));
        return port.insertRecord(request);
    }

    private Response getRecord(String uuid) throws Exception {
        GetRecordRequest request = new GetRecordRequest();
        request.setAuthenticationObject(keys());
        request.setDataRecordObject(record(uuid, null));
        return port.getRecord(request);
    }

    private JsonNode named(String name) {
        JsonNode record = sample.deepCopy();
        ((ObjectNode) record.get("client").get(0)).put("name", name);
        return record;
    }

    private void records() {
        JsonNode first = named(ASTRAL);
        JsonNode second = named("Other " + ASTRAL);
        JsonNode bare = JSON.createObjectNode().set("clients", JSON.createArrayNode());
        String uuid = "cxf-" + wsdl + "-" + UUID.randomUUID();
        String queued = "Data Record is created successfully and it is included in the queue.";
        String retrieved = "Data Record structure was retrieving successfully";
        check("insertRecord/created", () -> {
            Response reply = reply(insertRecord(uuid, first), "created", queued);
            expect("Resource", first, decode(reply.getResource()));
        });
        check("insertRecord/repeated", () -> {
            Response reply = reply(insertRecord(uuid, first), "created", queued);
            expect("Resource", first, decode(reply.getResource()));
        });
        check("insertRecord/conflict-409", () -> fault("409", ".", () -> insertRecord(uuid, second)));
        check("insertRecord/invalid-400", () -> fault("400", "client", () -> insertRecord(uuid + "-bare", bare)));
        check("getRecord/as-sent", () -> expect("Resource", first, decode(reply(getRecord(uuid), "ok", retrieved).getResource())));
        check("updateRecord/updated", () -> {
            UpdateRecordRequest request = new UpdateRecordRequest();
            request.setAuthenticationObject(keys());
            request.setDataRecordObject(record(uuid, second));
            Response reply = reply(port.updateRecord(request), "created", "Data Record is updated successfully.");
            expect("Resource", second, decode(reply.getResource()));
        });
        check("getRecord/as-updated", () -> expect("Resource", second, decode(reply(getRecord(uuid), "ok", retrieved).getResource())));
        check("deleteRecord/removed", () -> {
            DeleteRecordRequest request = new DeleteRecordRequest();
            request.setAuthenticationObject(keys());
            request.setDataRecordObject(record(uuid, null));
            Response reply = reply(port.deleteRecord(request), "created", "Data Record is deleted successfully.");
            expect("Resource", "", reply.getResource());
        });
        check("getRecord/removed-404", () -> fault("404", ".", () -> getRecord(uuid)));
    }

    private Response webhook(String uri) throws Exception {
        WebhookRequest request = new WebhookRequest();
        request.setUri(uri);
        request.setPayload(JSON.writeValueAsString(Map.of("event", ASTRAL)));
        return port.webhook(request);
    }

    private void webhooks() {
        check("webhook/stored", () -> reply(webhook("demo-hook"), "created", "Webhook response has been saved successfully"));
        check("webhook/unknown-404", () -> fault("404", ".", () -> webhook("no-such-hook")));
    }

    private Response changeFlowStatus(String id, String status) throws Exception {
        ChangeFlowDiagramStatusRequest request = new ChangeFlowDiagramStatusRequest();
        request.setAuthenticationObject(keys());
        request.setFlowDiagramObject(flow(null, id, status));
        return port.changeFlowStatus(request);
    }

    private void flows() {
        check("getFlowDiagram/by-name", () -> {
            GetFlowDiagramRequest request = new GetFlowDiagramRequest();
            request.setAuthenticationObject(keys());
            request.setFlowDiagramObject(flow("Leads", null, null));
            JsonNode resource = decode(reply(port.getFlowDiagram(request), "ok", null).getResource());
            expect("members", "[current_flow, customer, description, flow_name, versions]", members(resource).toString());
            expect("flow_name", "Leads", resource.get("flow_name").textValue());
            expect("customer", "Testing", resource.get("customer").textValue());
        });
        check("changeFlowStatus/paused", () ->
            decode(reply(changeFlowStatus("1", "paused"), "created", "Flow diagram has been paused successfully", "false").getResource()));
        check("changeFlowStatus/resumed", () ->
            decode(reply(changeFlowStatus("1", "running"), "created", "Flow diagram has been resumed successfully", "false").getResource()));
        check("changeFlowStatus/illegal-409", () -> fault("409", ".", () -> changeFlowStatus("3", "paused")));
    }
}
