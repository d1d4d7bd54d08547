// Drives the gateway with the node package "soap" through its three WSDLs.
// Prints one line a check; the other drivers go the same way in their own languages. Usage: driver.cjs ENDPOINT DATA_DIR

'use strict';

const { deepStrictEqual } = require('node:assert');
const { randomUUID } = require('node:crypto');
const { readFileSync } = require('node:fs');
const soap = require('soap');

const OPERATIONS = [
  'changeFlowStatus', 'deleteRecord', 'deleteSchema', 'getFlowDiagram', 'getRecord', 'getSchema',
  'insertRecord', 'insertSchema', 'updateRecord', 'updateSchema', 'webhook',
];
const WSDLS = { A: 'wsdl', B11: 'wsdl=literal', B12: 'wsdl=literal12' };
const AUTHENTICATION = { Apikey: 'demo-api-key', Appkey: 'demo-app', Version: '1' };
const ASTRAL = 'Ünïcødé 漢字 🚀𝄞 & <tag> "q"';
const URL = 'https://example.com/client.json';
const HEX = /^[0-9a-f]+$/;

/** What was expected, and what came instead. */
class Mismatch extends Error {}

function expect(what, expected, actual) {
  try {
    deepStrictEqual(actual, expected);
  } catch {
    throw new Mismatch(`expected ${what} ${JSON.stringify(expected)} got ${JSON.stringify(actual)}`);
  }
}

function expectThat(condition, expected, actual) {
  if (!condition) throw new Mismatch(`expected ${expected} got ${JSON.stringify(actual)}`);
}

const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64');
const decode = (text) => JSON.parse(Buffer.from(text, 'base64').toString('utf8'));

/** A text as this toolkit hands it out: an object where the element carried attributes, null where it was empty. */
const plain = (value) => {
  const text = value !== null && typeof value === 'object' ? value.$value : value;
  return text === undefined || text === null ? '' : text;
};

/** One pass of all operations through one WSDL. */
class Driver {
  constructor(wsdl, endpoint, data) {
    this.wsdl = wsdl;
    this.endpoint = endpoint;
    this.failed = 0;
    this.schema = JSON.parse(readFileSync(`${data}/schema.json`, 'utf8'));
    this.sample = JSON.parse(readFileSync(`${data}/record.json`, 'utf8'));
  }

  async check(name, body) {
    try {
      await body();
      console.log(`ok node ${this.wsdl} ${name}`);
    } catch (error) {
      this.failed += 1;
      const text = error instanceof Mismatch ? error.message : `expected success got ${error.name}: ${error.message}`;
      console.log(`FAIL node ${this.wsdl} ${name}: ${text.replace(/\s+/g, ' ')}`);
    }
  }

  /** The reply's six elements. */
  async call(operation, parts) {
    const [answer] = await this.client[`${operation}Async`]({ input: parts });
    const result = answer[`${operation}Result`];
    expectThat(result, `${operation}Result`, answer);
    const reply = Object.fromEntries(
      Object.entries(result).filter(([name]) => name !== 'attributes').map(([name, value]) => [name, plain(value)]),
    );
    expect('elements', ['Id', 'Code', 'RequestIP', 'Resource', 'Message', 'Error'], Object.keys(reply));
    return reply;
  }

  /** Calls, and holds the reply against the documented one. */
  async reply(operation, parts, outcome, message, error = 'null') {
    const reply = await this.call(operation, parts);
    expect('Id', outcome, reply.Id);
    expect('Code', { ok: '200', created: '201' }[outcome], reply.Code);
    expect('RequestIP', '127.0.0.1', reply.RequestIP);
    expectThat(reply.Message, 'a Message', reply.Message);
    if (message !== null) expect('Message', message, reply.Message);
    expect('Error', error, reply.Error);
    return reply;
  }

  /** Calls, and holds the toolkit's error against the fault that this WSDL's callers are promised. */
  async fault(operation, parts, code, pattern) {
    let error;
    try {
      await this.call(operation, parts);
    } catch (thrown) {
      error = thrown;
    }
    if (error === undefined) throw new Mismatch(`expected a fault ${code} got a reply`);
    const fault = error.root?.Envelope?.Body?.Fault;
    if (fault === undefined) throw error;
    this.compare(fault, error, code, pattern);
  }

