// What people keep in collections, as jobs that any Node client can do: the program of a client
// gives an adapter, and `addCollectionJobs` adds a test a job.
//
// An adapter is one connection. Its methods bear the names of commands and go through the client's
// own methods for them; what they take and return is alike for all clients:
//     empty(), close(), clientId(), clientKill(id), blockedClients()
//     lPush(key, values), lRange(key), lRem(key, value),
//     lMove(from, to, fromEnd, toEnd), blMove(from, to, fromEnd, toEnd, seconds)
//     zAddGreater(key, {name: score}) -> how many changed, zIncrBy(key, by, name) -> score,
//     zTop(key, first, last) -> [[name, score]], zRevRank(key, name),
//     zByScore(key, low, high, offset, count) -> [name], zUnionStore(to, {key: weight}, aggregate)
//     hSet(key, fields), hGetAll(key) -> fields, hIncrBy(key, field, by), exists(key),
//     expire(key, seconds), ttl(key), hExpire(key, fields, seconds, mode),
//     hPExpire(key, fields, ms), hTtl(key, fields), hPersist(key, fields)
//     geoAdd(key, {name: [longitude, latitude]}),
//     geoSearch(key, from, by, count) -> [[name, distance]], nearest first,
//     geoSearchStore(to, key, from, by) -> how many (with distances)
//         from: a name or [longitude, latitude]; by: {radius} or {width, height}; all in km
//     xAdd(key, fields) -> id, xDel(key, id), xLen(key),
//     xRead({key: id}, blockMs, count) -> [[key, id, fields]], xGroupCreate(key, group),
//     xReadGroup(key, group, consumer, blockMs, count) -> [[id, fields]], xAck(key, group, id),
//     xAutoClaim(key, group, consumer, idleMs, start, count) -> {next, entries, deleted},
//     xPending(key, group) -> {consumer: count}
//     sAdd(key, members), sRem(key, members), hDel(key, fields), zRem(key, names)
//     hScan(key, options), sScan(...), zScan(...) -> an async iterator of pages: [[field, value]],
//         [member], [[name, score]]; options: {match, count}
'use strict';

const assert = require('node:assert/strict');
const { eventually, sleep, test } = require('./holdfast.js');

const JOBS = 400;
const WORKERS = 4;
const READ_ERRORS_MAX = 5; // of a follower whose connection is killed once

const range = (count, make = (i) => i) => Array.from({ length: count }, (_, i) => make(i));
const numbers = (texts) => texts.map(Number).sort((a, b) => a - b);

