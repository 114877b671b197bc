#!/usr/bin/env node
// What people keep in collections, done with Node's client `redis`, in RESP2 and RESP3.
// test-options: timeout=240
'use strict';

const assert = require('node:assert/strict');
const { client: need, runTests, test } = require('./support/holdfast.js');
const { addCollectionJobs } = require('./support/collection_jobs.js');

const redis = need('redis');

const PROTOCOLS = [2, 3];

const membersOf = (scores) => Object.entries(scores).map(([value, score]) => ({ value, score }));
const scored = (members) => members.map(({ value, score }) => [value, score]);
const entryOf = ({ id, message }) => [id, { ...message }];

function pairsOf(flat) {
  const pairs = [];
  for (let i = 0; i < flat.length; i += 2) pairs.push([flat[i], flat[i + 1]]);
  return Object.fromEntries(pairs);
}

// What XREAD found as [[key, id, fields]]. In RESP3 the client hands out the map as it came.
function readEntries(reply) {
  if (reply === null) return [];
  if (Array.isArray(reply))
    return reply.flatMap(({ name, messages }) =>
      messages.map((entry) => [name, ...entryOf(entry)]),
    );
  return Object.entries(reply).flatMap(([name, entries]) =>
    entries.map(([id, flat]) => [name, id, pairsOf(flat)]),
  );
}

function searchArguments(from, by) {
  const center = Array.isArray(from) ? { longitude: from[0], latitude: from[1] } : from;
  return [center, { ...by, unit: 'km' }];
}

function scanOptions({ match, count }) {
  return { ...(match && { MATCH: match }), ...(count && { COUNT: count }) };
}

async function* pages(iterator, shape) {
  for await (const page of iterator) yield page.map(shape);
}

// The connection that ./support/collection_jobs.js describes.
class Adapter {
  static async connect(server, RESP) {
    const adapter = new Adapter();
    const url = `redis://127.0.0.1:${server.port}`;
    adapter.client = redis.createClient({ url, RESP, unstableResp3: true }); // for XREAD
    adapter.client.on('error', () => {}); // a lost connection shows in the commands that fail
    await adapter.client.connect();
    return adapter;
  }

  empty = () => this.client.flushAll();
  clientId = () => this.client.clientId();
  clientKill = (id) => this.client.clientKill({ filter: 'ID', id });
  exists = (key) => this.client.exists(key);
  expire = (key, seconds) => this.client.expire(key, seconds);
  ttl = (key) => this.client.ttl(key);

  async close() {
    if (this.client.isOpen) this.client.destroy();
  }

  async blockedClients() {
    return Number((await this.client.info('clients')).match(/blocked_clients:(\d+)/)[1]);
  }

  lPush = (key, values) => this.client.lPush(key, values);
  lRange = (key) => this.client.lRange(key, 0, -1);
  lRem = (key, value) => this.client.lRem(key, 1, value);
  lMove = (...args) => this.client.lMove(...args);
  blMove = (...args) => this.client.blMove(...args);

  zIncrBy = (key, by, name) => this.client.zIncrBy(key, by, name);
  zRevRank = (key, name) => this.client.zRevRank(key, name);
  zRem = (key, names) => this.client.zRem(key, names);

  zAddGreater(key, scores) {
    return this.client.zAdd(key, membersOf(scores), { comparison: 'GT', CH: true });
  }

  async zTop(key, first, last) {
    return scored(await this.client.zRangeWithScores(key, first, last, { REV: true }));
  }

  zByScore(key, low, high, offset, count) {
    return this.client.zRange(key, low, high, { BY: 'SCORE', LIMIT: { offset, count } });
  }

  zUnionStore(to, weights, aggregate) {
    const keys = Object.entries(weights).map(([key, weight]) => ({ key, weight }));
    return this.client.zUnionStore(to, keys, { AGGREGATE: aggregate });
  }

  hSet = (key, fields) => this.client.hSet(key, fields);
  hGetAll = async (key) => ({ ...(await this.client.hGetAll(key)) });
  hIncrBy = (key, field, by) => this.client.hIncrBy(key, field, by);
  hDel = (key, fields) => this.client.hDel(key, fields);
  hExpire = (key, fields, seconds, mode) => this.client.hExpire(key, fields, seconds, mode);
  hPExpire = (key, fields, ms) => this.client.hpExpire(key, fields, ms);
  hTtl = (key, fields) => this.client.hTTL(key, fields);
  hPersist = (key, fields) => this.client.hPersist(key, fields);

