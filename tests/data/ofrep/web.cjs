// The OpenFeature SDK for browsers, with the OFREP web provider, in Node.js. Arguments: base URL, token, context.
'use strict';

const { EventSource } = require('eventsource');
const { OpenFeature, ProviderEvents } = require('@openfeature/web-sdk');
const { OFREPWebProvider } = require('@openfeature/ofrep-web-provider');
const { context, evaluate, serve, write } = require('./lines.cjs');

const [baseUrl, token, first] = process.argv.slice(2);
// Browsers have it. The requests are counted, and not changed.
globalThis.EventSource = EventSource;
const statuses = [];
const fetchImplementation = async (...request) => {
  const response = await fetch(...request);
  statuses.push(response.status);
  return response;
};

async function main() {
  const provider = new OFREPWebProvider({
    baseUrl,
    headers: [['X-API-Key', token]],
    cacheMode: 'disabled',
    fetchImplementation,
  });
  const client = OpenFeature.getClient();
  for (const name of [ProviderEvents.ConfigurationChanged, ProviderEvents.Error, ProviderEvents.Stale]) {
    client.addHandler(name, (details) =>
      write({ event: { name, flags: details?.flagsChanged ?? null, message: details?.message ?? null } }),
    );
  }
  await OpenFeature.setContext(context(JSON.parse(first)));
  try {
    await OpenFeature.setProviderAndWait(provider);
  } catch (error) {
    write({ answer: { failed: `${error}` } });
    process.exit(0);
  }
  write({ answer: 'ready' });
  await serve(async (request) => {
    switch (request.op) {
      case 'context':
        return OpenFeature.setContext(context(request.context));
      case 'statuses':
        return statuses.splice(0);
      default:
        return evaluate(client, request);
    }
  });
}

main();
