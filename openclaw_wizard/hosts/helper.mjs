// The wizard's work on a host, run by the host's own Node (22.12 or later) from standard input; nothing stays on disk.
//
// One call is one process: `main(name, params)` runs one registered command and prints one JSON object a line:
// {"item": ...} for every emitted item, at the end {"ok": value} or {"error": {code, message}}. A command that is
// registered as framed prints the same records between chunks of raw bytes: type ("J" record, "D" data), length as
// four bytes (big endian), content.
//
// More sources are appended to this one before it runs. They see everything here and need (and may) not import again
// what is imported below: fs, fsp, path, os, http, crypto. What they build on:
//   command(name, async (params, emit) => value, {framed})   registers; `await emit(item)` prints an item
//   fail(code, message)                     an Error with that code, to be thrown
//   pathOf(value)                           a path parameter (text, or {base64} for raw bytes) as a Buffer
//   base64(buffer)                          the text form in which names leave the host: names are bytes
//   join(folder, name)                      two Buffers joined with "/"
//   ruleSet([{pattern, reason}])            the glob matcher: (relative Buffer, isFolder) => reason or undefined
//   walk(root, {rules, ignore, refused})    yields {path, full, stat} or {path, reason, bytes}, parents first; what
//                                           this user may not read goes to refused(path, code), else it throws
//   unreadable(root)                        [{path, code}] of all below it that this user may not read
//   inParallel(iterable, width, async fn)   at most `width` at a time
//   sha256File(full)                        {sha256, stat, changed}
//   writeWhole(full, content, mode)         temp beside it, fsync, rename, fsync of the folder
//   openForReading(path)                    {db, close}: a reading connection that leaves nothing behind (sqlite.mjs)
//   pathOf, statOf, inside, ...             files.mjs and sqlite.mjs are always there
//
// Patterns: relative to the root, "/" between segments, "*" within a segment, "**" any number of segments. One that
// ends in "/" means a folder with everything under it; one that does not never matches a folder.
import crypto from "node:crypto";
import fs from "node:fs";
import fsp from "node:fs/promises";
import http from "node:http";
import os from "node:os";
import path from "node:path";

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
const output = { pending: [], size: 0, flushed: 0 };

function frame(type, content) {
  const head = Buffer.alloc(5);
  head.write(type, 0, "latin1");
  head.writeUInt32BE(content.length, 1);
  return Buffer.concat([head, content]);
}

function put(bytes) {
  output.pending.push(bytes);
  output.size += bytes.length;
  const due = output.size >= FLUSH_AT || Date.now() - output.flushed >= FLUSH_AFTER_MS;
  return due ? flush() : undefined;
}

function flush() {
  const all = Buffer.concat(output.pending);
  output.pending = [];
  output.size = 0;
  output.flushed = Date.now();
  return new Promise((done) => process.stdout.write(all, done));
}