  sAdd = (key, members) => this.client.sAdd(key, members);
  sRem = (key, members) => this.client.sRem(key, members);

  geoAdd(key, places) {
    return this.client.geoAdd(
      key,
      Object.entries(places).map(([member, [longitude, latitude]]) => ({
        member,
        longitude,
        latitude,
      })),
    );
  }

  async geoSearch(key, from, by, count) {
    const options = { SORT: 'ASC', ...(count && { COUNT: count }) };
    const search = searchArguments(from, by);
    const found = await this.client.geoSearchWith(key, ...search, ['WITHDIST'], options);
    return found.map(({ member, distance }) => [member, Number(distance)]);
  }

  geoSearchStore(to, key, from, by) {
    return this.client.geoSearchStore(to, key, ...searchArguments(from, by), { STOREDIST: true });
  }

  xAdd = (key, fields) => this.client.xAdd(key, '*', fields);
  xDel = (key, id) => this.client.xDel(key, id);
  xLen = (key) => this.client.xLen(key);
  xAck = (key, group, id) => this.client.xAck(key, group, id);
  xGroupCreate = (key, group) => this.client.xGroupCreate(key, group, '0', { MKSTREAM: true });

  async xRead(last, blockMs, count) {
    const streams = Object.entries(last).map(([key, id]) => ({ key, id }));
    return readEntries(await this.client.xRead(streams, { BLOCK: blockMs, COUNT: count }));
  }

  async xReadGroup(key, group, consumer, blockMs, count) {
    const options = { BLOCK: blockMs, COUNT: count };
    const reply = await this.client.xReadGroup(group, consumer, { key, id: '>' }, options);
    return readEntries(reply).map(([, ...entry]) => entry);
  }

  async xAutoClaim(key, group, consumer, idleMs, start, count) {
    const options = { COUNT: count };
    const reply = await this.client.xAutoClaim(key, group, consumer, idleMs, start, options);
    const { nextId, messages, deletedMessages } = reply;
    return { next: nextId, entries: messages.map(entryOf), deleted: deletedMessages };
  }

  async xPending(key, group) {
    const { consumers } = await this.client.xPending(key, group);
    return Object.fromEntries(
      (consumers || []).map(({ name, deliveriesCounter }) => [name, deliveriesCounter]),
    );
  }

  hScan(key, options) {
    const iterator = this.client.hScanIterator(key, scanOptions(options));
    return pages(iterator, ({ field, value }) => [field, value]);
  }

  sScan(key, options) {
    return pages(this.client.sScanIterator(key, scanOptions(options)), (member) => member);
  }

  zScan(key, options) {
    const iterator = this.client.zScanIterator(key, scanOptions(options));
    return pages(iterator, ({ value, score }) => [value, score]);
  }
}

for (const RESP of PROTOCOLS) {
  addCollectionJobs((server) => Adapter.connect(server, RESP), ` (RESP${RESP})`);

  test(`maps, sets and doubles come as the types asked for (RESP${RESP})`, async (server) => {
    const adapter = await Adapter.connect(server, RESP);
    try {
      await adapter.empty();
      const { client } = adapter;
      const { MAP, SET, DOUBLE, BLOB_STRING } = redis.RESP_TYPES;
      const typed = client.withTypeMapping({ [MAP]: Map, [SET]: Set, [DOUBLE]: String });
      await client.hSet('hash', { b: '1', a: '2' });
      await client.sAdd('set', ['x', 'y']);
      await client.zAdd('zset', { value: 'm', score: 0.5 });
      assert.deepEqual(await typed.hGetAll('hash'), new Map(Object.entries({ b: '1', a: '2' })));
      const members = await typed.sMembers('set');
      assert.deepEqual(new Set(members), new Set(['x', 'y']));
      assert.equal(members instanceof Set, RESP === 3);
      assert.equal(await typed.zScore('zset', 'm'), '0.5');
      assert.equal(await client.zScore('zset', 'm'), 0.5);
      assert.equal(await client.zIncrBy('zset', -Infinity, 'm'), -Infinity);
      const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
      const buffers = client.withTypeMapping({ [BLOB_STRING]: Buffer });
      await client.rPush('list', bytes);
      assert.deepEqual(await buffers.lRange('list', 0, -1), [bytes]);
    } finally {
      await adapter.close();
    }
  });
}

runTests();
