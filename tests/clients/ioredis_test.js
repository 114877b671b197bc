#!/usr/bin/env node
// Realistic jobs done with Node's client `ioredis`.
// test-options: timeout=240
'use strict';

const assert = require('node:assert/strict');
const { Server, client: need, eventually, runTests, test } = require('./support/holdfast.js');

const { Redis } = need('ioredis');

const MEGABYTE = 1024 * 1024;

function connect(server, options) {
  const client = new Redis(server.port, '127.0.0.1', { retryStrategy: () => 50, ...options });
  client.on('error', () => {}); // a lost connection shows in the commands that fail
  return client;
}

// A test with a client on an empty server.
function testJob(sentence, job, options) {
  test(sentence, async (server) => {
    const client = connect(server, options);
    try {
      await client.flushall();
      await job(client, server);
    } finally {
      client.disconnect();
    }
  });
}

testJob('a cache answers from memory until the time of an entry is over', async (client) => {
  assert.equal(await client.set('page', 'text', 'EX', 60), 'OK');
  assert.equal(await client.get('page'), 'text');
  const ttl = await client.ttl('page');
  assert.ok(ttl > 0 && ttl <= 60, `time to live ${ttl}`);
  await client.psetex('short', 20, 'x');
  await eventually(async () => (await client.get('short')) === null, 'the end of an entry');
  assert.equal(await client.getex('page', 'PERSIST'), 'text');
  assert.equal(await client.ttl('page'), -1);
});

testJob('a lock is taken with SET NX PX and released by its owner only', async (client, server) => {
  const newer = !(await server.isReference());
  const release = async (token) => {
    if (newer) return (await client.call('DELEX', 'lock', 'IFEQ', token)) === 1;
    await client.watch('lock');
    if ((await client.get('lock')) !== token) return (await client.unwatch()) !== 'OK';
    return (await client.multi().del('lock').exec()) !== null;
  };
  assert.equal(await client.set('lock', 'mine', 'PX', 60000, 'NX'), 'OK');
  assert.equal(await client.set('lock', 'theirs', 'PX', 60000, 'NX'), null);
  assert.equal(await release('theirs'), false);
  assert.equal(await client.get('lock'), 'mine');
  assert.equal(await release('mine'), true);
  assert.equal(await client.set('lock', 'theirs', 'PX', 60000, 'NX'), 'OK');
});

testJob(
  'a rate limiter lets exactly its limit through, from eight connections',
  async (client, server) => {
    const visitors = Array.from({ length: 8 }, () => connect(server));
    const passed = await Promise.all(
      visitors.map(async (own) => {
        let count = 0;
        for (let i = 0; i < 40; i += 1) {
          const [[error, total]] = await own.multi().incr('rate').expire('rate', 60, 'NX').exec();
          assert.equal(error, null);
          if (total <= 100) count += 1;
        }
        own.disconnect();
        return count;
      }),
    );
    assert.equal(
      passed.reduce((sum, count) => sum + count),
      100,
    );
  },
);

testJob('a WATCH loop with eight contenders loses no update', async (client, server) => {
  await client.set('counter', 0);
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      const own = connect(server);
      for (let done = 0; done < 50;) {
        await own.watch('counter');
        const value = Number(await own.get('counter'));
        if (
          (await own
            .multi()
            .set('counter', value + 1)
            .exec()) !== null
        )
          done += 1;
      }
      own.disconnect();
    }),
  );
  assert.equal(await client.get('counter'), '400');
});

testJob(
  'messages reach subscribers of channels and of patterns, in order',
  async (client, server) => {
    const subscriber = connect(server);
    const heard = [];
    subscriber.on('message', (channel, message) => heard.push(`${channel} ${message}`));
    subscriber.on('pmessage', (pattern, channel, message) =>
      heard.push(`${pattern} ${channel} ${message}`),
    );
    assert.equal(await subscriber.subscribe('news', 'sport'), 2);
    assert.equal(await subscriber.psubscribe('n*'), 3);
    assert.equal(await client.publish('news', 'one'), 2);
    assert.equal(await client.publish('sport', 'two'), 1);
    await eventually(() => heard.length === 3, 'three messages');
    assert.deepEqual(heard, ['news one', 'n* news one', 'sport two']);
    assert.equal(await subscriber.unsubscribe('news', 'sport'), 1);
    assert.equal(await subscriber.punsubscribe(), 0);
    assert.equal(await subscriber.get('usable again'), null);
    subscriber.disconnect();
  },
);

testJob(
  'a client comes back after the server was restarted, its subscriptions too',
  async (client, server) => {
    const subscriber = connect(server);
    const heard = [];
    subscriber.on('message', (_, message) => heard.push(message));
    await subscriber.subscribe('news');
    await server.restart();
    await eventually(
      async () => (await client.publish('news', 'after')) === 1 && heard.includes('after'),
      'a message',
    );
    assert.equal(await client.set('a', 1), 'OK');
    subscriber.disconnect();
  },
);

