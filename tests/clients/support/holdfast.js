// What every client test in Node needs: a server of its own, and a way to report. As holdfast.py.
'use strict';

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');

const ROOT = path.resolve(__dirname, '..', '..', '..');
const START_MS_MAX = 30000;
const STOP_MS_MAX = 20000;
const START_ATTEMPTS = 5; // a port that was free a moment ago may have been taken since
const TEST_MS_MAX = 60000;
const LOG_LINES_SHOWN = 40;

class Skip extends Error {}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = net.createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

// Sends bytes over a connection of its own and returns all that comes until it is closed.
function exchange(port, bytes) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1', () => socket.write(bytes));
    let reply = '';
    socket.setTimeout(5000, () => socket.destroy(new Error('no answer')));
    socket.on('data', (data) => {
      reply += data.toString('latin1');
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(reply));
  });
}

// A server process on a port of its own, stopped by its own process id.
class Server {
  constructor(...config) {
    this.program = process.env.HOLDFAST_SERVER || path.join(ROOT, 'build', 'holdfast-server');
    this.config = config;
    this.folder = fs.mkdtempSync(path.join(process.env.TMPDIR || os.tmpdir(), 'clients-'));
    this.logPath = path.join(this.folder, 'server.log');
  }

  async start(port) {
    for (let attempt = 0; attempt < START_ATTEMPTS; attempt += 1) {
      this.port = port || (await freePort());
      const log = fs.openSync(this.logPath, 'a');
      this.process = spawn(
        this.program,
        [
          '--port',
          this.port,
          '--bind',
          '127.0.0.1',
          '--save',
          '',
          '--dir',
          this.folder,
          ...this.config,
        ].map(String),
        { stdio: ['ignore', log, log], cwd: this.folder },
      );
      this.process.once('error', (error) => {
        this.failure = error;
      });
      this.ended = new Promise((resolve) => {
        this.process.once('close', resolve);
      });
      fs.closeSync(log);
      if (await this.isAnswering()) return;
      const taken = this.log().includes('in use');
      await this.stop();
      if (!taken) break;
    }
    throw new Error(`${this.program} did not start: ${this.failure || ''}\n${this.log()}`);
  }

  async isAnswering() {
    const deadline = Date.now() + START_MS_MAX;
    while (Date.now() < deadline && this.process.exitCode === null && !this.failure) {
      const reply = await exchange(this.port, 'PING\r\nQUIT\r\n').catch(() => '');
      if (/^(\+PONG|-NOAUTH)/.test(reply)) return true;
      await sleep(20);
    }
    return false;
  }

  async stop(signal = 'SIGTERM') {
    if (
      !this.process ||
      this.process.exitCode !== null ||
      this.process.signalCode !== null ||
      this.failure
    )
      return;
    this.process.kill(signal);
    const timer = setTimeout(() => this.process.kill('SIGKILL'), STOP_MS_MAX);
    await this.ended;
    clearTimeout(timer);
  }

  // Stops it and takes its folder away.
  async remove() {
    await this.stop();
    fs.rmSync(this.folder, { recursive: true, force: true });
  }

  // As after a crash, on the same port.
  async restart() {
    await this.stop('SIGKILL');
    await this.start(this.port);
  }

  log() {
    return fs.readFileSync(this.logPath, 'utf8').split('\n').slice(-LOG_LINES_SHOWN).join('\n');
  }

  async isReference() {
    return !(await exchange(this.port, 'INFO server\r\nQUIT\r\n')).includes('holdfast_version');
  }

  // For tests of commands younger than the reference: Holdfast must have them all.
  async needCommand(name) {
    const known = !/^\*1\r\n[*$]-1/.test(
      await exchange(this.port, `COMMAND INFO ${name}\r\nQUIT\r\n`),
    );
    if (!known && (await this.isReference())) throw new Skip(`this redis-server has no ${name}`);
  }
}

// Waits for something that must happen but need not have happened yet; its value.
async function eventually(condition, about = 'the condition', ms = 20000) {
  const deadline = Date.now() + ms;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`${about} did not come true in ${ms} ms`);
    await sleep(10);
  }
}

function indent(text) {
  return `  ${String(text).replace(/\n/g, '\n  ')}`;
}

const tests = [];

// Adds a test named by a sentence; it is given the server.
function test(sentence, run) {
  tests.push({ sentence, run });
}

async function runTest(server, { sentence, run }) {
  let timer;
  const timeout = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error('the test took longer than it may')), TEST_MS_MAX);
  });
  try {
    await Promise.race([run(server), timeout]);
    console.log(`ok - ${sentence}`);
    return true;
  } catch (error) {
    if (error instanceof Skip) {
      console.log(`skip - ${sentence}: ${error.message}`);
      return true;
    }
    console.log(`not ok - ${sentence}\n${indent(error && error.stack ? error.stack : error)}`);
    return false;
  } finally {
    clearTimeout(timer);
  }
}

// Runs every test on one server and ends the program.
async function runTests() {
  const words = process.argv.slice(2);
  const server = new Server();
  let failed = 0;
  process.on('unhandledRejection', (error) => {
    console.log(`not ok - no error is left unhandled\n${indent(error && error.stack)}`);
    failed += 1;
  });
  try {
    await server.start();
    for (const each of tests) {
      if (words.length && !words.some((word) => each.sentence.includes(word))) continue;
      if (!(await runTest(server, each))) failed += 1;
    }
    if (failed) console.log(indent(`the server's log ends:\n${server.log()}`));
  } catch (error) {
    console.log(`not ok - the server starts\n${indent(error.message)}`);
    failed += 1;
  }
  await server.remove();
  process.exit(failed ? 1 : 0);
}

// A package of package.json; says what to do when it is not there.
function client(name) {
  try {
    return require(require.resolve(name, { paths: [path.join(__dirname, '..')] }));
  } catch (error) {
    if (error.code !== 'MODULE_NOT_FOUND') throw error;
    console.log(`not ok - the Node package ${name} is installed\n  npm ci --prefix tests/clients`);
    return process.exit(1);
  }
}

module.exports = { Server, Skip, client, eventually, runTests, sleep, test };
