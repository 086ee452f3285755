// Only the blocks of a large file that differ from what stands on NEW; part of the wizard's helper, see pack.mjs.
//
// NEW says a digest of every block it has (`blocks`), OLD reads its file once and sends the blocks that differ (`delta`),
// NEW writes them into the file (`patch`). One that the disk cannot read ends where it failed and is told with `e`. Blocks stand where they stood: databases and logs grow in place or at the end.
// The stream holds records: type, length as four bytes (big endian), content: "F" the file's facts as JSON, "B" the
// offset as eight bytes and a block, "E" the end of the file.
import { execFileSync } from "node:child_process";

const DIGEST = 16;

function digestOf(block) {
  return crypto.createHash("sha256").update(block).digest().subarray(0, DIGEST);
}

// Every block of a file, the last one shorter: [offset, content]. The content is only good until the next one.
function* blocksOf(handle, length, size) {
  const into = Buffer.allocUnsafeSlow(size);
  for (let at = 0; at < length; ) {
    let got = 0;
    for (let read = 1; read > 0 && got < size; got += read) read = fs.readSync(handle, into, got, size - got, at + got);
    if (!got) return;
    yield [at, into.subarray(0, got)];
    at += got;
  }
}

// `files` are {p, b}: a path below `root` and the size of its blocks. Emits {p, b, d}: the digests, one after another.
command("blocks", async ({ root, files }, emit) => {
  for (const { p, b } of files) {
    const handle = fs.openSync(inside(pathOf(root), Buffer.from(p, "base64")), TO_READ);
    try {
      const digests = [];
      const { size } = fs.fstatSync(handle);
      for (const [, block] of blocksOf(handle, size, b)) digests.push(digestOf(block));
      await emit({ p, b, d: base64(Buffer.concat(digests)) });
    } finally {
      fs.closeSync(handle);
    }
  }
});

function recordOf(type, ...parts) {
  const head = Buffer.alloc(5);
  head.write(type, 0, "latin1");
  head.writeUInt32BE(parts.reduce((sum, part) => sum + part.length, 0), 1);
  return Buffer.concat([head, ...parts]);
}

function* deltaOf(root, { p, b, d }, progress) {
  const relative = Buffer.from(p, "base64");
  const full = join(root, relative);
  const there = Buffer.from(d, "base64");
  let [handle, stat, begun] = [undefined, undefined, false];
  try {
    handle = fs.openSync(full, TO_READ);
    stat = fs.fstatSync(handle, { bigint: true });
    if (!stat.isFile()) throw fail("EPACK", "it became something else");
    const hash = crypto.createHash("sha256");
    const entry = entryOf({ path: relative, full, stat });
    yield recordOf("F", Buffer.from(JSON.stringify(entry)));
    begun = true;
    let size = 0;
    for (const [at, block] of blocksOf(handle, Number(stat.size), b)) {
      hash.update(block);
      size += block.length;
      progress.within = size;
      const known = there.subarray((at / b) * DIGEST, (at / b + 1) * DIGEST);
      if (known.equals(digestOf(block))) continue;
      const offset = Buffer.alloc(8);
      offset.writeBigUInt64BE(BigInt(at));
      yield recordOf("B", offset, block);
    }
    yield recordOf("E");
    const changed = changedSince(stat, fs.fstatSync(handle, { bigint: true }), BigInt(size));
    return { ...entry, h: hash.digest("hex"), ...(changed && { changed }) };
  } catch (error) {
    if (!isReadError(error)) throw fail(error.code, `${relative}: ${error.message}`);
    // What NEW then has is neither the old nor the new file; it is not kept.
    if (begun) yield recordOf("E");
    return lostEntry({ path: relative, full, stat });
  } finally {
    if (handle !== undefined) fs.closeSync(handle);
  }
}

async function* deltasOf({ root, live }, progress, report) {
  const top = pathOf(root);
  for await (const line of inputLines()) {
    const wanted = JSON.parse(line);
    progress.within = 0;
    try {
      const entry = yield* deltaOf(top, wanted, progress);
      if (entry.changed && !live) throw fail("EPACK", `${Buffer.from(wanted.p, "base64")}: the file changed while it was read`);
      await report(entry);
    } catch (error) {
      if (!live || !["ENOENT", "ENOTDIR", "ELOOP", "EPACK"].includes(error.code)) throw error;
      await report({ x: wanted.p, r: VANISHED });
    }
  }
}

