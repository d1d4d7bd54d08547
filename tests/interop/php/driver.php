<?php
// Drives the gateway with PHP's ext-soap: through its three WSDLs, and without any WSDL in both SOAP versions.
// Prints one line a check; the other drivers go the same way in their own languages. Usage: driver.php ENDPOINT DATA_DIR

declare(strict_types=1);

const OPERATIONS = [
    'changeFlowStatus', 'deleteRecord', 'deleteSchema', 'getFlowDiagram', 'getRecord', 'getSchema',
    'insertRecord', 'insertSchema', 'updateRecord', 'updateSchema', 'webhook',
];
const AUTHENTICATION = ['Apikey' => 'demo-api-key', 'Appkey' => 'demo-app', 'Version' => '1'];
const ASTRAL = 'Ünïcødé 漢字 🚀𝄞 & <tag> "q"';
const URL = 'https://example.com/client.json';

/** What was expected, and what came instead. */
final class Mismatch extends Exception
{
}

function text(mixed $value): string
{
    return json_encode($value, JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES | JSON_PARTIAL_OUTPUT_ON_ERROR);
}

function expect(string $what, mixed $expected, mixed $actual): void
{
    if ($expected !== $actual) {
        throw new Mismatch("expected $what " . text($expected) . ' got ' . text($actual));
    }
}

function expectThat(bool $condition, string $expected, mixed $actual): void
{
    if (!$condition) {
        throw new Mismatch("expected $expected got " . text($actual));
    }
}

function json(string $text): mixed
{
    return json_decode($text, true, 512, JSON_THROW_ON_ERROR);
}

/** Base64 to JSON; the members are sorted, for the order of members means nothing. */
function decoded(string $text): mixed
{
    $plain = base64_decode($text, true);
    expectThat($plain !== false, 'base64', $text);
    return sorted(json($plain));
}

function sorted(mixed $value): mixed
{
    if (is_array($value)) {
        $value = array_map('sorted', $value);
        if (!array_is_list($value)) {
            ksort($value);
        }
    }
    return $value;
}

function encoded(mixed $value): string
{
    return base64_encode(json_encode($value, JSON_UNESCAPED_UNICODE | JSON_THROW_ON_ERROR));
}

/** One pass of all operations through one WSDL, or through none. */
final class Driver
{
    public int $failed = 0;
    private ?SoapClient $client = null;
    private mixed $schema;
    private mixed $sample;

    /** @param ?string $query the WSDL's query string; null is the non-WSDL mode */
    public function __construct(
        private string $toolkit,
        private string $wsdl,
        private ?string $query,
        private int $version,
        private string $endpoint,
        string $data,
    ) {
        $this->schema = json(file_get_contents("$data/schema.json"));
        $this->sample = json(file_get_contents("$data/record.json"));
    }

    private function check(string $name, callable $body): void
    {
        try {
            $body();
            echo "ok {$this->toolkit} {$this->wsdl} $name\n";
        } catch (Throwable $error) {
            $this->failed++;
            $text = $error instanceof Mismatch ? $error->getMessage()
                : 'expected success got ' . get_class($error) . ': ' . ($error->faultcode ?? '') . ' ' . $error->getMessage();
            echo "FAIL {$this->toolkit} {$this->wsdl} $name: " . preg_replace('/\s+/', ' ', $text) . "\n";
        }
    }

    private function literal(): bool
    {
        return $this->wsdl === 'B11' || $this->wsdl === 'B12';
    }

    /** The reply's six elements. */
    private function call(string $operation, array $parts): array
    {
        if ($this->query === null) {
            $result = $this->client->__soapCall($operation, [new SoapParam($parts, 'input')]);
        } elseif ($this->literal()) {
            $result = $this->client->$operation(['input' => $parts])->{"{$operation}Result"};
        } else {
            $result = $this->client->$operation($parts);
        }
        $reply = (array) $result;
        expect('elements', ['Id', 'Code', 'RequestIP', 'Resource', 'Message', 'Error'], array_keys($reply));
        return $reply;
    }

    /** Calls, and holds the reply against the documented one. */
    private function reply(string $operation, array $parts, string $outcome, ?string $message, string $error = 'null'): array
    {
        $reply = $this->call($operation, $parts);
        expect('Id', $outcome, $reply['Id']);
        expect('Code', $outcome === 'ok' ? '200' : '201', $reply['Code']);
        expect('RequestIP', '127.0.0.1', $reply['RequestIP']);
        expectThat($reply['Message'] !== '', 'a Message', $reply['Message']);
        if ($message !== null) {
            expect('Message', $message, $reply['Message']);
        }
        expect('Error', $error, $reply['Error']);
        return $reply;
    }

    /** Calls, and holds the toolkit's exception against the fault that these callers are promised. */
    private function fault(string $operation, array $parts, string $code, string $pattern): void
    {
        try {
            $this->call($operation, $parts);
        } catch (SoapFault $fault) {
            $this->compare($fault, $code, $pattern);
            return;
        }
        throw new Mismatch("expected a fault $code got a reply");
    }

