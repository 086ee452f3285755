// SQLite on a host: reading without leaving a trace, integrity, consistent copies. See helper.mjs.
//
// A plain read-only open of a database in WAL mode makes `-shm` and `-wal` files beside it and leaves them there
// (measured), so such a database that nobody holds is opened as immutable, or as a private copy where there is a log
// to be read with it.

// Imported late: a Node without it still runs every other command.
async function sqlite() {
  return import("node:sqlite");
}

const MAGIC = Buffer.from("SQLite format 3\0", "latin1");
const HEADER = 100;

function sized(full, suffix) {
  const stat = lstatOrNull(Buffer.concat([full, Buffer.from(suffix)]));
  return stat?.isFile() ? Number(stat.size) : null;
}

function headerOf(full) {
  const file = fs.openSync(full, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK);
  try {
    const header = Buffer.alloc(HEADER);
    return header.subarray(0, fs.readSync(file, header, 0, HEADER, 0));
  } finally {
    fs.closeSync(file);
  }
}

// Whether this is a database, told by its content; one that is gone (a journal that a writer ended) is none.
function looksLikeDatabase(full) {
  try {
    return startsAsOne(full);
  } catch (error) {
    // What the disk cannot read is named where it is copied; here only what calls itself a database counts.
    if (isReadError(error)) return /\.(sqlite3?|db)$/.test(full.toString("latin1"));
    throw error;
  }
}

function startsAsOne(full) {
  return tolerant(() => headerOf(full))?.subarray(0, MAGIC.length).equals(MAGIC) ?? false;
}

function urlOf(full, query) {
  // Percent-encoded byte by byte: the name need not be UTF-8.
  const text = Array.from(full, (byte) => {
    const char = String.fromCharCode(byte);
    return /[A-Za-z0-9/._~-]/.test(char) ? char : `%${byte.toString(16).padStart(2, "0")}`;
  }).join("");
  return new URL(`file://${text}?${query}`);
}

async function openPlain(full, options) {
  const { DatabaseSync } = await sqlite();
  const db = new DatabaseSync(full.toString(), options);
  db.exec("PRAGMA busy_timeout = 15000");
  return { db, close: () => db.close() };
}

async function openImmutable(full) {
  const { DatabaseSync } = await sqlite();
  try {
    const db = new DatabaseSync(urlOf(full, "immutable=1"), { readOnly: true });
    return { db, close: () => db.close() };
  } catch (error) {
    // Node before 22.15 takes no URL, so the only way that leaves nothing behind is a copy.
    if (error.code === "ERR_INVALID_ARG_TYPE") return openCopy(full);
    throw error;
  }
}

const PARTS = ["", "-wal", "-journal"];

function stateOf(full) {
  return PARTS.map((suffix) => {
    const stat = lstatOrNull(Buffer.concat([full, Buffer.from(suffix)]));
    return stat && `${stat.ino} ${stat.size} ${stat.mtimeNs}`;
  }).join("|");
}

// EBUSY where the database changed meanwhile: a copy that is made beside a writer at work proves nothing.
async function openCopy(full) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "openclaw-wizard-"));
  const close = () => fs.rmSync(folder, { recursive: true, force: true });
  try {
    const before = stateOf(full);
    const copy = Buffer.from(path.join(folder, "copy.sqlite"));
    for (const suffix of PARTS) {
      if (sized(full, suffix) === null) continue;
      const to = Buffer.concat([copy, Buffer.from(suffix)]);
      fs.copyFileSync(Buffer.concat([full, Buffer.from(suffix)]), to, fs.constants.COPYFILE_FICLONE);
      fs.chmodSync(to, 0o600);
    }
    if (stateOf(full) !== before) throw fail("EBUSY", `${full} changes while it is copied`);
    const opened = await openPlain(copy, {});
    return { db: opened.db, close: () => (opened.close(), close()) };
  } catch (error) {
    close();
    throw error;
  }
}

const BESIDE_A_WRITER = 20;

