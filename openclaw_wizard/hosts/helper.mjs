// The wizard's work on a host, run by the host's own Node (22.12 or later) from standard input; nothing stays on disk.
//
// One call is one process: `main(name, params, packed, rest)` runs one registered command and prints one JSON object a line:
// {"item": ...} for every emitted item, at the end {"ok": value} or {"error": {code, message}}; where `packed`, all of it
// as one raw deflate stream. A command that is registered as framed prints the same records between chunks of raw
// bytes: type ("J" for records as deflated lines, "D" data), length as four bytes (big endian), content. What stands on
// standard input behind the parameters is the command's own (`inputLines`).
//
// More sources are appended to this one before it runs. They see everything here and need (and may) not import again
// what is imported below: fs, fsp, path, os, http, crypto. What they build on:
//   command(name, async (params, emit) => value, {framed})   registers; `await emit(item)` prints an item
//   fail(code, message)                     an Error with that code, to be thrown
//   pathOf(value)                           a path parameter (text, or {base64} for raw bytes) as a Buffer
//   base64(buffer)                          the text form in which names leave the host: names are bytes
//   join(folder, name)                      two Buffers joined with "/"
//   ruleSet([{pattern, reason}])            the glob matcher: (relative Buffer, isFolder) => reason or undefined
//   walk(root, {rules, ignore, refused,     yields {path, full, stat} or {path, reason, bytes}, parents first; what
//               everything, only})          this user may not read goes to refused(path, code), else it throws; what
//                                           the disk cannot read has a reason and `lost`; `everything`: also the
//                                           shared memory of databases; `only`: the names in the root that count,
//                                           where there are some
//   mayRead(full)                           throws where this user may not
//   inOrder(iterable, width, async fn)      yields what fn gives, in order; at most `width` at a time
//   sha256File(full)                        {sha256, stat, changed}
//   inputLines()                            what comes after the parameters, by lines, as they come
//   writeWhole(full, content, mode)         temp beside it, fsync, rename, fsync of the folder
//   openForReading(path)                    {db, close}: a reading connection that leaves nothing behind (sqlite.mjs)
//   pathOf, statOf, inside, ...             files.mjs and sqlite.mjs are always there
//
// Patterns: relative to the root, "/" between segments, "*" within a segment, "**" any number of segments. One that
// ends in "/" means a folder with everything under it; one that does not never matches a folder. The first rule that
// matches decides; one with an empty reason keeps.
import crypto from "node:crypto";
import fs from "node:fs";
import fsp from "node:fs/promises";
import http from "node:http";
import os from "node:os";
import path from "node:path";
import { Worker } from "node:worker_threads";
import zlib from "node:zlib";

const commands = new Map();

function command(name, run, { framed = false } = {}) {
  commands.set(name, { run, framed });
}

function fail(code, message) {
  return Object.assign(new Error(message), { code });
}

// ------------------------------------------------------------------ output

const FLUSH_AT = 1 << 16;
const FLUSH_AFTER_MS = 100;
const output = { pending: [], size: 0, flushed: 0, framed: false, packed: false };

function frame(type, content) {
  const head = Buffer.alloc(5);
  head.write(type, 0, "latin1");
  head.writeUInt32BE(content.length, 1);
  return [head, content];
}

function put(line) {
  output.pending.push(line);
  output.size += line.length;
  const due = output.size >= FLUSH_AT || Date.now() - output.flushed >= FLUSH_AFTER_MS;
  return due ? flush() : undefined;
}

function deflated(lines) {
  // Blocks that end on a byte and refer to nothing before them: joined, they are one stream.
  return zlib.deflateRawSync(lines, { level: 1, finishFlush: zlib.constants.Z_SYNC_FLUSH });
}

function flush() {
  const lines = Buffer.from(output.pending.join(""));
  output.pending = [];
  output.size = 0;
  output.flushed = Date.now();
  if (!lines.length) return undefined;
  if (output.framed) return written(Buffer.concat(frame("J", deflated(lines))));
  return written(output.packed ? deflated(lines) : lines);
}

function written(bytes) {
  return new Promise((done) => process.stdout.write(bytes, done));
}

