#!/usr/bin/env node
// What people keep in collections, done with Node's client `ioredis`.
// test-options: timeout=240
'use strict';

const assert = require('node:assert/strict');
const { client: need, runTests, test } = require('./support/holdfast.js');
const { addCollectionJobs } = require('./support/collection_jobs.js');

const { Redis } = need('ioredis');

// [a, b, c, d] as [[a, b], [c, d]].
function inPairs(flat) {
  const pairs = [];
  for (let i = 0; i < flat.length; i += 2) pairs.push([flat[i], flat[i + 1]]);
  return pairs;
}

const fieldsOf = ([id, flat]) => [id, Object.fromEntries(inPairs(flat))];
const membersOf = (scores) => Object.entries(scores).flatMap(([name, score]) => [score, name]);
const scored = (flat) => inPairs(flat).map(([name, score]) => [name, Number(score)]);

function searchArguments(from, by) {
  const center = Array.isArray(from) ? ['FROMLONLAT', ...from] : ['FROMMEMBER', from];
  const shape = by.radius ? ['BYRADIUS', by.radius] : ['BYBOX', by.width, by.height];
  return [...center, ...shape, 'km'];
}

function scanOptions({ match, count }) {
  return { ...(match && { match }), ...(count && { count }) };
}

async function* pages(stream, shape) {
  for await (const flat of stream) yield shape(flat);
}

// The connection that ./support/collection_jobs.js describes.
class Adapter {
  constructor(server) {
    this.client = new Redis(server.port, '127.0.0.1', { retryStrategy: () => 50 });
    this.client.on('error', () => {}); // a lost connection shows in the commands that fail
  }

  empty = () => this.client.flushall();
  close = async () => this.client.disconnect();
  clientId = () => this.client.client('ID');
  clientKill = (id) => this.client.client('KILL', 'ID', id);
  exists = (key) => this.client.exists(key);
  expire = (key, seconds) => this.client.expire(key, seconds);
  ttl = (key) => this.client.ttl(key);

  async blockedClients() {
    return Number((await this.client.info('clients')).match(/blocked_clients:(\d+)/)[1]);
  }

  lPush = (key, values) => this.client.lpush(key, values);
  lRange = (key) => this.client.lrange(key, 0, -1);
  lRem = (key, value) => this.client.lrem(key, 1, value);
  lMove = (...args) => this.client.lmove(...args);
  blMove = (...args) => this.client.blmove(...args);

  zAddGreater = (key, scores) => this.client.zadd(key, 'GT', 'CH', ...membersOf(scores));
  zIncrBy = async (key, by, name) => Number(await this.client.zincrby(key, by, name));
  zRevRank = (key, name) => this.client.zrevrank(key, name);
  zRem = (key, names) => this.client.zrem(key, names);

  async zTop(key, first, last) {
    return scored(await this.client.zrange(key, first, last, 'REV', 'WITHSCORES'));
  }

  zByScore(key, low, high, offset, count) {
    return this.client.zrange(key, low, high, 'BYSCORE', 'LIMIT', offset, count);
  }

  zUnionStore(to, weights, aggregate) {
    const keys = Object.keys(weights);
    const values = Object.values(weights);
    const options = ['WEIGHTS', ...values, 'AGGREGATE', aggregate];
    return this.client.zunionstore(to, keys.length, ...keys, ...options);
  }

  hSet = (key, fields) => this.client.hset(key, fields);
  hGetAll = (key) => this.client.hgetall(key);
  hIncrBy = (key, field, by) => this.client.hincrby(key, field, by);
  hDel = (key, fields) => this.client.hdel(key, ...fields);
  hPExpire = (key, fields, ms) => this.client.hpexpire(key, ms, 'FIELDS', fields.length, ...fields);
  hTtl = (key, fields) => this.client.httl(key, 'FIELDS', fields.length, ...fields);
  hPersist = (key, fields) => this.client.hpersist(key, 'FIELDS', fields.length, ...fields);

  hExpire(key, fields, seconds, mode) {
    const options = [...(mode ? [mode] : []), 'FIELDS', fields.length];
    return this.client.hexpire(key, seconds, ...options, ...fields);
  }