  compare(fault, error, code, pattern) {
    const twelve = this.wsdl === 'B12';
    const local = (name) => String(plain(name)).replace(/^.*:/, '');
    const text = plain(twelve ? fault.Reason.Text : fault.faultstring);
    expectThat(pattern.test(text), `fault text like ${pattern}`, text);
    expectThat(error.message.includes(text), `an error that says ${JSON.stringify(text)}`, error.message);
    if (twelve) {
      expect('fault code', 'Sender', local(fault.Code.Value));
      expect('fault subcode', `E${code}`, local(fault.Code.Subcode?.Value));
    } else {
      expect('fault code', this.wsdl === 'B11' ? 'Client' : code, local(fault.faultcode));
      expectThat(HEX.test(plain(fault.faultactor)), 'a hexadecimal faultactor', fault.faultactor);
    }
    const detail = twelve ? fault.Detail : fault.detail;
    expectThat(detail, 'a fault detail', fault);
    if (this.wsdl !== 'A') {
      const typed = detail.FlowizeFault;
      expectThat(typed, 'a FlowizeFault in the detail', detail);
      expect('FlowizeFault Code', code, plain(typed.Code));
      expect('FlowizeFault Message', text, plain(typed.Message));
      expectThat(HEX.test(plain(typed.Reference)), 'a hexadecimal Reference', typed.Reference);
    }
    const items = Object.fromEntries([detail.item].flat().map((item) => [plain(item?.key), plain(item?.value)]));
    expect('fault items', { code, message: text }, items);
  }

  async open() {
    const client = await soap.createClientAsync(`${this.endpoint}?${WSDLS[this.wsdl]}`, { forceSoap12Headers: this.wsdl === 'B12' });
    const [service] = Object.values(client.describe());
    const [port] = Object.values(service);
    expect('operations', OPERATIONS, Object.keys(port).sort());
    this.client = client;
  }

  async run() {
    await this.check('client/made', () => this.open());
    if (this.client === undefined) return;
    const keys = { AuthenticationObject: AUTHENTICATION };
    const demo = { ...keys, SchemaObject: { Url: URL, Schema: encode(this.schema), DataRecord: encode(this.sample) } };
    try {
      await this.call('insertSchema', demo);
    } catch {
      // There is one already; if not, the first check says so.
    }
    await this.schemas(keys, demo);
    await this.records(keys);
    await this.webhooks();
    await this.flows(keys);
    await this.check('updateSchema/restored', () =>
      this.reply('updateSchema', demo, 'created', 'Schema structure is created successfully'));
  }

  async schemas(keys, demo) {
    const stored = async (url, schema) => {
      const reply = await this.reply('getSchema', keys, 'ok', 'Schema structure is retrieving successfully');
      const resource = JSON.parse(reply.Resource);
      expect('members', ['creation_date', 'customer', 'modified_date', 'schema', 'url'], Object.keys(resource).sort());
      expect('url', url, resource.url);
      expect('customer', 'Testing', resource.customer);
      expect('schema', schema, decode(resource.schema));
      for (const date of ['creation_date', 'modified_date']) {
        expectThat(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/.test(resource[date]), date, resource[date]);
      }
    };
    const wrong = { AuthenticationObject: { ...AUTHENTICATION, Apikey: 'wrong' } };
    const url = `${URL}?${ASTRAL}`;
    const schema = { ...this.schema, title: `Client record, ${ASTRAL}` };
    const change = { ...keys, SchemaObject: { ...demo.SchemaObject, Url: url, Schema: encode(schema) } };

    await this.check('deleteSchema/removed', async () => {
      const reply = await this.reply('deleteSchema', keys, 'ok', 'Schema has been removed successfully');
      expect('Resource', '', reply.Resource);
    });
    await this.check('insertSchema/created', () => this.reply('insertSchema', demo, 'created', 'Data Schema is created successfully.'));
    await this.check('insertSchema/again-409', () => this.fault('insertSchema', demo, '409', /./));
    await this.check('getSchema/stored', () => stored(URL, this.schema));
    await this.check('getSchema/credentials-404', () => this.fault('getSchema', wrong, '404', /^The credentials are not correct\.$/));
    await this.check('updateSchema/replaced', async () => {
      const reply = await this.reply('updateSchema', change, 'created', 'Schema structure is created successfully');
      expect('Resource', schema, decode(reply.Resource));
    });
    await this.check('getSchema/as-replaced', () => stored(url, schema));
  }