// A chunk of a framed command's own data; what was emitted before it comes first.
async function data(chunk) {
  const [head, content] = frame("D", chunk);
  if (output.size >= FLUSH_AT) await flush();
  process.stdout.write(head);
  await written(content);
}

export async function main(name, params, packed, rest) {
  process.stdout.on("error", () => process.exit(1));
  const { run, framed } = commands.get(name) ?? {};
  Object.assign(output, { framed, packed });
  input = rest;
  const record = (value) => put(`${JSON.stringify(value)}\n`);
  try {
    if (!run) throw fail("ENOSYS", `the helper has no command ${name}`);
    const value = await run(params, (item) => record({ item }));
    await record({ ok: value ?? null });
  } catch (error) {
    await record({ error: { code: String(error.code ?? error.name), message: String(error.message) } });
  }
  await flush();
  process.exit(0);
}

let input;

async function* inputLines() {
  let rest = "";
  for await (const chunk of input) {
    const lines = (rest + chunk.toString("latin1")).split("\n");
    rest = lines.pop();
    yield* lines;
  }
}

// ------------------------------------------------------------------ names and rules

const SLASH = Buffer.from("/");

function pathOf(value) {
  if (typeof value === "string") return Buffer.from(value);
  if (typeof value?.base64 === "string") return Buffer.from(value.base64, "base64");
  throw fail("EINVAL", "a path is text or {base64}");
}

function base64(buffer) {
  return buffer.toString("base64");
}

function join(folder, name) {
  if (!name.length) return folder;
  return folder.length ? Buffer.concat([folder, SLASH, name]) : name;
}

function parentOf(full) {
  const at = full.lastIndexOf(SLASH);
  return at > 0 ? full.subarray(0, at) : SLASH;
}

function globSource(pattern) {
  const segments = pattern.split("/");
  return segments
    .map((segment, at) => {
      const last = at === segments.length - 1;
      if (segment === "**") return last ? "[^]+" : "(?:[^/]+/)*";
      const text = segment.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replace(/\*+/g, "[^/]*");
      return last ? text : `${text}/`;
    })
    .join("");
}

function ruleSet(rules = []) {
  const compiled = rules.map(({ pattern, reason }) => {
    const folder = pattern.endsWith("/");
    const bytes = Buffer.from(folder ? pattern.slice(0, -1) : pattern).toString("latin1");
    return { folder, reason, regex: new RegExp(`^${globSource(bytes)}$`) };
  });
  return (relative, isFolder) => {
    const text = relative.toString("latin1");
    return compiled.find((rule) => rule.folder === isFolder && rule.regex.test(text))?.reason || undefined;
  };
}

// ------------------------------------------------------------------ walking and hashing

const VANISHED = "vanished while reading";

function tolerant(read) {
  try {
    return read();
  } catch (error) {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
    throw error;
  }
}

// What has to be told by name: no permission, a path that no program can open.
const REFUSED = new Set(["EACCES", "EPERM", "ENAMETOOLONG"]);

// A disk that cannot read it any more is nobody's permission: all else goes on. Linux also says so with EBADMSG and
// EUCLEAN (sums that do not fit), for which Node has no name.
const READ_ERROR = "EIO";
const READ_ERRORS = new Set([-5, -74, -117]);

function isReadError({ code, errno }) {
  return code === READ_ERROR || (process.platform === "linux" && READ_ERRORS.has(errno));
}

// What `read` gives, undefined where it is not there, null where it is refused and somebody wants to hear of it.
function heard(relative, refused, read) {
  try {
    return tolerant(read);
  } catch (error) {
    if (!refused || !REFUSED.has(error.code)) throw error;
    refused(relative, error.code);
    return null;
  }
}

function unreadableKind(stat) {
  if (stat.isSocket()) return "socket";
  if (stat.isFIFO()) return "pipe";
  return stat.isBlockDevice() || stat.isCharacterDevice() ? "device" : undefined;
}

const DATABASE = /\.(sqlite3?|db)$/;
const SHARED_MEMORY_PAGE = 32768n;

