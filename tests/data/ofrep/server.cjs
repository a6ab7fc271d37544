// The OpenFeature SDK for JavaScript servers, with the OFREP provider. Arguments: base URL, token.
'use strict';

const { OpenFeature } = require('@openfeature/server-sdk');
const { OFREPProvider } = require('@openfeature/ofrep-provider');
const { evaluate, serve } = require('./lines.cjs');

const [baseUrl, token] = process.argv.slice(2);

async function main() {
  const headers = [['Authorization', `Bearer ${token}`]];
  await OpenFeature.setProviderAndWait(new OFREPProvider({ baseUrl, headers }));
  const client = OpenFeature.getClient();
  await serve((request) => evaluate(client, request));
}

main();
