// One JSON object per line, both ways.
'use strict';

const readline = require('node:readline');

const write = (object) => process.stdout.write(`${JSON.stringify(object)}\n`);

/** Reads a context; `{"$date": ..}` is a date. */
function context(value) {
  if (Array.isArray(value)) return value.map(context);
  if (value === null || typeof value !== 'object') return value;
  if ('$date' in value) return new Date(value.$date);
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, context(inner)]));
}

/** Evaluates a flag by the method of its type. */
function evaluate(client, { type, key, fallback, context: given }) {
  const methods = {
    boolean: 'getBooleanDetails',
    string: 'getStringDetails',
    number: 'getNumberDetails',
    object: 'getObjectDetails',
  };
  return client[methods[type]](key, fallback, ...(given === undefined ? [] : [context(given)]));
}

/** Answers requests in order until the end of the input. */
async function serve(answer) {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    write({ answer: (await answer(JSON.parse(line))) ?? null });
  }
  process.exit(0);
}

module.exports = { context, evaluate, serve, write };