// The same "random" numbers of [0, 1) in every run.
function generator(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

// The highest score first, as ZRANGE REV orders it: names with one score backwards, too.
function ranking(scores) {
  return Object.entries(scores).sort(([nameA, a], [nameB, b]) => b - a || (nameA < nameB ? 1 : -1));
}

async function eventuallyBlocked(client, count) {
  await eventually(
    async () => (await client.blockedClients()) === count,
    `that ${count} clients wait`,
  );
}

const jobs = [];

// A job gets an empty server and a connection; what it opens besides is closed for it.
function job(sentence, run, needed) {
  jobs.push({ sentence, run, needed });
}

function addCollectionJobs(connect, sentenceEnd = '') {
  for (const { sentence, run, needed } of jobs) {
    test(`${sentence}${sentenceEnd}`, async (server) => {
      if (needed) await server.needCommand(needed);
      const opened = [];
      const open = async () => {
        opened.push(await connect(server));
        return opened.at(-1);
      };
      try {
        const client = await open();
        await client.empty();
        await run(client, open);
      } finally {
        await Promise.all(opened.map((each) => each.close()));
      }
    });
  }
}

// --- queues --------------------------------------------------------------------------------------

job(
  'a queue with BLMOVE: each job is done once, also that of a worker who died',
  async (client, open) => {
    const doomed = await open();
    await client.lPush('jobs', ['lost']);
    assert.equal(await doomed.blMove('jobs', 'running:doomed', 'RIGHT', 'LEFT', 5), 'lost');
    await doomed.close();

    const work = async (index) => {
      const own = await open();
      const running = `running:${index}`;
      const done = [];
      for (;;) {
        const next = await own.blMove('jobs', running, 'RIGHT', 'LEFT', 30);
        if (next !== 'end') done.push(next);
        assert.equal(await own.lRem(running, next), 1);
        if (next === 'end') return done;
      }
    };
    const workers = range(WORKERS, work);
    await eventuallyBlocked(client, WORKERS);
    for (let i = 0; i < JOBS; i += 1) await client.lPush('jobs', [String(i)]);
    assert.equal(await client.lMove('running:doomed', 'jobs', 'RIGHT', 'RIGHT'), 'lost');
    await eventually(async () => (await client.lRange('jobs')).length === 0, 'the end of the jobs');
    await client.lPush(
      'jobs',
      range(WORKERS, () => 'end'),
    );
    const done = (await Promise.all(workers)).flat();
    assert.equal(done.filter((each) => each === 'lost').length, 1);
    assert.deepEqual(numbers(done.filter((each) => each !== 'lost')), range(JOBS));
    for (const key of ['jobs', 'running:doomed', ...range(WORKERS, (i) => `running:${i}`)])
      assert.equal(await client.exists(key), 0, key);
  },
);

job('a worker who dies while it waits takes no job along', async (client, open) => {
  const doomed = await open();
  const waiting = doomed.blMove('jobs', 'running', 'RIGHT', 'LEFT', 30).catch(() => 'died');
  await eventuallyBlocked(client, 1);
  await doomed.close();
  assert.equal(await waiting, 'died');
  await eventuallyBlocked(client, 0);
  await client.lPush('jobs', ['a']);
  assert.deepEqual(await client.lRange('jobs'), ['a']);
  assert.equal(await client.blMove('jobs', 'running', 'RIGHT', 'LEFT', 5), 'a');
  assert.equal(await client.blMove('jobs', 'running', 'RIGHT', 'LEFT', 0.02), null);
});

job(
  'a queue with a group: who died has its entries claimed, each is acknowledged once',
  async (client, open) => {
    await client.xGroupCreate('jobs', 'workers');
    const work = async (index) => {
      const own = await open();
      const done = [];
      for (let more = true; more;) {
        for (const [id, fields] of await own.xReadGroup('jobs', 'workers', `${index}`, 10000, 7)) {
          if (fields.number === 'end') more = false;
          else done.push(fields.number);
          assert.equal(await own.xAck('jobs', 'workers', id), 1);
        }
      }
      return done;
    };
    for (let i = 0; i < 20; i += 1) await client.xAdd('jobs', { number: String(i) });
    const doomed = await open();
    const lost = await doomed.xReadGroup('jobs', 'workers', 'doomed', 1000, 20);
    assert.deepEqual(
      lost.map(([, fields]) => Number(fields.number)),
      range(20),
    );
    await doomed.close();
    await client.xDel('jobs', lost[3][0]);

    const workers = range(WORKERS, work);
    await eventuallyBlocked(client, WORKERS);
    for (let i = 20; i < JOBS; i += 1) await client.xAdd('jobs', { number: String(i) });
    await eventually(
      async () => JSON.stringify(await client.xPending('jobs', 'workers')) === '{"doomed":20}',
      'that only the entries of the dead are left',
    );
    for (let i = 0; i < WORKERS; i += 1) {
      await client.xAdd('jobs', { number: 'end' });
      await eventuallyBlocked(client, WORKERS - 1 - i); // so that each worker gets one
    }
    const done = (await Promise.all(workers)).flat();
    const deleted = [];
    let start = '0-0';
    do {
      const claimed = await client.xAutoClaim('jobs', 'workers', 'heir', 0, start, 6);
      deleted.push(...claimed.deleted);
      for (const [id, fields] of claimed.entries) {
        done.push(fields.number);
        assert.equal(await client.xAck('jobs', 'workers', id), 1);
      }
      start = claimed.next;
    } while (start !== '0-0');
    assert.deepEqual(deleted, [lost[3][0]]);
    assert.deepEqual(numbers([...done, '3']), range(JOBS));
    assert.deepEqual(await client.xPending('jobs', 'workers'), {});
    assert.deepEqual(await client.xReadGroup('jobs', 'workers', 'heir', 20, 1), []);
  },
);

// --- a leaderboard -------------------------------------------------------------------------------

job('a leaderboard keeps the best score of each player and knows every rank', async (client) => {
  const random = generator(7);
  const best = {};
  for (let round = 0; round < 5; round += 1) {
    const tries = {};
    for (let i = 0; i < 500; i += 1) tries[`player:${i}`] = Math.floor(random() * 300);
    const better = Object.keys(tries).filter((name) => !(best[name] >= tries[name]));
    assert.equal(await client.zAddGreater('board', tries), better.length);
    better.forEach((name) => {
      best[name] = tries[name];
    });
  }
  for (let i = 0; i < 500; i += 10) {
    const name = `player:${i}`;
    best[name] += i % 3 === 0 ? 25 : -12.5;
    assert.equal(await client.zIncrBy('board', i % 3 === 0 ? 25 : -12.5, name), best[name]);
  }
  const order = ranking(best);
  assert.deepEqual(await client.zTop('board', 0, -1), order);
  assert.deepEqual(await client.zTop('board', 0, 9), order.slice(0, 10));
  const rank = await client.zRevRank('board', order[123][0]);
  assert.equal(rank, 123);
  assert.deepEqual(await client.zTop('board', rank - 2, rank + 2), order.slice(121, 126));
  assert.equal(await client.zRevRank('board', 'nobody'), null);
  const middle = order.filter(([, score]) => score > 100 && score <= 280).reverse();
  assert.ok(middle.length > 20, `${middle.length} in the middle`);
  assert.deepEqual(
    await client.zByScore('board', '(100', '280', 5, 10),
    middle.slice(5, 15).map(([name]) => name),
  );
  assert.equal((await client.zByScore('board', '-inf', '+inf', 0, -1)).length, 500);
});

job('the weeks of a leaderboard add up to its month', async (client) => {
  const random = generator(11);
  const weeks = range(4, () => ({}));
  const [sum, best] = [{}, {}];
  for (const [index, week] of weeks.entries()) {
    for (let i = 0; i < 200; i += 1) {
      const name = `player:${Math.floor(random() * 300)}`;
      week[name] = Math.floor(random() * 1000);
    }
    assert.equal(await client.zAddGreater(`week:${index}`, week), Object.keys(week).length);
    for (const [name, score] of Object.entries(week)) {
      sum[name] = (sum[name] || 0) + score * (index + 1);
      best[name] = Math.max(best[name] ?? 0, score);
    }
  }
  const weights = Object.fromEntries(weeks.map((_, index) => [`week:${index}`, index + 1]));
  const ones = Object.fromEntries(weeks.map((_, index) => [`week:${index}`, 1]));
  assert.equal(await client.zUnionStore('month', weights, 'SUM'), Object.keys(sum).length);
  assert.deepEqual(await client.zTop('month', 0, -1), ranking(sum));
  assert.equal(await client.zUnionStore('month', ones, 'MAX'), Object.keys(best).length);
  assert.deepEqual(await client.zTop('month', 0, 19), ranking(best).slice(0, 20));
  assert.equal(await client.zUnionStore('month', { none: 1 }, 'SUM'), 0);
  assert.equal(await client.exists('month'), 0);
});

// --- a session -----------------------------------------------------------------------------------

job('a session has fields and counters, and goes after its time', async (client) => {
  const session = { user: 'alice', token: 'ünïcode ✓', visits: '1', '': 'a field without a name' };
  assert.equal(await client.hSet('session', session), 4);
  assert.deepEqual(await client.hGetAll('session'), session);
  assert.equal(await client.hIncrBy('session', 'visits', 41), 42);
  assert.equal(await client.hIncrBy('session', 'errors', -1), -1);
  assert.equal(await client.hSet('session', { user: 'bob', theme: 'dark' }), 1);
  assert.deepEqual(await client.hGetAll('session'), {
    ...session,
    user: 'bob',
    visits: '42',
    errors: '-1',
    theme: 'dark',
  });
  assert.equal(await client.ttl('session'), -1);
  await client.expire('session', 3600);
  await client.hIncrBy('session', 'visits', 1); // does not make it last
  const ttl = await client.ttl('session');
  assert.ok(ttl > 3500 && ttl <= 3600, `time to live ${ttl}`);
  await client.expire('session', 1);
  await eventually(async () => (await client.exists('session')) === 0, 'the end of the session');
  assert.deepEqual(await client.hGetAll('session'), {});
  assert.equal(await client.ttl('session'), -2);
});

job(
  'fields of a session have deadlines of their own',
  async (client) => {
    await client.hSet('session', { user: 'alice', token: 'abc', code: '1234', tries: '1' });
    assert.deepEqual(await client.hExpire('session', ['token', 'none'], 600), [1, -2]);
    const [ttl, ...others] = await client.hTtl('session', ['token', 'user', 'none']);
    assert.ok(ttl > 500 && ttl <= 600, `time to live ${ttl}`);
    assert.deepEqual(others, [-1, -2]);
    assert.deepEqual(await client.hExpire('session', ['token', 'tries'], 900, 'NX'), [0, 1]);
    assert.deepEqual(await client.hExpire('session', ['token', 'tries'], 800, 'GT'), [1, 0]);
    assert.equal(await client.hIncrBy('session', 'tries', 1), 2); // keeps its deadline
    assert.ok((await client.hTtl('session', ['tries']))[0] > 800);
    await client.hSet('session', { token: 'new' }); // a new value has none
    assert.deepEqual(await client.hTtl('session', ['token']), [-1]);
    assert.deepEqual(await client.hPersist('session', ['tries', 'user', 'none']), [1, -1, -2]);
    assert.deepEqual(await client.hPExpire('session', ['code'], 30), [1]);
    await eventually(
      async () => !('code' in (await client.hGetAll('session'))),
      'the end of a field',
    );
    assert.deepEqual(await client.hGetAll('session'), { user: 'alice', token: 'new', tries: '2' });
    assert.deepEqual(await client.hExpire('session', ['token'], 0), [2]);
    assert.deepEqual(await client.hPExpire('session', ['user', 'tries'], 20), [1, 1]);
    await eventually(async () => (await client.exists('session')) === 0, 'the end of the session');
    assert.deepEqual(await client.hTtl('session', ['user']), [-2]);
  },
  'HEXPIRE',
);

// --- places --------------------------------------------------------------------------------------

const EARTH_KM = 6372.797560856;
const MARGIN_KM = 0.002; // what the rounding of a place to 52 bits may move it

function distanceKm([longitudeA, latitudeA], [longitudeB, latitudeB]) {
  const radians = (degrees) => (degrees * Math.PI) / 180;
  const u = Math.sin(radians(latitudeB - latitudeA) / 2);
  const v = Math.sin(radians(longitudeB - longitudeA) / 2);
  const part = Math.cos(radians(latitudeA)) * Math.cos(radians(latitudeB)) * v * v;
  return 2 * EARTH_KM * Math.asin(Math.sqrt(u * u + part));
}

function isWithin(center, place, by, margin) {
  if (by.radius) return distanceKm(center, place) <= by.radius + margin;
  const [longitude, latitude] = place;
  return (
    distanceKm(center, [center[0], latitude]) <= by.height / 2 + margin &&
    distanceKm([center[0], latitude], [longitude, latitude]) <= by.width / 2 + margin
  );
}

// Checks what was found against a look at every place.
function checkFound(places, center, by, found) {
  const names = new Set(found.map(([name]) => name));
  assert.equal(names.size, found.length);
  for (const [name, place] of Object.entries(places)) {
    if (isWithin(center, place, by, -MARGIN_KM)) assert.ok(names.has(name), `${name} is found`);
    if (!isWithin(center, place, by, MARGIN_KM)) assert.ok(!names.has(name), `${name} is too far`);
  }
  found.forEach(([name, distance], index) => {
    const right = distanceKm(center, places[name]);
    assert.ok(Math.abs(distance - right) < MARGIN_KM, `${name}: ${distance} km, not ${right}`);
    assert.ok(index === 0 || found[index - 1][1] <= distance, 'nearest first');
  });
}

job('a search finds the places within a circle or a box, nearest first', async (client) => {
  const random = generator(3);
  const places = {};
  for (let i = 0; i < 1000; i += 1) places[`shop:${i}`] = [random() * 8 + 5, random() * 8 + 45];
  assert.equal(await client.geoAdd('shops', places), 1000);
  for (let i = 0; i < 20; i += 1) {
    const center = [random() * 8 + 5, random() * 8 + 45];
    const size = 10 + random() * 300;
    for (const by of [{ radius: size }, { width: size, height: 2 * size }]) {
      const found = await client.geoSearch('shops', center, by);
      checkFound(places, center, by, found);
      assert.deepEqual(await client.geoSearch('shops', center, by, 3), found.slice(0, 3));
    }
  }
  const near = await client.geoSearch('shops', 'shop:5', { radius: 100 });
  assert.deepEqual(near[0], ['shop:5', 0]);
  checkFound(places, places['shop:5'], { radius: 100 }, near);
});

job('a search can be kept: a leaderboard of distances', async (client) => {
  const cities = {
    Palermo: [13.361389, 38.115556],
    Catania: [15.087269, 37.502669],
    Rome: [12.496366, 41.902782],
  };
  assert.equal(await client.geoAdd('cities', cities), 3);
  assert.equal(await client.geoSearchStore('near', 'cities', [15, 37], { radius: 200 }), 2);
  const kept = (await client.zTop('near', 0, -1)).map(([name, km]) => [name, km.toFixed(4)]);
  assert.deepEqual(kept, [
    ['Palermo', '190.4424'],
    ['Catania', '56.4413'],
  ]);
  const box = { width: 1000, height: 600 };
  assert.equal(await client.geoSearchStore('near', 'cities', 'Palermo', box), 2);
  assert.deepEqual(
    (await client.zTop('near', 0, -1)).map(([name]) => name),
    ['Catania', 'Palermo'],
  );
  assert.equal(await client.geoSearchStore('near', 'cities', [0, 0], { radius: 1 }), 0);
  assert.equal(await client.exists('near'), 0);
});

// --- streams -------------------------------------------------------------------------------------

// Reads `last` ({key: id}) on and on into `seen`, over lost connections, until an entry says "end".
async function follow(client, last, seen) {
  let errors = 0;
  for (;;) {
    let entries = [];
    try {
      entries = await client.xRead(last, 10000, 10);
    } catch (error) {
      if ((errors += 1) > READ_ERRORS_MAX) throw error;
      await sleep(10);
    }
    for (const [key, id, fields] of entries) {
      last[key] = id;
      if (fields.text === 'end') return;
      seen.push(`${key} ${fields.text}`);
    }
  }
}

job(
  'a follower of two streams misses nothing, though its connection is killed',
  async (client, open) => {
    const reader = await open();
    const seen = [];
    await client.xAdd('news', { text: 'old' });
    const readerId = await reader.clientId();
    const following = follow(reader, { news: '$', sport: '$' }, seen);
    await eventuallyBlocked(client, 1);
    await client.xAdd('news', { text: '0' });
    await eventually(() => seen.length === 1, 'the first entry');
    await client.xAdd('sport', { text: '0' });
    await eventually(() => seen.length === 2, 'the first entry of the other stream');
    await eventuallyBlocked(client, 1);
    assert.equal(await client.clientKill(readerId), 1);
    for (let i = 1; i < 300; i += 1) {
      await client.xAdd('news', { text: String(i), more: 'x' });
      await client.xAdd('sport', { text: String(i) });
    }
    await eventually(() => seen.length === 600, 'every entry');
    await client.xAdd('sport', { text: 'end' });
    await following;
    for (const key of ['news', 'sport'])
      assert.deepEqual(
        seen.filter((line) => line.startsWith(key)),
        range(300, (i) => `${key} ${i}`),
      );
    assert.notEqual(await reader.clientId(), readerId);
    assert.deepEqual(await client.xRead({ none: '$' }, 20, 1), []);
    assert.equal(await client.xLen('news'), 301);
  },
);

// --- walking through collections -----------------------------------------------------------------

const LASTING = range(2000, (i) => `lasting:${i}`);
const PASSING = range(2000, (i) => `passing:${i}`);
const scoresOf = (names) => Object.fromEntries(names.map((name, i) => [name, i + 0.5]));
const fieldsOf = (names) => Object.fromEntries(names.map((name, i) => [name, `value ${i}`]));

const walks = {
  hash: {
    add: (client, names) => client.hSet('walked', fieldsOf(names)),
    remove: (client, names) => client.hDel('walked', names),
    scan: (client, options) => client.hScan('walked', options),
    expected: new Map(Object.entries(fieldsOf(LASTING))),
  },
  set: {
    add: (client, names) => client.sAdd('walked', names),
    remove: (client, names) => client.sRem('walked', names),
    scan: (client, options) => client.sScan('walked', options),
    expected: new Map(LASTING.map((name) => [name, undefined])),
  },
  'sorted set': {
    add: (client, names) => client.zAddGreater('walked', scoresOf(names)),
    remove: (client, names) => client.zRem('walked', names),
    scan: (client, options) => client.zScan('walked', options),
    expected: new Map(Object.entries(scoresOf(LASTING))),
  },
};

async function collect(pages) {
  const seen = new Map();
  for await (const page of pages)
    for (const entry of page) {
      const [name, value] = Array.isArray(entry) ? entry : [entry, undefined];
      seen.set(name, value);
    }
  return seen;
}

for (const [kind, { add, remove, scan, expected }] of Object.entries(walks))
  job(
    `an iterator sees every member of a ${kind} while others come and go`,
    async (client, open) => {
      assert.equal(await add(client, LASTING.slice(0, 5)), 5);
      const few = await collect(scan(client, {}));
      assert.deepEqual(few, new Map([...expected].slice(0, 5)));
      await add(client, LASTING);
      const writer = await open();
      let stop = false;
      const churn = (async () => {
        do {
          assert.equal(await add(writer, PASSING), PASSING.length);
          assert.equal(await remove(writer, PASSING), PASSING.length);
        } while (!stop);
      })();
      const seen = await collect(scan(client, { match: 'lasting:*', count: 20 }));
      stop = true;
      await churn;
      assert.equal(seen.size, LASTING.length);
      for (const [name, value] of expected) assert.deepEqual([name, seen.get(name)], [name, value]);
      assert.equal((await collect(scan(client, { match: 'nothing*' }))).size, 0);
    },
  );

module.exports = { addCollectionJobs };