    private function compare(SoapFault $fault, string $code, string $pattern): void
    {
        expectThat(preg_match($pattern, $fault->faultstring) === 1, "fault text like $pattern", $fault->faultstring);
        $local = preg_replace('/^.*:/', '', (string) $fault->faultcode);
        $expected = match (true) {
            $this->version === SOAP_1_2 => 'Sender',
            $this->literal() => 'Client',
            default => $code,
        };
        expect('fault code', $expected, $local);
        if ($this->version === SOAP_1_1) {
            expectThat(preg_match('/^[0-9a-f]+$/', $fault->faultactor ?? '') === 1, 'a hexadecimal faultactor', $fault->faultactor ?? null);
        }
        expectThat(isset($fault->detail), 'a fault detail', null);
        if ($this->literal()) {
            expectThat(isset($fault->detail->FlowizeFault), 'a FlowizeFault in the detail', $fault->detail);
            $typed = $fault->detail->FlowizeFault;
            $typed = $typed instanceof SoapVar ? $typed->enc_value : $typed;
            expect('FlowizeFault Code', $code, $typed->Code);
            expect('FlowizeFault Message', $fault->faultstring, $typed->Message);
            expectThat(preg_match('/^[0-9a-f]+$/', $typed->Reference ?? '') === 1, 'a hexadecimal Reference', $typed->Reference ?? null);
        }
        $items = [];
        foreach ($fault->detail->item ?? [] as $item) {
            $item = $item instanceof SoapVar ? $item->enc_value : $item;
            $items[$item->key] = $item->value;
        }
        expect('fault items', ['code' => $code, 'message' => $fault->faultstring], $items);
    }

    private function open(): void
    {
        $options = ['soap_version' => $this->version, 'cache_wsdl' => WSDL_CACHE_NONE, 'connection_timeout' => 10];
        if ($this->query === null) {
            $this->client = new SoapClient(null, $options + ['location' => $this->endpoint, 'uri' => 'Flowize']);
            return;
        }
        $this->client = new SoapClient("{$this->endpoint}?{$this->query}", $options);
        $operations = array_map(fn (string $signature) => preg_replace('/^\S+ (\w+)\(.*$/s', '$1', $signature), $this->client->__getFunctions());
        sort($operations);
        expect('operations', OPERATIONS, $operations);
    }

    public function run(): void
    {
        $this->check('client/made', $this->open(...));
        if ($this->client === null) {
            return;
        }
        $keys = ['AuthenticationObject' => AUTHENTICATION];
        $demo = $keys + ['SchemaObject' => ['Url' => URL, 'Schema' => encoded($this->schema), 'DataRecord' => encoded($this->sample)]];
        try {
            $this->call('insertSchema', $demo);
        } catch (SoapFault) {
            // There is one already.
        }
        $this->schemas($keys, $demo);
        $this->records($keys);
        $this->webhooks();
        $this->flows($keys);
        $this->check('updateSchema/restored', fn () => $this->reply('updateSchema', $demo, 'created', 'Schema structure is created successfully'));
    }

    private function schemas(array $keys, array $demo): void
    {
        $stored = function (string $url, mixed $schema) use ($keys): void {
            $resource = json($this->reply('getSchema', $keys, 'ok', 'Schema structure is retrieving successfully')['Resource']);
            $members = array_keys($resource);
            sort($members);
            expect('members', ['creation_date', 'customer', 'modified_date', 'schema', 'url'], $members);
            expect('url', $url, $resource['url']);
            expect('customer', 'Testing', $resource['customer']);
            expect('schema', sorted($schema), decoded($resource['schema']));
            foreach (['creation_date', 'modified_date'] as $date) {
                expectThat(preg_match('/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/', $resource[$date]) === 1, $date, $resource[$date]);
            }
        };
        $wrong = ['AuthenticationObject' => ['Apikey' => 'wrong'] + AUTHENTICATION];
        $url = URL . '?' . ASTRAL;
        $schema = ['title' => 'Client record, ' . ASTRAL] + $this->schema;
        $change = $keys + ['SchemaObject' => ['Url' => $url, 'Schema' => encoded($schema)] + $demo['SchemaObject']];

        $this->check('deleteSchema/removed', fn () => expect('Resource', '',
            $this->reply('deleteSchema', $keys, 'ok', 'Schema has been removed successfully')['Resource']));
        $this->check('insertSchema/created', fn () => $this->reply('insertSchema', $demo, 'created', 'Data Schema is created successfully.'));
        $this->check('insertSchema/again-409', fn () => $this->fault('insertSchema', $demo, '409', '/./'));
        $this->check('getSchema/stored', fn () => $stored(URL, $this->schema));
        $this->check('getSchema/credentials-404', fn () => $this->fault('getSchema', $wrong, '404', '/^The credentials are not correct\.$/'));
        $this->check('updateSchema/replaced', fn () => expect('Resource', sorted($schema),
            decoded($this->reply('updateSchema', $change, 'created', 'Schema structure is created successfully')['Resource'])));
        $this->check('getSchema/as-replaced', fn () => $stored($url, $schema));
    }

