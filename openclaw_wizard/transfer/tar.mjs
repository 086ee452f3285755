// A tar written by Node itself, for a host whose own tar takes no list of names (Debian's busybox): GNU's format, which
// every tar reads, and for those that heed them mtimes to the nanosecond. Holes of sparse files are written out. Part of
// the wizard's helper, see pack.mjs.

const TAR_BLOCK = 512;
const TAR_CHUNK = 1 << 18;
const TAR_FIELDS = [
  ["mode", 100, 8],
  ["uid", 108, 8],
  ["gid", 116, 8],
  ["size", 124, 12],
  ["mtime", 136, 12],
];

// Octal, or where it does not fit (8 GiB, before 1970) the big-endian form of GNU.
function tarNumber(value, width) {
  const octal = value >= 0n ? value.toString(8) : "";
  if (octal && octal.length < width) return Buffer.from(`${octal.padStart(width - 1, "0")}\0`);
  const field = Buffer.alloc(width);
  for (let at = width - 1, rest = value; at >= 0; at -= 1, rest >>= 8n) field[at] = Number(rest & 0xffn);
  field[0] |= 0x80;
  return field;
}

function tarHeader(type, name, facts = {}, link = Buffer.alloc(0)) {
  const header = Buffer.alloc(TAR_BLOCK);
  name.copy(header, 0, 0, 100);
  for (const [field, at, width] of TAR_FIELDS) tarNumber(BigInt(facts[field] ?? 0), width).copy(header, at);
  header.write("        ", 148);
  header.write(type, 156);
  link.copy(header, 157, 0, 100);
  header.write("ustar  \0", 257, "latin1");
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return header;
}

function tarPadding(size) {
  return Buffer.alloc((TAR_BLOCK - (size % TAR_BLOCK)) % TAR_BLOCK);
}

function tarExtra(type, name, content) {
  return Buffer.concat([tarHeader(type, Buffer.from(name), { size: content.length }), content, tarPadding(content.length)]);
}

// A pax record begins with its own length, that number included.
function tarRecord(text) {
  let length = text.length + 2;
  while (`${length} ${text}\n`.length !== length) length += 1;
  return Buffer.from(`${length} ${text}\n`);
}

// What comes before an entry's own header: a name or target of more than 100 bytes, and the fraction of its mtime.
function tarExtras(name, link, mtimeNs, fine) {
  const extras = [];
  const long = (text) => Buffer.concat([text, Buffer.alloc(1)]);
  if (link.length > 100) extras.push(tarExtra("K", "././@LongLink", long(link)));
  if (name.length > 100) extras.push(tarExtra("L", "././@LongLink", long(name)));
  const [sign, ns] = mtimeNs < 0n ? ["-", -mtimeNs] : ["", mtimeNs];
  const nanos = ns % 1_000_000_000n;
  if (fine && nanos > 0n) {
    const seconds = `mtime=${sign}${ns / 1_000_000_000n}.${String(nanos).padStart(9, "0")}`;
    extras.unshift(tarExtra("x", "./PaxHeaders/mtime", tarRecord(seconds)));
  }
  return extras;
}

const TAR_TYPES = { f: "0", d: "5", l: "2" };

function tarEntry(name, full, stat, first, fine) {
  const kind = kindOf(stat);
  const named = kind === "d" ? Buffer.concat([name, Buffer.from("/")]) : name;
  const link = first ?? (kind === "l" ? fs.readlinkSync(full, { encoding: "buffer" }) : Buffer.alloc(0));
  const size = kind === "f" && !first ? stat.size : 0n;
  const mtime = stat.mtimeNs / 1_000_000_000n - (stat.mtimeNs % 1_000_000_000n < 0n ? 1n : 0n);
  const facts = { mode: stat.mode & 0o7777n, uid: stat.uid, gid: stat.gid, size, mtime };
  const header = tarHeader(first ? "1" : TAR_TYPES[kind], named, facts, link);
  return [...tarExtras(named, link, stat.mtimeNs, fine), header];
}

// The content as long as its header said; what is missing at the end of a file that shrank is zeros.
function* tarContent(handle, size) {
  let left = size;
  while (left > 0) {
    const chunk = Buffer.alloc(Math.min(left, TAR_CHUNK));
    for (let got = 0, read = 1; read > 0 && got < chunk.length; got += read) {
      read = fs.readSync(handle, chunk, got, chunk.length - got);
    }
    left -= chunk.length;
    yield chunk;
  }
  yield tarPadding(size);
}

function tarLook(read, live) {
  return live ? tolerant(read) : read();
}

function* tarFile(name, full, links, { fine, live }) {
  const flags = fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK;
  const handle = tarLook(() => fs.openSync(full, flags), live);
  if (handle === undefined) return;
  try {
    const stat = fs.fstatSync(handle, { bigint: true });
    const key = `${stat.dev}:${stat.ino}`;
    const first = stat.nlink > 1n ? links.get(key) : undefined;
    if (stat.nlink > 1n && !first) links.set(key, name);
    yield* tarEntry(name, full, stat, first, fine);
    if (first) return;
    yield* tarContent(handle, Number(stat.size));
    const after = fs.fstatSync(handle, { bigint: true });
    const same = after.size === stat.size && after.mtimeNs === stat.mtimeNs;
    if (!same && !live) throw fail("EPACK", `${name}: the file changed while it was read`);
  } finally {
    fs.closeSync(handle);
  }
}

function* tarEntries({ root, names, fine, live }, progress) {
  const links = new Map();
  for (const name of Buffer.from(names, "base64").toString("latin1").split("\0").slice(0, -1)) {
    const relative = Buffer.from(name === "./" ? "." : name, "latin1");
    const full = join(pathOf(root), relative);
    progress.entries += 1;
    progress.begun = progress.raw;
    const stat = tarLook(() => fs.lstatSync(full, { bigint: true }), live);
    if (!stat || !(kindOf(stat) in TAR_TYPES)) continue;
    if (stat.isFile()) yield* tarFile(relative, full, links, { fine, live });
    else yield* tarEntry(relative, full, stat, undefined, fine);
  }
  yield Buffer.alloc(2 * TAR_BLOCK);
}

// `names` are base64 of names ended by NUL, each begun with `./` and relative to `root`. With `live`, what vanishes or
// changes is no error; with `fine`, who unpacks it heeds pax headers. Small pieces are gathered.
function* tarOf(params, progress) {
  let waiting = [];
  let size = 0;
  for (const piece of tarEntries(params, progress)) {
    waiting.push(piece);
    size += piece.length;
    if (size < TAR_CHUNK) continue;
    yield Buffer.concat(waiting);
    [waiting, size] = [[], 0];
  }
  yield Buffer.concat(waiting);
}
