// An app as docs/webhooks.md shows it, driven by Zapier's own library.
const assert = require('node:assert');
const zapier = require('zapier-platform-core');

const hooks = `${process.env.FLOWGATE_URL}/v1/hooks`;

const performSubscribe = async (z, bundle) => {
  const body = { targetUrl: bundle.targetUrl, event: 'record.created' };
  return (await z.request({ method: 'POST', url: hooks, body })).data.resource;
};
const performUnsubscribe = (z, bundle) =>
  z.request({ method: 'DELETE', url: `${hooks}/${bundle.subscribeData.id}` }).then(() => ({}));
const perform = (z, bundle) => [bundle.cleanedRequest];
const performList = async (z) => (await z.request(`${hooks}/sample?event=record.created`)).data.resource;

const App = {
  version: '1.0.0',
  platformVersion: zapier.version,
  beforeRequest: [
    (request) => {
      Object.assign(request.headers, { 'X-Apikey': 'demo-api-key', 'X-App': 'demo-app' });
      return request;
    },
  ],
  triggers: {
    record: {
      key: 'record',
      noun: 'Record',
      display: { label: 'New Record', description: 'Triggers when a record was accepted.' },
      operation: { type: 'hook', performSubscribe, performUnsubscribe, perform, performList },
    },
  },
};

const shape = (value) => {
  if (value === null || typeof value !== 'object') return typeof value;
  if (Array.isArray(value)) return value.map(shape);
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, name === 'record' ? 'record' : shape(inner)]));
};

(async () => {
  const appTester = zapier.createAppTester(App);
  const { operation } = App.triggers.record;
  const subscribed = await appTester(operation.performSubscribe, { targetUrl: process.env.FLOWGATE_TARGET });
  assert.ok(subscribed.id && subscribed.secret.startsWith('whsec_'));
  const cleanedRequest = JSON.parse(process.env.FLOWGATE_MESSAGE);
  const [delivered] = await appTester(operation.perform, { cleanedRequest });
  const samples = await appTester(operation.performList, {});
  assert.deepStrictEqual(samples.map(shape), [shape(delivered)]);
  await appTester(operation.performUnsubscribe, { subscribeData: subscribed });
  await assert.rejects(appTester(operation.performUnsubscribe, { subscribeData: subscribed }), /404/);
  console.log(`zapier-platform-core ${zapier.version}: subscribe, perform, performList and unsubscribe`);
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