// SQLite makes it anew, and one that is joined with another database corrupts it (peers F6).
function isSharedMemory(name, stat, names) {
  const text = name.toString("latin1");
  if (!text.endsWith("-shm") || !stat.isFile() || stat.size % SHARED_MEMORY_PAGE) return false;
  return DATABASE.test(text.slice(0, -4)) && names.has(text.slice(0, -4));
}

// In the order of the names, a folder's content straight after it: two walks can be compared as they go. The root may
// be a link to the folder; below it links are never followed.
function* walk(root, { rules = [], ignore = [], refused, everything = false, only = [] } = {}) {
  const top = fs.statSync(root, { bigint: true });
  if (!top.isDirectory()) throw fail("ENOTDIR", `not a folder: ${root}`);
  const reasonFor = ruleSet(rules);
  const wanted = new Set(only.map((each) => pathOf(each).toString("latin1")));
  const ignored = new Set(ignore.map((each) => pathOf(each).toString("latin1")));
  const node = withNames({ path: Buffer.alloc(0), full: root, stat: top }, refused);
  yield node;
  const below = (folder) => children(folder, { reasonFor, ignored, refused, everything, wanted });
  const open = node.lost ? [] : [below(node)];
  while (open.length) {
    const { value, done } = open.at(-1).next();
    if (done) open.pop();
    else {
      yield value;
      if (value.stat?.isDirectory() && !value.lost) open.push(below(value));
    }
  }
}

const UNREADABLE = { reason: "its disk has a read error", bytes: null, lost: true };

// A folder with the names in it, read before it is given out: one that cannot be read is lost with all below it.
function withNames(node, refused) {
  if (!node.stat.isDirectory()) return node;
  try {
    return { ...node, names: heard(node.path, refused, () => fs.readdirSync(node.full, { encoding: "buffer" })) };
  } catch (error) {
    if (!isReadError(error)) throw error;
    return { ...node, ...UNREADABLE };
  }
}

// What `lstat` gives, or what to say instead.
function looked(relative, full, refused) {
  try {
    const stat = heard(relative, refused, () => fs.lstatSync(full, { bigint: true }));
    return stat === undefined ? { reason: VANISHED, bytes: null } : stat && { stat };
  } catch (error) {
    if (!isReadError(error)) throw error;
    return UNREADABLE;
  }
}

function* children(folder, { reasonFor, ignored, refused, everything, wanted }) {
  const { names } = folder;
  if (names === null) return;
  if (!names) return yield { path: folder.path, reason: VANISHED, bytes: null };
  const here = new Set(names.map((name) => name.toString("latin1")));
  for (const name of names.sort(Buffer.compare)) {
    const relative = join(folder.path, name);
    if (ignored.has(relative.toString("latin1"))) continue;
    if (wanted.size && !folder.path.length && !wanted.has(name.toString("latin1"))) continue;
    const full = join(folder.full, name);
    const found = looked(relative, full, refused);
    if (found === null) continue;
    if (found.reason) {
      yield { path: relative, ...found };
      continue;
    }
    const { stat } = found;
    const made = !everything && isSharedMemory(name, stat, here);
    const shared = made ? "shared memory of a database, made anew" : undefined;
    const reason = reasonFor(relative, stat.isDirectory()) ?? unreadableKind(stat) ?? shared;
    if (reason) yield { path: relative, reason, bytes: stat.isFile() ? Number(stat.size) : null };
    else yield withNames({ path: relative, full, stat }, refused);
  }
}

function mayRead(full) {
  fs.accessSync(full, fs.constants.R_OK);
  return true;
}

async function* inOrder(items, width, work) {
  const waiting = [];
  for (const item of items) {
    waiting.push(work(item));
    // Who waits here is not lost where an earlier one fails.
    waiting.at(-1).catch(() => undefined);
    if (waiting.length >= width) yield await waiting.shift();
  }
  for (const each of waiting) yield await each;
}

// O_NONBLOCK: a file that was replaced by a pipe since it was listed must not hold the walk.
const TO_READ = fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK;
const SMALL = 1 << 18;
const scratch = Buffer.allocUnsafeSlow(SMALL);

