// A tar written by Node itself, with the hash of every file taken as it is read: GNU's format, which every tar reads, and
// for those that heed them mtimes to the nanosecond and the holes of sparse files. Part of the wizard's helper.
//
// A `dialect` says what the reader understands: {fine: pax headers, sparse: "all", "ascii" (names) or "none"}, and with
// `open` that folders are to be left open to their owner (busybox closes one before it puts anything in).

const TAR_BLOCK = 512;
const TAR_CHUNK = 1 << 18;
const TAR_FIELDS = [
  ["mode", 100, 8],
  ["uid", 108, 8],
  ["gid", 116, 8],
  ["size", 124, 12],
  ["mtime", 136, 12],
];
const TAR_TYPES = { f: "0", d: "5", l: "2" };
const SECOND_NS = 1_000_000_000n;

// Octal, or where it does not fit (8 GiB, before 1970) the big-endian form of GNU.
function tarNumber(value, width) {
  const octal = value >= 0n ? value.toString(8) : "";
  if (octal && octal.length < width) return Buffer.from(`${octal.padStart(width - 1, "0")}\0`);
  const field = Buffer.alloc(width);
  for (let at = width - 1, rest = value; at >= 0; at -= 1, rest >>= 8n) field[at] = Number(rest & 0xffn);
  field[0] |= 0x80;
  return field;
}

const GNU_MAGIC = "ustar  \0";
const POSIX_MAGIC = "ustar\x0000";

function tarHeader(type, name, facts = {}, link = Buffer.alloc(0), magic = GNU_MAGIC) {
  const header = Buffer.alloc(TAR_BLOCK);
  name.copy(header, 0, 0, 100);
  for (const [field, at, width] of TAR_FIELDS) tarNumber(BigInt(facts[field] ?? 0), width).copy(header, at);
  header.write("        ", 148);
  header.write(type, 156);
  link.copy(header, 157, 0, 100);
  header.write(magic, 257, "latin1");
  let sum = 0;
  for (let at = 0; at < TAR_BLOCK; at += 1) sum += header[at];
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
function paxRecord(key, value) {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from("\n")]);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length += 1;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

// A name or target of more than 100 bytes.
function longNames(name, link) {
  const long = (type, text) =>
    text.length > 100 ? [tarExtra(type, "././@LongLink", Buffer.concat([text, Buffer.alloc(1)]))] : [];
  return [...long("K", link), ...long("L", name)];
}

function mtimeRecord(mtimeNs) {
  const [sign, ns] = mtimeNs < 0n ? ["-", -mtimeNs] : ["", mtimeNs];
  const nanos = ns % SECOND_NS;
  return nanos ? [paxRecord("mtime", `${sign}${ns / SECOND_NS}.${String(nanos).padStart(9, "0")}`)] : [];
}

// Everything of an entry but its content. `more` are pax records.
function tarEntry({ name, stat, mode = stat.mode, size = 0n, link = Buffer.alloc(0), type, more = [], dialect }) {
  const named = type === "5" ? Buffer.concat([name, SLASH]) : name;
  const mtime = stat.mtimeNs / SECOND_NS - (stat.mtimeNs % SECOND_NS < 0n ? 1n : 0n);
  const records = dialect.fine ? [...mtimeRecord(stat.mtimeNs), ...more] : [];
  const pax = records.length ? [tarExtra("x", "./PaxHeaders/x", Buffer.concat(records))] : [];
  const facts = { mode: mode & 0o7777n, uid: stat.uid, gid: stat.gid, size, mtime };
  // GNU's tar heeds what pax says of holes only where the header looks like POSIX.
  const magic = more.length ? POSIX_MAGIC : GNU_MAGIC;
  return Buffer.concat([...pax, ...longNames(named, link), tarHeader(type, named, facts, link, magic)]);
}

// ------------------------------------------------------------------ content