export async function main(name, params) {
  process.stdout.on("error", () => process.exit(1));
  const { run, framed } = commands.get(name) ?? {};
  const record = (value) => {
    const line = Buffer.from(`${JSON.stringify(value)}\n`);
    return put(framed ? frame("J", line) : line);
  };
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
    return compiled.find((rule) => rule.folder === isFolder && rule.regex.test(text))?.reason;
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

// What a person can mend, and has to be told by name: no permission, and a path that no program can open.
const REFUSED = new Set(["EACCES", "EPERM", "ENAMETOOLONG"]);

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

// The root may be a link to the folder; below it links are never followed.
function* walk(root, { rules = [], ignore = [], refused } = {}) {
  const top = fs.statSync(root, { bigint: true });
  if (!top.isDirectory()) throw fail("ENOTDIR", `not a folder: ${root}`);
  const reasonFor = ruleSet(rules);
  const ignored = new Set(ignore.map((each) => pathOf(each).toString("latin1")));
  yield { path: Buffer.alloc(0), full: root, stat: top };
  const waiting = [{ path: Buffer.alloc(0), full: root }];
  for (let folder = waiting.pop(); folder; folder = waiting.pop()) {
    for (const node of children(folder, reasonFor, ignored, refused)) {
      yield node;
      if (node.stat?.isDirectory()) waiting.push(node);
    }
  }
}

function* children(folder, reasonFor, ignored, refused) {
  const names = heard(folder.path, refused, () => fs.readdirSync(folder.full, { encoding: "buffer" }));
  if (names === null) return;
  if (!names) return yield { path: folder.path, reason: VANISHED, bytes: null };
  for (const name of names.sort(Buffer.compare)) {
    const relative = join(folder.path, name);
    if (ignored.has(relative.toString("latin1"))) continue;
    const full = join(folder.full, name);
    const stat = heard(relative, refused, () => fs.lstatSync(full, { bigint: true }));
    if (stat === null) continue;
    if (!stat) {
      yield { path: relative, reason: VANISHED, bytes: null };
      continue;
    }
    const reason = reasonFor(relative, stat.isDirectory()) ?? unreadableKind(stat);
    yield reason ? { path: relative, reason, bytes: stat.isFile() ? Number(stat.size) : null } : { path: relative, full, stat };
  }
}

function mayRead(full) {
  fs.accessSync(full, fs.constants.R_OK);
  return true;
}

// All below `root` that this user may not read: [{path, code}].
function unreadable(root) {
  const found = [];
  const refused = (relative, code) => found.push({ path: relative, code });
  for (const { path: relative, full, stat } of walk(root, { refused })) {
    if (stat?.isFile()) heard(relative, refused, () => mayRead(full));
  }
  return found;
}

async function inParallel(items, width, work) {
  const source = items[Symbol.iterator]();
  const worker = async () => {
    for (let next = source.next(); !next.done; next = source.next()) await work(next.value);
  };
  await Promise.all(Array.from({ length: width }, worker));
}

// O_NONBLOCK: a file that was replaced by a pipe since it was listed must not hold the walk.
const TO_READ = fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK;
const SMALL = 1 << 18;
const scratch = Buffer.allocUnsafeSlow(SMALL);

function hashed(hash, size, before, stat) {
  const changed = size !== before.size || stat.size !== size || stat.mtimeNs !== before.mtimeNs;
  return { sha256: hash.digest("hex"), stat, changed };
}

// Small files in one go: four asynchronous steps for each would take three times as long (measured).
function hashSmall(full) {
  const file = fs.openSync(full, TO_READ);
  try {
    const before = fs.fstatSync(file, { bigint: true });
    if (before.size >= SMALL) return undefined;
    const got = fs.readSync(file, scratch);
    const hash = crypto.createHash("sha256").update(scratch.subarray(0, got));
    return hashed(hash, BigInt(got), before, fs.fstatSync(file, { bigint: true }));
  } finally {
    fs.closeSync(file);
  }
}

async function hashLarge(full) {
  const file = await fsp.open(full, TO_READ);
  try {
    const before = await file.stat({ bigint: true });
    const hash = crypto.createHash("sha256");
    const buffer = Buffer.allocUnsafe(1 << 20);
    let size = 0n;
    // No further than it was long at first: a log could grow as fast as it is read.
    while (size < before.size) {
      const { bytesRead } = await file.read(buffer);
      if (!bytesRead) break;
      hash.update(buffer.subarray(0, bytesRead));
      size += BigInt(bytesRead);
    }
    return hashed(hash, size, before, await file.stat({ bigint: true }));
  } finally {
    await file.close();
  }
}

async function sha256File(full) {
  return hashSmall(full) ?? hashLarge(full);
}

function kindOf(stat) {
  if (stat.isDirectory()) return "d";
  return stat.isSymbolicLink() ? "l" : stat.isFile() ? "f" : "o";
}

function entryOf({ path: relative, full, stat }) {
  const kind = kindOf(stat);
  return {
    p: base64(relative),
    k: kind,
    s: kind === "f" ? Number(stat.size) : 0,
    m: Number(stat.mode & 0o7777n),
    t: String(stat.mtimeNs),
    u: Number(stat.uid),
    ...(kind === "l" && { n: base64(fs.readlinkSync(full, { encoding: "buffer" })) }),
    ...(kind === "f" && stat.nlink > 1n && { g: `${stat.dev}:${stat.ino}` }),
  };
}

async function describe(node, hash) {
  if (!node.stat.isFile()) return entryOf(node);
  if (!hash) return mayRead(node.full) && entryOf(node);
  const { sha256, stat, changed } = await sha256File(node.full);
  return { ...entryOf({ ...node, stat }), h: sha256, ...(changed && { changed }) };
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

command("tree", async ({ root, hash = false, rules, ignore }, emit) => {
  const totals = new Totals();
  const closed = [];
  const refused = (relative, code) => closed.push({ c: base64(relative), e: code });
  await inParallel(walk(pathOf(root), { rules, ignore, refused }), hash ? 4 : 1, async (node) => {
    let found = node;
    if (!node.reason) {
      found = await describe(node, hash).catch((error) => {
        if (REFUSED.has(error.code)) return refused(node.path, error.code);
        if (error.code !== "ENOENT" && error.code !== "ELOOP") throw error;
        return { path: node.path, reason: VANISHED, bytes: null };
      });
    }
    if (!found) return undefined;
    if (found.reason) return emit({ x: base64(found.path), r: found.reason, b: found.bytes });
    totals.add(found);
    return emit(found);
  });
  for (const each of closed) await emit(each);
  await emit({ end: true, ...totals });
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
