#!/usr/bin/env node
// Realistic jobs done with Node's client `redis`, in RESP2 and RESP3.
// test-options: timeout=240
'use strict';

const assert = require('node:assert/strict');
const { client: need, eventually, runTests, sleep, test } = require('./support/holdfast.js');

const redis = need('redis');

const MEGABYTE = 1024 * 1024;
const PROTOCOLS = [2, 3];

// Runs `job` with a connected client on an empty server; what `job` opens, it closes.
async function withClient(server, options, job) {
  const client = redis.createClient({ url: `redis://127.0.0.1:${server.port}`, ...options });
  client.on('error', () => {}); // a lost connection shows in the commands that fail
  await client.connect();
  try {
    await client.flushAll();
    return await job(client);
  } finally {
    client.destroy();
  }
}

// The same test in both protocols.
function testBoth(sentence, job) {
  for (const RESP of PROTOCOLS) {
    test(`${sentence} (RESP${RESP})`, (server) =>
      withClient(server, { RESP }, (client) => job(client, server)));
  }
}

testBoth('a cache answers from memory until the time of an entry is over', async (client) => {
  const computed = [];
  const price = async (name, ms) => {
    const found = await client.get(`price:${name}`);
    if (found !== null) return Number(found);
    computed.push(name);
    await client.set(`price:${name}`, name.length, { expiration: { type: 'PX', value: ms } });
    return name.length;
  };
  assert.deepEqual([await price('apple', 60000), await price('apple', 60000)], [5, 5]);
  assert.deepEqual(computed, ['apple']);
  const ttl = await client.pTTL('price:apple');
  assert.ok(ttl > 0 && ttl <= 60000, `time to live ${ttl}`);
  await price('fig', 30);
  await eventually(async () => (await client.get('price:fig')) === null, 'the end of an entry');
  assert.deepEqual(await client.mGet(['price:apple', 'price:fig']), ['5', null]);
});

testBoth(
  'a lock is taken with SET NX PX and released by its owner only',
  async (client, server) => {
    const take = (token) =>
      client.set('lock', token, { condition: 'NX', expiration: { type: 'PX', value: 60000 } });
    const newer = !(await server.isReference());
    const release = async (token) => {
      return newer
        ? (await client.sendCommand(['DELIFEQ', 'lock', token])) === 1
        : releaseByWatch(client, token);
    };
    assert.equal(await take('mine'), 'OK');
    assert.equal(await take('theirs'), null);
    assert.equal(await release('theirs'), false);
    assert.equal(await client.get('lock'), 'mine');
    assert.equal(await release('mine'), true);
    assert.equal(await take('theirs'), 'OK');
  },
);

async function releaseByWatch(client, token) {
  await client.watch('lock');
  if ((await client.get('lock')) !== token) {
    await client.unwatch();
    return false;
  }
  return (await client.multi().del('lock').exec())[0] === 1;
}

testBoth(
  'a rate limiter lets exactly its limit through, from eight connections',
  async (client, server) => {
    const visitors = await Promise.all(
      Array.from({ length: 8 }, async () => {
        const own = client.duplicate();
        own.on('error', () => {});
        return own.connect();
      }),
    );
    const passed = await Promise.all(
      visitors.map(async (own) => {
        let count = 0;
        for (let i = 0; i < 40; i += 1) {
          const [total] = await own.multi().incr('rate').expire('rate', 60, 'NX').exec();
          if (total <= 100) count += 1;
        }
        return count;
      }),
    );
    assert.equal(
      passed.reduce((sum, count) => sum + count),
      100,
    );
    assert.equal(await client.get('rate'), '320');
    visitors.forEach((own) => own.destroy());
  },
);

testBoth('a WATCH loop with eight contenders loses no update', async (client) => {
  await client.set('counter', 0);
  const contend = async () => {
    const own = await client
      .duplicate()
      .on('error', () => {})
      .connect();
    for (let done = 0; done < 50;) {
      await own.watch('counter');
      const value = Number(await own.get('counter'));
      try {
        await own
          .multi()
          .set('counter', value + 1)
          .exec();
        done += 1;
      } catch (error) {
        if (!(error instanceof redis.WatchError)) throw error;
      }
    }
    own.destroy();
  };
  await Promise.all(Array.from({ length: 8 }, contend));
  assert.equal(await client.get('counter'), '400');
});