// By ctime above all: who writes can set the other time back.
function changedSince(before, stat, size) {
  const touched = stat.mtimeNs !== before.mtimeNs || stat.ctimeNs !== before.ctimeNs;
  return size !== before.size || stat.size !== size || touched;
}

// Small files in one go: four asynchronous steps for each would take three times as long (measured).
function hashSmall(full) {
  const file = fs.openSync(full, TO_READ);
  try {
    const before = fs.fstatSync(file, { bigint: true });
    if (before.size >= SMALL) return undefined;
    const got = fs.readSync(file, scratch);
    const sha256 = crypto.createHash("sha256").update(scratch.subarray(0, got)).digest("hex");
    const stat = fs.fstatSync(file, { bigint: true });
    return { sha256, stat, changed: changedSince(before, stat, BigInt(got)) };
  } finally {
    fs.closeSync(file);
  }
}

// No further than it was long at first: a log could grow as fast as it is read.
function hashUpTo(file, length, into) {
  const hash = crypto.createHash("sha256");
  let size = 0;
  while (size < length) {
    const got = fs.readSync(file, into, 0, Math.min(into.length, length - size), null);
    if (!got) break;
    hash.update(into.subarray(0, got));
    size += got;
  }
  return { sha256: hash.digest("hex"), size };
}

// Large files are hashed by threads, one a core but for the one that walks.
const THREAD = `
const { parentPort } = require("node:worker_threads");
const [crypto, fs] = [require("node:crypto"), require("node:fs")];
const into = Buffer.allocUnsafeSlow(1 << 20);
${hashUpTo}
parentPort.on("message", ({ file, length }) => {
  try {
    parentPort.postMessage(hashUpTo(file, length, into));
  } catch (error) {
    parentPort.postMessage({ code: error.code ?? error.name, message: error.message });
  }
});
`;
const THREADS = Math.max(1, Math.min(os.availableParallelism() - 1, 4));
const idle = [];
const queued = [];
let threads = 0;

async function thread() {
  if (idle.length) return idle.pop();
  if (threads >= THREADS) return new Promise((done) => queued.push(done));
  threads += 1;
  return new Worker(THREAD, { eval: true, execArgv: [] });
}

async function onThread(work) {
  const worker = await thread();
  try {
    const answer = await new Promise((done, failed) => {
      worker.once("message", done).once("error", failed);
      worker.postMessage(work);
    });
    if (answer.message !== undefined) throw fail(answer.code, answer.message);
    return answer;
  } finally {
    worker.removeAllListeners("message").removeAllListeners("error");
    const next = queued.shift();
    if (next) next(worker);
    else idle.push(worker);
  }
}

async function hashLarge(full) {
  const file = fs.openSync(full, TO_READ);
  try {
    const before = fs.fstatSync(file, { bigint: true });
    const { sha256, size } = await onThread({ file, length: Number(before.size) });
    const stat = fs.fstatSync(file, { bigint: true });
    return { sha256, stat, changed: changedSince(before, stat, BigInt(size)) };
  } finally {
    fs.closeSync(file);
  }
}

async function sha256File(full) {
  return hashSmall(full) ?? hashLarge(full);
}

function kindOf(stat) {
  if (stat.isDirectory()) return "d";
  return stat.isSymbolicLink() ? "l" : stat.isFile() ? "f" : "o";
}

function isSparse(stat) {
  return stat.isFile() && stat.blocks * 512n < stat.size;
}

function entryOf({ path: relative, full, stat }) {
  const kind = kindOf(stat);
  return {
    p: base64(relative),
    k: kind,
    s: kind === "f" ? Number(stat.size) : 0,
    m: Number(stat.mode & 0o7777n),
    t: String(stat.mtimeNs),
    c: String(stat.ctimeNs),
    i: String(stat.ino),
    u: Number(stat.uid),
    ...(kind === "l" && { n: base64(fs.readlinkSync(full, { encoding: "buffer" })) }),
    ...(kind === "f" && stat.nlink > 1n && { g: `${stat.dev}:${stat.ino}` }),
    ...(isSparse(stat) && { z: true }),
  };
}