  sAdd = (key, members) => this.client.sadd(key, members);
  sRem = (key, members) => this.client.srem(key, members);

  geoAdd(key, places) {
    const flat = Object.entries(places).flatMap(([name, place]) => [...place, name]);
    return this.client.geoadd(key, ...flat);
  }

  async geoSearch(key, from, by, count) {
    const options = ['ASC', ...(count ? ['COUNT', count] : []), 'WITHDIST'];
    const found = await this.client.geosearch(key, ...searchArguments(from, by), ...options);
    return found.map(([name, distance]) => [name, Number(distance)]);
  }

  geoSearchStore(to, key, from, by) {
    return this.client.geosearchstore(to, key, ...searchArguments(from, by), 'STOREDIST');
  }

  xAdd = (key, fields) => this.client.xadd(key, '*', ...Object.entries(fields).flat());
  xDel = (key, id) => this.client.xdel(key, id);
  xLen = (key) => this.client.xlen(key);
  xAck = (key, group, id) => this.client.xack(key, group, id);
  xGroupCreate = (key, group) => this.client.xgroup('CREATE', key, group, '0', 'MKSTREAM');

  async xRead(last, blockMs, count) {
    const streams = ['STREAMS', ...Object.keys(last), ...Object.values(last)];
    const reply = await this.client.xread('COUNT', count, 'BLOCK', blockMs, ...streams);
    return (reply || []).flatMap(([key, entries]) =>
      entries.map((entry) => [key, ...fieldsOf(entry)]),
    );
  }

  async xReadGroup(key, group, consumer, blockMs, count) {
    const options = ['COUNT', count, 'BLOCK', blockMs, 'STREAMS', key, '>'];
    const reply = await this.client.xreadgroup('GROUP', group, consumer, ...options);
    return reply ? reply[0][1].map(fieldsOf) : [];
  }

  async xAutoClaim(key, group, consumer, idleMs, start, count) {
    const options = [idleMs, start, 'COUNT', count];
    const [next, entries, deleted] = await this.client.xautoclaim(key, group, consumer, ...options);
    return { next, entries: entries.map(fieldsOf), deleted };
  }

  async xPending(key, group) {
    const [, , , consumers] = await this.client.xpending(key, group);
    return Object.fromEntries((consumers || []).map(([name, pending]) => [name, Number(pending)]));
  }

  hScan = (key, options) => pages(this.client.hscanStream(key, scanOptions(options)), inPairs);
  sScan = (key, options) =>
    pages(this.client.sscanStream(key, scanOptions(options)), (flat) => flat);
  zScan = (key, options) => pages(this.client.zscanStream(key, scanOptions(options)), scored);
}

addCollectionJobs(async (server) => new Adapter(server));

test('a pipeline of all types is answered in order, bytes as they were', async (server) => {
  const adapter = new Adapter(server);
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  try {
    await adapter.empty();
    const replies = await adapter.client
      .pipeline()
      .hset('hash', bytes, bytes)
      .hgetallBuffer('hash')
      .rpush('list', bytes, 'b')
      .lpopBuffer('list')
      .sadd('set', bytes)
      .smembersBuffer('set')
      .zadd('zset', 'inf', bytes, '-inf', 'low')
      .zrangeBuffer('zset', 0, -1, 'WITHSCORES')
      .xadd('stream', '1-1', bytes, bytes)
      .xrangeBuffer('stream', '-', '+')
      .lpush('hash', 'x')
      .exec();
    const [text, wrong] = [(value) => Buffer.from(value), replies.pop()];
    assert.deepEqual(
      replies.map(([error, reply]) => error || reply),
      [
        1,
        { [bytes.toString()]: bytes },
        2,
        bytes,
        1,
        [bytes],
        2,
        [text('low'), text('-inf'), bytes, text('inf')],
        '1-1',
        [[text('1-1'), [bytes, bytes]]],
      ],
    );
    assert.match(wrong[0].message, /^WRONGTYPE /);
  } finally {
    await adapter.close();
  }
});

runTests();