testBoth('messages reach subscribers of channels, patterns and shard channels', async (client) => {
  const subscriber = await client
    .duplicate()
    .on('error', () => {})
    .connect();
  const heard = [];
  await subscriber.subscribe('news', (message) => heard.push(`news ${message}`));
  await subscriber.pSubscribe('weather.*', (message, channel) =>
    heard.push(`${channel} ${message}`),
  );
  await subscriber.sSubscribe('shard', (message) => heard.push(`shard ${message}`));
  assert.equal(await client.publish('news', 'one'), 1);
  assert.equal(await client.publish('weather.coast', 'rain'), 1);
  assert.equal(await client.sPublish('shard', 'two'), 1);
  assert.equal(await client.publish('nobody', 'x'), 0);
  await eventually(() => heard.length === 3, 'three messages');
  assert.deepEqual(heard, ['news one', 'weather.coast rain', 'shard two']);
  assert.deepEqual(await client.pubSubChannels(), ['news']);
  assert.deepEqual({ ...(await client.pubSubNumSub(['news', 'none'])) }, { news: 1, none: 0 });
  assert.equal(await client.pubSubNumPat(), 1);
  await subscriber.unsubscribe('news');
  assert.equal(await client.publish('news', 'gone'), 0);
  subscriber.destroy();
});

test('a subscriber of RESP3 sends commands between messages', (server) =>
  withClient(server, { RESP: 3 }, async (client) => {
    const heard = [];
    await client.subscribe('news', (message) => heard.push(message));
    for (let i = 0; i < 100; i += 1) {
      await client.set('a', i);
      assert.equal(await client.publish('news', String(i)), 1);
      assert.equal(await client.get('a'), String(i));
    }
    await eventually(() => heard.length === 100, 'a hundred messages');
    assert.deepEqual(
      heard,
      Array.from({ length: 100 }, (_, i) => String(i)),
    );
  }));

testBoth(
  'a client comes back after the server was restarted, its subscriptions too',
  async (client, server) => {
    const heard = [];
    const subscriber = await client
      .duplicate()
      .on('error', () => {})
      .connect();
    await subscriber.subscribe('news', (message) => heard.push(message));
    await server.restart();
    await eventually(() => client.isReady && subscriber.isReady, 'the reconnection');
    await eventually(
      async () => (await client.publish('news', 'after')) === 1 && heard.includes('after'),
      'a message',
    );
    assert.equal(await client.set('a', 1), 'OK');
    subscriber.destroy();
  },
);

test('a client-side cache stays right while others write', async (server) => {
  const cache = new redis.BasicClientSideCache({ ttl: 0, maxEntries: 0, evictPolicy: 'LRU' });
  await withClient(server, { RESP: 3, clientSideCache: cache }, async (client) => {
    await withClient(server, { RESP: 3 }, async (writer) => {
      await writer.mSet({ a: '1', b: '2' });
      for (let i = 0; i < 10; i += 1) {
        assert.deepEqual([await client.get('a'), await client.get('b')], ['1', '2']);
      }
      assert.ok(cache.stats().hitCount >= 18, `hits: ${cache.stats().hitCount}`);
      for (let i = 0; i < 50; i += 1) {
        await writer.set('a', `new ${i}`);
        await eventually(async () => (await client.get('a')) === `new ${i}`, 'the new value');
      }
      assert.equal(await client.get('b'), '2');
      await writer.flushAll();
      await eventually(async () => (await client.get('b')) === null, 'the end of the flushed key');
    });
  });
});

testBoth('keyspace notifications tell what happens to keys', async (client) => {
  const subscriber = await client
    .duplicate()
    .on('error', () => {})
    .connect();
  const events = [];
  await client.configSet('notify-keyspace-events', 'KEA');
  await subscriber.pSubscribe('__keyevent@0__:*', (key, channel) =>
    events.push(`${channel.slice(15)} ${key}`),
  );
  await client.set('a', '1');
  await client.incrBy('a', 5);
  await client.rename('a', 'b');
  await client.del('b');
  await client.set('short', '1', { expiration: { type: 'PX', value: 20 } });
  await eventually(() => events.includes('expired short'), 'the event of expiry');
  await client.configSet('notify-keyspace-events', '');
  assert.deepEqual(events, [
    'set a',
    'incrby a',
    'rename_from a',
    'rename_to b',
    'del b',
    'set short',
    'expire short',
    'expired short',
  ]);
  subscriber.destroy();
});