// A journal is either that of a writer at work, beside whom one reads, or left by one that was killed: then only a
// copy can be rolled back. A writer that is quick with its journals can look like the second for a moment.
async function openBesideJournal(full, options) {
  for (let left = BESIDE_A_WRITER; ; left -= 1) {
    const opened = await openPlain(full, options);
    try {
      opened.db.prepare("SELECT count(*) FROM sqlite_master").get();
      return opened;
    } catch (error) {
      opened.close();
      if (error.code !== "ERR_SQLITE_ERROR") throw error;
    }
    try {
      return await openCopy(full);
    } catch (error) {
      if (!left || !["ENOENT", "EBUSY"].includes(error.code)) throw error;
    }
  }
}

const WAL = 2;
const READ_VERSION_AT = 19;

// A database with a rollback journal is locked while it is written and a plain open leaves nothing beside it. With a
// log, `-shm` stands for somebody who has it open: only SQLite itself can then read what is in the log.
function howToOpen(full) {
  if (headerOf(full)[READ_VERSION_AT] !== WAL) return openBesideJournal;
  if (sized(full, "-shm") !== null) return openPlain;
  return sized(full, "-wal") ? openCopy : openImmutable;
}

// `value` is a Buffer or a path parameter.
async function openForReading(value) {
  // SQLite keeps the log beside the file that a link leads to.
  const full = realpath(Buffer.isBuffer(value) ? value : pathOf(value));
  return howToOpen(full)(full, { readOnly: true });
}

// ------------------------------------------------------------------ integrity

const SQLITE_IOERR = 10;

// `also(db)` may add to the answer of one that is sound: opening it again could mean to copy it again.
async function judged(full, also = () => ({})) {
  let opened;
  try {
    opened = await openForReading(full);
    const said = opened.db.prepare("PRAGMA integrity_check(5)").all().map((row) => row.integrity_check);
    const { user_version } = opened.db.prepare("PRAGMA user_version").get();
    const ok = said.length === 1 && said[0] === "ok";
    return { ok, detail: said.join("; "), user_version, ...(ok && also(opened.db)) };
  } catch (error) {
    const unread = isReadError(error) || (error.code === "ERR_SQLITE_ERROR" && error.errcode % 256 === SQLITE_IOERR);
    if (!unread && error.code !== "ERR_SQLITE_ERROR") throw error;
    return { ok: false, detail: unread ? UNREADABLE.reason : error.message, user_version: null };
  } finally {
    opened?.close();
  }
}

async function checked({ path: relative, full, stat }) {
  const wal_bytes = sized(full, "-wal") ?? 0;
  if (stat.size === 0n) {
    if (!/\.(sqlite3?|db)$/.test(relative.toString("latin1"))) return undefined;
    return { p: base64(relative), ok: true, detail: "empty", user_version: null, wal_bytes };
  }
  if (!looksLikeDatabase(full)) return undefined;
  return { p: base64(relative), ...(await judged(full)), wal_bytes };
}

command("databases", async ({ root, rules, ignore }, emit) => {
  let count = 0;
  for (const node of walk(pathOf(root), { rules, ignore })) {
    if (node.reason || !node.stat.isFile()) continue;
    const found = await checked(node);
    if (!found) continue;
    count += 1;
    await emit(found);
  }
  return { count };
});

// ------------------------------------------------------------------ consistent copies

async function copyOnline(db, to) {
  const { backup } = await sqlite();
  // Node before 22.16 has no online backup.
  if (backup) await backup(db, to);
  else db.prepare("VACUUM INTO ?").run(to);
}

command("snapshot", async ({ from, to }) => {
  const target = pathOf(to).toString();
  const temp = `${target}.tmp-${crypto.randomBytes(6).toString("hex")}`;
  const { db, close } = await openForReading(from);
  try {
    fs.writeFileSync(temp, "", { flag: "wx", mode: 0o600 });
    await copyOnline(db, temp);
    const file = fs.openSync(temp, "r+");
    fs.fsyncSync(file);
    fs.closeSync(file);
    fs.renameSync(temp, target);
    syncFolder(parentOf(Buffer.from(target)));
  } finally {
    close();
    for (const suffix of ["", "-wal", "-shm", "-journal"]) fs.rmSync(temp + suffix, { force: true });
  }
  return { size: fs.statSync(target).size };
});
