#!/usr/bin/env node
// The part of BullMQ that needs no scripts, over `ioredis` and over `redis`.
//
// BullMQ (6.7.0) keeps a queue in lists, sorted sets, hashes and a stream of events. It changes the
// jobs themselves by Lua scripts, sent with EVAL and EVALSHA, which Holdfast does not have. So
// these do not work: Queue's add, addBulk, pause, resume, drain, clean, obliterate, getJobs,
// getJobCounts, getMetrics, getJobState, getRateLimitTtl and job schedulers; Worker's run;
// FlowProducer; a Job's changes of itself.
// What works is plain commands, and is tested here:
//   QueueEvents and QueueEventsProducer  XREAD BLOCK, XADD MAXLEN ~; CLIENT SETNAME
//   settings of a queue                  HSET, HGET, HMGET, HDEL, HGETALL; SET PX, DEL
//   who takes part                       CLIENT LIST by name
//   the connection                       INFO: its redis_version, its maxmemory_policy
//   trimEvents, getJob, getJobLogs       XTRIM, HGETALL, LRANGE and LLEN in MULTI
// test-options: timeout=240
'use strict';

const assert = require('node:assert/strict');
const { Skip, client: need, eventually, runTests, test } = require('./support/holdfast.js');

const bullmq = need('bullmq');
const { Redis } = need('ioredis');
const redis = need('redis');

const EVENTS = 300;
const KILLED = /closed|ECONNRESET/; // what ioredis says of a connection that was killed

// Each makes the value of BullMQ's option `connection`; `opened` is told how to close it, if anyone
// else must.
const DRIVERS = {
  ioredis: async (server) => ({ host: '127.0.0.1', port: server.port }),
  redis: async (server, opened) => {
    const client = redis.createClient({ url: `redis://127.0.0.1:${server.port}` });
    client.on('error', () => {});
    await client.connect();
    opened.push({ close: async () => client.isOpen && client.destroy() });
    return client;
  },
};

function testWith(drivers, sentence, job) {
  for (const driver of drivers) {
    const connect = DRIVERS[driver];
    test(`${sentence} (${driver})`, async (server) => {
      const opened = [];
      const errors = [];
      const plain = new Redis(server.port, '127.0.0.1');
      const make = async (kind, options = {}) => {
        const connection = await connect(server, opened);
        const made = new bullmq[kind]('orders', { connection, ...options });
        made.on('error', (error) => errors.push(error));
        opened.unshift(made);
        await made.waitUntilReady();
        return made;
      };
      try {
        await plain.flushall();
        await job({ make, plain, errors, server });
      } finally {
        for (const each of opened) await each.close();
        plain.disconnect();
      }
    });
  }
}

const testBoth = (sentence, job) => testWith(Object.keys(DRIVERS), sentence, job);

async function eventuallyListening(plain, count) {
  await eventually(
    async () => (await plain.info('clients')).includes(`blocked_clients:${count}\r\n`),
    `that ${count} listen`,
  );
}

testBoth('every listener hears every event in order', async ({ make, plain, errors }) => {
  const listeners = [await make('QueueEvents'), await make('QueueEvents')];
  const heard = listeners.map((listener) => {
    const own = [];
    listener.on('placed', (event, id) => own.push({ ...event, id }));
    return own;
  });
  await eventuallyListening(plain, 2);
  const producer = await make('QueueEventsProducer');
  for (let i = 0; i < EVENTS; i += 1)
    await producer.publishEvent({ eventName: 'placed', order: String(i), price: '9.50 €' });
  await eventually(() => heard.every((own) => own.length === EVENTS), 'every event');
  for (const own of heard) {
    assert.deepEqual(
      own.map(({ order }) => Number(order)),
      Array.from({ length: EVENTS }, (_, i) => i),
    );
    assert.equal(own[0].price, '9.50 €');
  }
  assert.deepEqual(heard[0], heard[1]);
  assert.equal(await plain.xlen('bull:orders:events'), EVENTS);
  assert.deepEqual(errors, []);
});

testBoth('the events of a job are told by its name', async ({ make, plain, errors }) => {
  const listener = await make('QueueEvents');
  const told = [];
  listener.on('waiting', (event) => told.push(['waiting', event]));
  listener.on('progress:7', (event) => told.push(['progress', event]));
  listener.on('delayed', (event) => told.push(['delayed', event]));
  listener.on('completed:7', (event) => told.push(['completed', event]));
  listener.on('drained', (id) => told.push(['drained', /^\d+-\d+$/.test(id)]));
  await eventuallyListening(plain, 1);
  const producer = await make('QueueEventsProducer');
  const tell = (eventName, fields) => producer.publishEvent({ eventName, ...fields });
  await tell('waiting', { jobId: '7' });
  await tell('progress', { jobId: '7', data: '{"percent":50}' });
  await tell('completed', { jobId: '8', returnvalue: '0' });
  await tell('delayed', { jobId: '9', delay: '1500' });
  await tell('completed', { jobId: '7', returnvalue: '{"sum":[1,2]}' });
  await tell('drained');
  await eventually(() => told.length === 5, 'the events');
  assert.deepEqual(told, [
    ['waiting', { jobId: '7' }],
    ['progress', { jobId: '7', data: { percent: 50 } }],
    ['delayed', { jobId: '9', delay: 1500 }],
    ['completed', { jobId: '7', returnvalue: { sum: [1, 2] } }],
    ['drained', true],
  ]);
  assert.deepEqual(errors, []);
});