testBoth('100,000 commands sent at once are answered in order', async (client) => {
  const replies = [];
  for (let i = 0; i < 50000; i += 1)
    replies.push(client.set(`key:${i}`, i), client.get(`key:${i >> 1}`));
  const values = await Promise.all(replies);
  for (let i = 0; i < 50000; i += 1) {
    assert.equal(values[2 * i], 'OK');
    assert.equal(values[2 * i + 1], String(i >> 1));
  }
  assert.equal(await client.dbSize(), 50000);
});

testBoth('keys and values keep every byte, a value of 100 MB too', async (client) => {
  const buffers = client.withTypeMapping({ [redis.RESP_TYPES.BLOB_STRING]: Buffer });
  const every = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  await client.set(every, every);
  assert.deepEqual(await buffers.get(every), every);
  assert.deepEqual(await buffers.keys('*'), [every]);
  const big = Buffer.alloc(100 * MEGABYTE, every);
  await client.set('big', big);
  assert.equal(await client.strLen('big'), big.length);
  assert.ok(big.equals(await buffers.get('big')), 'the value read is not the value written');
});

testBoth('SCAN returns every key while others are written', async (client) => {
  const lasting = Array.from({ length: 3000 }, (_, i) => `lasting:${i}`);
  await client.mSet(lasting.flatMap((key) => [key, '1']));
  const writer = await client
    .duplicate()
    .on('error', () => {})
    .connect();
  let stop = false;
  const churn = (async () => {
    while (!stop) {
      const passing = Array.from({ length: 5000 }, (_, i) => `passing:${i}`);
      await writer.mSet(passing.flatMap((key) => [key, '1']));
      await writer.unlink(passing);
    }
  })();
  const seen = new Set();
  for await (const keys of client.scanIterator({ COUNT: 50 })) keys.forEach((key) => seen.add(key));
  stop = true;
  await churn;
  assert.deepEqual(
    lasting.filter((key) => !seen.has(key)),
    [],
  );
  writer.destroy();
});

testBoth('errors of the server become rejections, inside a transaction too', async (client) => {
  await client.set('word', 'x');
  await assert.rejects(client.incr('word'), /^Error: ERR value is not an integer or out of range/);
  await assert.rejects(client.sendCommand(['NOSUCH', 'a']), /unknown command 'NOSUCH'/);
  await assert.rejects(client.sendCommand(['GET']), /wrong number of arguments for 'get' command/);
  await assert.rejects(client.multi().set('a', '1').incr('word').exec(), redis.MultiErrorReply);
  assert.equal(await client.get('a'), '1');
  await assert.rejects(client.multi().set('a', '2').addCommand(['SET', 'b']).exec());
  assert.equal(await client.get('a'), '1');
});

testBoth(
  'INFO, CONFIG, CLIENT and COMMAND are understood by the client',
  async (client, server) => {
    assert.match(await client.info('server'), new RegExp(`tcp_port:${server.port}\r\n`));
    assert.deepEqual({ ...(await client.configGet('maxclients')) }, { maxclients: '10000' });
    await client.clientSetName('inspector');
    assert.equal((await client.clientInfo()).name, 'inspector');
    assert.ok((await client.clientList()).some((entry) => entry.name === 'inspector'));
    const commands = await client.command();
    assert.ok(commands.length > 80, `${commands.length} commands`);
    assert.equal(commands.find((command) => command.name === 'get').arity, 2);
    assert.deepEqual(await client.commandGetKeys(['MSET', 'a', '1', 'b', '2']), ['a', 'b']);
    assert.equal(await client.objectEncoding('none'), null);
  },
);

test('a blocked pause of a client ends and its commands run in order', (server) =>
  withClient(server, {}, async (client) => {
    const other = await client
      .duplicate()
      .on('error', () => {})
      .connect();
    await client.clientPause(100, 'WRITE');
    const order = [];
    const write = other.set('a', '1').then(() => order.push('write'));
    await client.get('a').then(() => order.push('read'));
    await write;
    await sleep(0);
    assert.deepEqual(order, ['read', 'write']);
    other.destroy();
  }));

runTests();