testJob(
  'a client-side cache is told which of its keys changed, by redirection',
  async (client, server) => {
    const listener = connect(server);
    const gone = [];
    listener.on('messageBuffer', (_, keys) => gone.push(String(keys)));
    const id = await listener.client('ID');
    await listener.subscribe('__redis__:invalidate');
    const reader = connect(server);
    assert.equal(await reader.call('CLIENT', 'TRACKING', 'ON', 'REDIRECT', id), 'OK');
    await client.mset('a', 1, 'b', 2);
    await reader.mget('a', 'b');
    await client.set('a', 'new');
    await eventually(() => gone.length === 1, 'an invalidation');
    assert.deepEqual(gone, ['a']);
    await client.set('a', 'newer'); // not read since: no second message
    await client.del('b');
    await eventually(() => gone.length === 2, 'an invalidation');
    assert.deepEqual(gone, ['a', 'b']);
    assert.equal(await reader.client('GETREDIR'), id);
    listener.disconnect();
    reader.disconnect();
  },
);

testJob(
  'commands collected by themselves into pipelines are answered in order',
  async (client) => {
    const values = await Promise.all(
      Array.from({ length: 20000 }, (_, i) =>
        client.incr('counter').then((value) => {
          assert.equal(value, i + 1);
          return value;
        }),
      ),
    );
    assert.equal(values.length, 20000);
  },
  { enableAutoPipelining: true },
);

testJob('a pipeline of 100,000 commands is answered in order', async (client) => {
  const pipeline = client.pipeline();
  for (let i = 0; i < 50000; i += 1) pipeline.set(`key:${i}`, i).get(`key:${i >> 1}`);
  const replies = await pipeline.exec();
  assert.equal(replies.length, 100000);
  for (let i = 0; i < 50000; i += 1) {
    assert.deepEqual(replies[2 * i], [null, 'OK']);
    assert.deepEqual(replies[2 * i + 1], [null, String(i >> 1)]);
  }
});

testJob('keys and values keep every byte, a value of 100 MB too', async (client) => {
  const every = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  await client.set(every, every);
  assert.deepEqual(await client.getBuffer(every), every);
  assert.deepEqual(await client.keysBuffer('*'), [every]);
  const big = Buffer.alloc(100 * MEGABYTE, every);
  await client.set('big', big);
  assert.ok(big.equals(await client.getBuffer('big')), 'the value read is not the value written');
  assert.deepEqual(await client.getrangeBuffer('big', 256, 511), every);
});

testJob('a stream of SCAN returns every key while others are written', async (client, server) => {
  const lasting = Array.from({ length: 3000 }, (_, i) => `lasting:${i}`);
  await client.mset(lasting.flatMap((key) => [key, 1]));
  const writer = connect(server);
  let stop = false;
  const churn = (async () => {
    while (!stop) {
      const passing = Array.from({ length: 5000 }, (_, i) => `passing:${i}`);
      await writer.mset(passing.flatMap((key) => [key, 1]));
      await writer.del(passing);
    }
  })();
  const seen = new Set();
  for await (const keys of client.scanStream({ match: 'lasting:*', count: 50 }))
    keys.forEach((key) => seen.add(key));
  stop = true;
  await churn;
  assert.equal(seen.size, lasting.length);
  writer.disconnect();
});

testJob(
  'a transaction reports the error of one command beside the results of the others',
  async (client) => {
    await client.set('word', 'x');
    const [first, second, third] = await client.multi().set('a', 1).incr('word').get('a').exec();
    assert.deepEqual(
      [first, third],
      [
        [null, 'OK'],
        [null, '1'],
      ],
    );
    assert.match(second[0].message, /^ERR value is not an integer or out of range/);
    await assert.rejects(
      client.multi().set('a', 2).call('SET', 'b').exec(),
      /EXECABORT|wrong number of arguments/,
    );
    assert.equal(await client.get('a'), '1');
  },
);

testJob('MONITOR shows what others do', async (client) => {
  const seen = [];
  // ioredis fails when a shown command reaches it together with the OK of MONITOR, so all
  // that are connected have sent what they send at the beginning.
  const monitor = await client.monitor();
  monitor.on('monitor', (_, args, source, database) => seen.push([database, ...args]));
  await client.set('watched', 'value');
  await eventually(
    () => seen.some((line) => line.join(' ') === '0 set watched value'),
    'the command',
  );
  monitor.disconnect();
});

test('a password, a name and a database are set while connecting', async () => {
  const own = new Server('--requirepass', 'open sesame');
  await own.start();
  try {
    const client = connect(own, { password: 'open sesame', connectionName: 'worker', db: 5 });
    await client.set('a', 1);
    assert.match(await client.client('INFO'), /name=worker .* db=5 /);
    const stranger = connect(own, { enableReadyCheck: false, maxRetriesPerRequest: 0 });
    await assert.rejects(stranger.get('a'), /NOAUTH Authentication required/);
    client.disconnect();
    stranger.disconnect();
  } finally {
    await own.remove();
  }
});

runTests();