    private function records(array $keys): void
    {
        $record = $other = $this->sample;
        $record['client'][0]['name'] = ASTRAL;
        $other['client'][0]['name'] = 'Other ' . ASTRAL;
        $uuid = "{$this->toolkit}-{$this->wsdl}-" . bin2hex(random_bytes(16));
        $leads = ['FlowDiagramObject' => ['Flow' => 'Leads']];
        $named = $keys + ['DataRecordObject' => ['Uuid' => $uuid]];
        $first = $keys + ['DataRecordObject' => ['Uuid' => $uuid, 'Data' => encoded($record)]];
        $second = $keys + ['DataRecordObject' => ['Uuid' => $uuid, 'Data' => encoded($other)]];
        $bare = $keys + ['DataRecordObject' => ['Uuid' => "$uuid-bare", 'Data' => encoded(['clients' => []])]];
        $reply = [];
        $got = fn (mixed $content) => expect('Resource', sorted($content),
            decoded($this->reply('getRecord', $named, 'ok', 'Data Record structure was retrieving successfully')['Resource']));

        $this->check('insertRecord/created', function () use ($first, $leads, $record, &$reply): void {
            $message = 'Data Record is created successfully and it is included in the queue.';
            $reply = $this->reply('insertRecord', $first + $leads, 'created', $message);
            expect('Resource', sorted($record), decoded($reply['Resource']));
        });
        $this->check('insertRecord/repeated', function () use ($first, $leads, &$reply): void {
            expect('reply', $reply, $this->call('insertRecord', $first + $leads));
        });
        $this->check('insertRecord/conflict-409', fn () => $this->fault('insertRecord', $second + $leads, '409', '/./'));
        $this->check('insertRecord/invalid-400', fn () => $this->fault('insertRecord', $bare + $leads, '400', '/client/'));
        $this->check('getRecord/as-sent', fn () => $got($record));
        $this->check('updateRecord/updated', fn () => expect('Resource', sorted($other),
            decoded($this->reply('updateRecord', $second, 'created', 'Data Record is updated successfully.')['Resource'])));
        $this->check('getRecord/as-updated', fn () => $got($other));
        $this->check('deleteRecord/removed', fn () => expect('Resource', '',
            $this->reply('deleteRecord', $named, 'created', 'Data Record is deleted successfully.')['Resource']));
        $this->check('getRecord/removed-404', fn () => $this->fault('getRecord', $named, '404', '/./'));
    }

    private function webhooks(): void
    {
        $payload = json_encode(['event' => ASTRAL], JSON_UNESCAPED_UNICODE);
        $this->check('webhook/stored', fn () => $this->reply('webhook', ['Uri' => 'demo-hook', 'Payload' => $payload],
            'created', 'Webhook response has been saved successfully'));
        $this->check('webhook/unknown-404', fn () => $this->fault('webhook', ['Uri' => 'no-such-hook', 'Payload' => $payload], '404', '/./'));
    }

    private function flows(array $keys): void
    {
        $this->check('getFlowDiagram/by-name', function () use ($keys): void {
            $reply = $this->reply('getFlowDiagram', $keys + ['FlowDiagramObject' => ['Flow' => 'Leads']], 'ok', null);
            $resource = decoded($reply['Resource']);
            expect('members', ['current_flow', 'customer', 'description', 'flow_name', 'versions'], array_keys($resource));
            expect('flow_name', 'Leads', $resource['flow_name']);
            expect('customer', 'Testing', $resource['customer']);
        });
        foreach (['paused' => 'paused', 'running' => 'resumed'] as $status => $verb) {
            $this->check("changeFlowStatus/$verb", fn () => decoded($this->reply('changeFlowStatus',
                $keys + ['FlowDiagramObject' => ['FlowId' => '1', 'Status' => $status]],
                'created', "Flow diagram has been $verb successfully", 'false')['Resource']));
        }
        $draft = $keys + ['FlowDiagramObject' => ['FlowId' => '3', 'Status' => 'paused']];
        $this->check('changeFlowStatus/illegal-409', fn () => $this->fault('changeFlowStatus', $draft, '409', '/./'));
    }
}

[, $endpoint, $data] = $argv;
$failed = 0;
foreach ([
    ['php', 'A', 'wsdl', SOAP_1_1],
    ['php', 'B11', 'wsdl=literal', SOAP_1_1],
    ['php', 'B12', 'wsdl=literal12', SOAP_1_2],
    ['php', 'none11', null, SOAP_1_1],
    ['php', 'none12', null, SOAP_1_2],
] as [$toolkit, $wsdl, $query, $version]) {
    $driver = new Driver($toolkit, $wsdl, $query, $version, $endpoint, $data);
    $driver->run();
    $failed += $driver->failed;
}
exit($failed === 0 ? 0 : 1);