testBoth('who comes later reads the events again, as many as are kept', async ({ make, plain }) => {
  const producer = await make('QueueEventsProducer');
  const queue = await make('Queue');
  const tell = (first, last) =>
    Promise.all(
      Array.from({ length: last - first }, (_, i) =>
        producer.publishEvent({ eventName: 'placed', order: String(first + i) }, 200),
      ),
    );
  await tell(0, 1000);
  const kept = await plain.xlen('bull:orders:events');
  assert.ok(kept >= 200 && kept < 400, `${kept} events are kept`); // MAXLEN ~ is nearly
  assert.equal(await queue.trimEvents(0), kept);
  await tell(1000, 1050);
  const [[id]] = await plain.xrange('bull:orders:events', '-', '+', 'COUNT', 30);
  const all = [];
  const listener = await make('QueueEvents', { lastEventId: id, autorun: false });
  listener.on('placed', ({ order }) => all.push(Number(order)));
  listener.run().catch(() => {}); // ends with the connection
  await eventually(() => all.at(-1) === 1049, 'the last event');
  await tell(1050, 1060);
  await eventually(() => all.at(-1) === 1059, 'the new event');
  assert.equal(new Set(all).size, all.length);
  assert.deepEqual(
    all.slice(-59),
    Array.from({ length: 59 }, (_, i) => 1001 + i),
  );
});

// Over `redis` BullMQ waits five seconds before it reads again: not worth it here.
testWith(
  ['ioredis'],
  'a listener whose connection is killed misses nothing',
  async ({ make, plain, errors }) => {
    const listener = await make('QueueEvents');
    const heard = [];
    listener.on('placed', ({ order }) => heard.push(Number(order)));
    await eventuallyListening(plain, 1);
    const producer = await make('QueueEventsProducer');
    const tell = (order) => producer.publishEvent({ eventName: 'placed', order: String(order) });
    await tell(0);
    await eventually(() => heard.length === 1, 'the first event');
    await eventuallyListening(plain, 1);
    const blocked = (await plain.client('LIST'))
      .split('\n')
      .find((line) => / cmd=xread /.test(line));
    assert.match(blocked, / name=bull:[^ ]*:qe /);
    assert.equal(await plain.client('KILL', 'ID', blocked.match(/id=(\d+)/)[1]), 1);
    for (let i = 1; i < 50; i += 1) await tell(i);
    await eventually(() => heard.length === 50, 'the events after it');
    assert.deepEqual(
      heard,
      Array.from({ length: 50 }, (_, i) => i),
    );
    errors.forEach((error) => assert.match(error.message, KILLED));
  },
);

testBoth('a queue keeps its settings and knows who takes part', async ({ make, plain, errors }) => {
  const queue = await make('Queue');
  await queue.setGlobalConcurrency(4);
  await queue.setGlobalRateLimit(10, 1000);
  assert.equal(await queue.getGlobalConcurrency(), 4);
  assert.deepEqual(await queue.getGlobalRateLimit(), { max: 10, duration: 1000 });
  await queue.removeGlobalConcurrency();
  const { concurrency, max, paused } = await queue.getMeta();
  assert.deepEqual([concurrency, max, paused], [undefined, 10, false]);
  assert.match(await queue.getVersion(), /^bullmq:/);
  assert.equal(await queue.isPaused(), false);
  await queue.rateLimit(60000);
  const ttl = await plain.pttl('bull:orders:limiter');
  assert.ok(ttl > 50000 && ttl <= 60000, `time to live ${ttl}`);
  assert.equal(await queue.removeRateLimitKey(), 1);
  assert.equal(await queue.getJob('1'), undefined);
  await plain.rpush('bull:orders:1:logs', 'started', 'done'); // as a worker elsewhere has written
  assert.deepEqual(await queue.getJobLogs('1'), { logs: ['started', 'done'], count: 2 });
  assert.deepEqual(await queue.getJobSchedulers(), []);

  assert.deepEqual(await queue.getQueueEvents(), []);
  const listener = await make('QueueEvents');
  await eventuallyListening(plain, 1);
  const [client, ...others] = await queue.getQueueEvents();
  assert.equal(others.length, 0);
  assert.equal(client.rawname, `${queue.getBackend().clientName()}:qe`);
  assert.deepEqual(await queue.getWorkers(), []);
  await listener.close();
  await eventually(
    async () => (await queue.getQueueEvents()).length === 0,
    'the end of a listener',
  );
  assert.deepEqual(errors, []);
});

testBoth('what needs scripts is refused at once and harms nothing', async ({ make, server }) => {
  if (await server.isReference()) throw new Skip('Redis has scripts');
  const queue = await make('Queue');
  const refused = /^ERR unknown command 'eval(sha)?'/i;
  await assert.rejects(queue.add('order', { price: 5 }), { message: refused });
  await assert.rejects(queue.pause(), { message: refused });
  await assert.rejects(queue.getJobCounts(), { message: refused });
  assert.equal(await queue.isPaused(), false);
  assert.equal(await queue.getJob('1'), undefined);
});

runTests();