// Calls `give` for the content, at most `length` bytes of it. Each piece is a buffer of its own.
function* pieces(handle, length) {
  for (let left = length; left > 0; ) {
    const piece = Buffer.allocUnsafe(Math.min(left, TAR_CHUNK));
    const got = fs.readSync(handle, piece, 0, piece.length, null);
    if (!got) return;
    left -= got;
    yield piece.subarray(0, got);
  }
}

// The content as long as its header said; what is missing at the end of a file that shrank, or that the disk cannot
// read, is zeros. Returns whether it could be read.
function* wholeContent(handle, size, hash) {
  let [done, sound] = [0, true];
  try {
    for (const piece of pieces(handle, size)) {
      hash.update(piece);
      done += piece.length;
      yield piece;
    }
  } catch (error) {
    if (!isReadError(error)) throw error;
    sound = false;
  }
  for (; done < size; done += Math.min(size - done, TAR_CHUNK)) yield Buffer.alloc(Math.min(size - done, TAR_CHUNK));
  yield tarPadding(size);
  return sound;
}

const HOLE = 1 << 16;
const ZEROS = Buffer.alloc(HOLE);

// Where a file holds something, as [offset, length], found by reading it: holes read as zeros.
function extentsOf(handle, size, hash) {
  const extents = [];
  const into = Buffer.allocUnsafe(HOLE);
  for (let at = 0; at < size; ) {
    const got = fs.readSync(handle, into, 0, Math.min(HOLE, size - at), at);
    if (!got) break;
    hash.update(into.subarray(0, got));
    const last = extents.at(-1);
    if (!ZEROS.subarray(0, got).equals(into.subarray(0, got))) {
      if (last && last[0] + last[1] === at) last[1] += got;
      else extents.push([at, got]);
    }
    at += got;
  }
  return extents;
}

function* sparseContent(handle, map, extents) {
  yield map;
  let [size, sound] = [0, true];
  for (const [offset, length] of extents) {
    for (let done = 0; done < length; ) {
      const piece = Buffer.alloc(Math.min(length - done, TAR_CHUNK));
      try {
        fs.readSync(handle, piece, 0, piece.length, offset + done);
      } catch (error) {
        if (!isReadError(error)) throw error;
        sound = false;
      }
      done += piece.length;
      yield piece;
    }
    size += length;
  }
  yield tarPadding(size);
  return sound;
}

// GNU's sparse format 1.0: the map of extents stands before the content.
function* sparseFile(name, handle, stat, hash, dialect) {
  const size = Number(stat.size);
  const extents = extentsOf(handle, size, hash);
  const end = extents.length ? extents.at(-1)[0] + extents.at(-1)[1] : 0;
  const listed = end < size ? [...extents, [size, 0]] : extents;
  const text = Buffer.from(`${[listed.length, ...listed.flat()].join("\n")}\n`);
  const map = Buffer.concat([text, tarPadding(text.length)]);
  const stored = BigInt(map.length + extents.reduce((sum, [, length]) => sum + length, 0));
  const more = [
    paxRecord("GNU.sparse.major", "1"),
    paxRecord("GNU.sparse.minor", "0"),
    paxRecord("GNU.sparse.name", name),
    paxRecord("GNU.sparse.realsize", String(size)),
  ];
  yield tarEntry({ name, stat, size: stored, type: "0", more, dialect });
  return yield* sparseContent(handle, map, extents);
}

function keepsHoles(name, stat, { fine, sparse }) {
  if (!fine || !isSparse(stat) || Number(stat.size) < HOLE) return false;
  return sparse === "all" || (sparse === "ascii" && name.every((byte) => byte > 31 && byte < 127));
}

// ------------------------------------------------------------------ entries