// The line of what cannot be read, with the facts that are known.
function lostEntry({ path: relative, full, stat }) {
  const blank = { p: base64(relative), k: "o", s: 0, m: 0, t: "0", u: 0 };
  return { ...(stat && !stat.isSymbolicLink() ? entryOf({ path: relative, full, stat }) : blank), e: READ_ERROR };
}

async function describe(node, hash) {
  if (!node.stat.isFile()) return entryOf(node);
  if (!hash) return mayRead(node.full) && entryOf(node);
  const { sha256, stat, changed } = await sha256File(node.full);
  return { ...entryOf({ ...node, stat }), h: sha256, ...(changed && { changed }) };
}

function changedAfter({ fine, coarse }) {
  const [exact, whole] = [BigInt(fine), BigInt(coarse)];
  return ({ ctimeNs }) => ctimeNs >= (ctimeNs % 1_000_000_000n ? exact : whole);
}

// What is another after every start of this machine: after a crash the content of a file may be gone that its facts
// still tell of.
function bootOf() {
  const told = tolerant(() => fs.readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim());
  return told ?? String(Math.round(Date.now() / 1000 - os.uptime()));
}

class Totals {
  files = 0;
  dirs = 0;
  links = 0;
  bytes = 0;
  #seen = new Set();

  // A file with several names counts as bytes once.
  add({ k: kind, s: size, g: group }) {
    if (kind === "d") this.dirs += 1;
    else if (kind === "l") this.links += 1;
    else this.files += 1;
    if (group && this.#seen.has(group)) return;
    if (group) this.#seen.add(group);
    this.bytes += size;
  }
}

// Every entry below `root`, in order; with `e` where the disk cannot read it; those that a rule leaves out as {x, r, b},
// those that this user may not read as {c, e}, at the end the totals and when the walk began ({end, now}). `now` is this
// host's clock in nanoseconds. With `since` only what changed after that has a hash, by ctime, which nobody can set:
// {fine, coarse} in nanoseconds, the second where a file system keeps whole seconds.
command("tree", async ({ root, hash = false, since, rules, ignore, everything, only }, emit) => {
  const now = String(BigInt(Date.now()) * 1_000_000n);
  const wanted = since && hash ? changedAfter(since) : () => hash;
  const totals = new Totals();
  const closed = [];
  const refused = (relative, code) => closed.push({ c: base64(relative), e: code });
  const found = async (node) => {
    if (node.reason) return node.lost ? lostEntry(node) : node;
    try {
      return await describe(node, wanted(node.stat));
    } catch (error) {
      if (isReadError(error)) return lostEntry(node);
      if (REFUSED.has(error.code)) return refused(node.path, error.code);
      if (error.code !== "ENOENT" && error.code !== "ELOOP") throw error;
      return { path: node.path, reason: VANISHED, bytes: null };
    }
  };
  for await (const each of inOrder(walk(pathOf(root), { rules, ignore, refused, everything, only }), hash ? 2 * THREADS : 1, found)) {
    if (!each) continue;
    if (each.reason) await emit({ x: base64(each.path), r: each.reason, b: each.bytes });
    else {
      if (!each.e) totals.add(each);
      await emit(each);
    }
  }
  for (const each of closed) await emit(each);
  await emit({ end: true, now, boot: bootOf(), ...totals });
});

command("sizes", async ({ root, rules, ignore }) => {
  const totals = new Totals();
  const top = new Map();
  const excluded = [];
  for (const node of walk(pathOf(root), { rules, ignore })) {
    if (node.reason) {
      excluded.push({ x: base64(node.path), r: node.reason, b: node.bytes });
      continue;
    }
    const entry = tolerant(() => entryOf(node));
    if (!entry) continue;
    totals.add(entry);
    if (!node.path.length) continue;
    const at = node.path.indexOf(SLASH);
    const name = base64(at < 0 ? node.path : node.path.subarray(0, at));
    if (!top.has(name)) top.set(name, new Totals());
    top.get(name).add(entry);
  }
  return { ...totals, top: [...top].map(([name, sum]) => ({ name, ...sum })), excluded };
});