  async records(keys) {
    const record = structuredClone(this.sample);
    record.client[0].name = ASTRAL;
    const other = structuredClone(this.sample);
    other.client[0].name = `Other ${ASTRAL}`;
    const uuid = `node-${this.wsdl}-${randomUUID()}`;
    const leads = { FlowDiagramObject: { Flow: 'Leads' } };
    const named = { ...keys, DataRecordObject: { Uuid: uuid } };
    const first = { ...keys, DataRecordObject: { Uuid: uuid, Data: encode(record) } };
    const second = { ...keys, DataRecordObject: { Uuid: uuid, Data: encode(other) } };
    const bare = { ...keys, DataRecordObject: { Uuid: `${uuid}-bare`, Data: encode({ clients: [] }) } };
    let reply;
    const got = async (content) => {
      const { Resource } = await this.reply('getRecord', named, 'ok', 'Data Record structure was retrieving successfully');
      expect('Resource', content, decode(Resource));
    };

    await this.check('insertRecord/created', async () => {
      const message = 'Data Record is created successfully and it is included in the queue.';
      reply = await this.reply('insertRecord', { ...first, ...leads }, 'created', message);
      expect('Resource', record, decode(reply.Resource));
    });
    await this.check('insertRecord/repeated', async () => expect('reply', reply, await this.call('insertRecord', { ...first, ...leads })));
    await this.check('insertRecord/conflict-409', () => this.fault('insertRecord', { ...second, ...leads }, '409', /./));
    await this.check('insertRecord/invalid-400', () => this.fault('insertRecord', { ...bare, ...leads }, '400', /client/));
    await this.check('getRecord/as-sent', () => got(record));
    await this.check('updateRecord/updated', async () => {
      const { Resource } = await this.reply('updateRecord', second, 'created', 'Data Record is updated successfully.');
      expect('Resource', other, decode(Resource));
    });
    await this.check('getRecord/as-updated', () => got(other));
    await this.check('deleteRecord/removed', async () => {
      const { Resource } = await this.reply('deleteRecord', named, 'created', 'Data Record is deleted successfully.');
      expect('Resource', '', Resource);
    });
    await this.check('getRecord/removed-404', () => this.fault('getRecord', named, '404', /./));
  }

  async webhooks() {
    const Payload = JSON.stringify({ event: ASTRAL });
    await this.check('webhook/stored', () =>
      this.reply('webhook', { Uri: 'demo-hook', Payload }, 'created', 'Webhook response has been saved successfully'));
    await this.check('webhook/unknown-404', () => this.fault('webhook', { Uri: 'no-such-hook', Payload }, '404', /./));
  }

  async flows(keys) {
    await this.check('getFlowDiagram/by-name', async () => {
      const reply = await this.reply('getFlowDiagram', { ...keys, FlowDiagramObject: { Flow: 'Leads' } }, 'ok', null);
      const resource = decode(reply.Resource);
      expect('members', ['current_flow', 'customer', 'description', 'flow_name', 'versions'], Object.keys(resource).sort());
      expect('flow_name', 'Leads', resource.flow_name);
      expect('customer', 'Testing', resource.customer);
    });
    for (const [Status, verb] of [['paused', 'paused'], ['running', 'resumed']]) {
      await this.check(`changeFlowStatus/${verb}`, async () => {
        const parts = { ...keys, FlowDiagramObject: { FlowId: '1', Status } };
        const reply = await this.reply('changeFlowStatus', parts, 'created', `Flow diagram has been ${verb} successfully`, 'false');
        decode(reply.Resource);
      });
    }
    const draft = { ...keys, FlowDiagramObject: { FlowId: '3', Status: 'paused' } };
    await this.check('changeFlowStatus/illegal-409', () => this.fault('changeFlowStatus', draft, '409', /./));
  }
}

async function main() {
  const [endpoint, data] = process.argv.slice(2);
  let failed = 0;
  for (const wsdl of Object.keys(WSDLS)) {
    const driver = new Driver(wsdl, endpoint, data);
    await driver.run();
    failed += driver.failed;
  }
  process.exitCode = failed === 0 ? 0 : 1;
}

main();