// One file; gives (returns) what is to be said of it. `links` remembers the first name of files with several.
function* fileEntry(name, full, links, dialect) {
  const handle = fs.openSync(full, TO_READ);
  try {
    const stat = fs.fstatSync(handle, { bigint: true });
    if (!stat.isFile()) throw fail("EPACK", "it became something else");
    const first = stat.nlink > 1n ? links.get(`${stat.dev}:${stat.ino}`) : undefined;
    if (first) {
      yield tarEntry({ name, stat, link: first.name, type: "1", dialect });
      return { ...entryOf({ path: name.subarray(2), full, stat }), h: first.sha256 };
    }
    const hash = crypto.createHash("sha256");
    const size = Number(stat.size);
    let sound;
    if (keepsHoles(name, stat, dialect)) sound = yield* sparseFile(name, handle, stat, hash, dialect);
    else {
      yield tarEntry({ name, stat, size: stat.size, type: "0", dialect });
      sound = yield* wholeContent(handle, size, hash);
    }
    if (!sound) return lostEntry({ path: name.subarray(2), full, stat });
    const sha256 = hash.digest("hex");
    const after = fs.fstatSync(handle, { bigint: true });
    if (stat.nlink > 1n) links.set(`${stat.dev}:${stat.ino}`, { name, sha256 });
    const changed = changedSince(stat, after, stat.size);
    return { ...entryOf({ path: name.subarray(2), full, stat }), h: sha256, ...(changed && { changed }) };
  } finally {
    fs.closeSync(handle);
  }
}

function* otherEntry(name, full, stat, dialect) {
  const kind = kindOf(stat);
  if (!(kind in TAR_TYPES)) throw fail("EPACK", "it became something else");
  const link = kind === "l" ? fs.readlinkSync(full, { encoding: "buffer" }) : undefined;
  const mode = kind === "d" && dialect.open ? stat.mode | 0o700n : stat.mode;
  yield tarEntry({ name, stat, mode, link, type: TAR_TYPES[kind], dialect });
  return entryOf({ path: name.subarray(2), full, stat });
}

// The pieces of one entry; returns its facts with the hash (and `changed`), or with `e` where the disk cannot read it:
// whatever was packed in its place is then no file. Raises with the name in the message.
function* entryPieces(root, relative, links, dialect) {
  const full = join(root, relative);
  const name = Buffer.concat([Buffer.from(relative.length ? "./" : "."), relative]);
  let stat;
  try {
    stat = fs.lstatSync(full, { bigint: true });
    return stat.isFile() ? yield* fileEntry(name, full, links, dialect) : yield* otherEntry(name, full, stat, dialect);
  } catch (error) {
    if (!stat || !isReadError(error)) throw fail(error.code, `${relative}: ${error.message}`);
    // It failed before its header: with one, an archive that is read back holds as many names as were asked for.
    yield tarEntry({ name, stat, type: "0", dialect });
    return lostEntry({ path: relative, full, stat });
  }
}

// The tar of `wanted` (relative Buffers), in pieces of some size. `report(item)` hears of every entry when it is packed,
// of those that the disk cannot read (`e`), and of those that went away ({x, r}) or changed meanwhile; unless `live`,
// these last end it. `progress.within` counts the
// bytes of the entry that is packed now.
async function* tarOf({ root, dialect, live }, wanted, progress, report) {
  const [top, links] = [pathOf(root), new Map()];
  let [waiting, size] = [[], 0];
  for await (const relative of wanted) {
    const packing = entryPieces(top, relative, links, dialect);
    progress.within = 0;
    try {
      let next = packing.next();
      for (; !next.done; next = packing.next()) {
        waiting.push(next.value);
        size += next.value.length;
        progress.within += next.value.length;
        if (size < TAR_CHUNK) continue;
        yield waiting.length > 1 ? Buffer.concat(waiting) : waiting[0];
        [waiting, size] = [[], 0];
      }
      if (next.value.changed && !live) throw fail("EPACK", `${relative}: the file changed while it was read`);
      await report(next.value);
    } catch (error) {
      if (!live || !["ENOENT", "ENOTDIR", "ELOOP", "EPACK"].includes(error.code)) throw error;
      await report({ x: base64(relative), r: VANISHED });
    }
  }
  yield Buffer.concat([...waiting, Buffer.alloc(2 * TAR_BLOCK)]);
}