// Reads {p, b, d} from standard input, one a line; sends what differs and says each file when it is through.
command(
  "delta",
  async ({ compress, to, ...params }, emit) => {
    const progress = { within: 0 };
    const tell = teller(progress, emit);
    await through(compress, deltasOf(params, progress, emit), lineTo(to, tell));
  },
  { framed: true },
);

// ------------------------------------------------------------------ on NEW

async function* recordsIn(stream) {
  let waiting = Buffer.alloc(0);
  for await (const chunk of stream) {
    waiting = Buffer.concat([waiting, chunk]);
    for (;;) {
      const end = waiting.length < 5 ? Infinity : 5 + waiting.readUInt32BE(1);
      if (waiting.length < end) break;
      yield [String.fromCharCode(waiting[0]), waiting.subarray(5, end)];
      waiting = waiting.subarray(end);
    }
  }
  if (waiting.length) throw fail("EPATCH", "the stream is torn");
}

// Node sets times only to a quarter of a microsecond, `touch` to the nanosecond; a name is bytes, and goes as octal.
function setTime(full, mtimeNs) {
  const ns = BigInt(mtimeNs);
  const seconds = ns >= 0n ? ns / 1_000_000_000n : (ns - 999_999_999n) / 1_000_000_000n;
  const nanos = String(ns - seconds * 1_000_000_000n).padStart(9, "0");
  const when = new Date(Number(seconds) * 1000).toISOString().replace(/\.\d+Z$/, `.${nanos}Z`);
  const name = Array.from(full, (byte) => `\\${byte.toString(8).padStart(3, "0")}`).join("");
  const script = 'f=$(printf "$1"; printf x); touch -d "$0" -- "${f%x}" 2>/dev/null';
  try {
    execFileSync("sh", ["-c", script, when, name]);
  } catch {
    // busybox knows no fractions; that NEW then keeps seconds is counted with (tar.precision).
    fs.utimesSync(full, Number(seconds), Number(seconds));
  }
}

// What a tar leaves: busybox the times and modes of folders and set-user-id bits, bsdtar the times of folders that were
// there before. `ops` are {p, m, t}, what is deeper first; `precision` is how many nanoseconds of a time count.
command("settle", async ({ root, mustContain, ops, precision }) => {
  const { full: top } = ownFolder(root, mustContain);
  const cut = (ns) => BigInt(ns) / BigInt(precision);
  for (const { p, m, t } of ops) {
    const full = inside(top, Buffer.from(p, "base64"));
    const stat = fs.lstatSync(full, { bigint: true });
    if (stat.isSymbolicLink()) throw fail("ELOOP", `a link has no mode of its own: ${full}`);
    if (cut(stat.mtimeNs) !== cut(t)) setTime(full, t);
    if (Number(stat.mode & 0o7777n) !== m) fs.chmodSync(full, m);
  }
});

class Patched {
  constructor(root, entry) {
    this.entry = entry;
    this.full = inside(root, Buffer.from(entry.p, "base64"));
    if (!fs.lstatSync(this.full).isFile()) throw fail("EPATCH", `not a file: ${this.full}`);
    fs.chmodSync(this.full, 0o600);
    this.handle = fs.openSync(this.full, fs.constants.O_RDWR | fs.constants.O_NOFOLLOW);
  }

  write(content) {
    const [block, at] = [content.subarray(8), Number(content.readBigUInt64BE(0))];
    for (let done = 0; done < block.length; ) done += fs.writeSync(this.handle, block, done, block.length - done, at + done);
  }

  finish() {
    fs.ftruncateSync(this.handle, this.entry.s);
    fs.fchmodSync(this.handle, this.entry.m);
    fs.closeSync(this.handle);
    setTime(this.full, this.entry.t);
  }
}

// Writes what `delta` sent into the files below `root`, a folder of the wizard's own; it fails as tar would.
command("patch", async ({ root, mustContain, decompress }) => {
  const { full: top } = ownFolder(root, mustContain);
  let now;
  const write = async (stream) => {
    for await (const [type, content] of recordsIn(stream)) {
      if (type === "F") now = new Patched(top, JSON.parse(content));
      else if (type === "B") now.write(content);
      else if (type === "E") now.finish();
      else throw fail("EPATCH", "the stream is garbled");
    }
  };
  try {
    await through(decompress, input, write);
  } catch (error) {
    fs.writeSync(2, `${error.code}: ${error.message}\n`);
    process.exit(1);
  }
});
