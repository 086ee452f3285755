// A damaged database, salvaged into a fresh one of the same schema. See sqlite.mjs; sent only where it is needed.
//
// The damaged one is kept first and never opened itself: a connection would fold its log into it. Tables are read by
// ranges of row numbers, and a range that cannot be read is halved until only what lies on damaged pages is left out.
// What comes out must pass SQLite's own check. Not by `.recover` of the program `sqlite3`: that of Debian 12
// is built without what it needs (measured), and Node is there in any case.

const LOG_SUFFIXES = ["-wal", "-shm", "-journal"];
// So many ranges of one table are tried, wide ones first; a damaged page costs a few hundred.
const MOST_RANGES = 20000;
const [LOWEST, HIGHEST] = [-(2n ** 63n), 2n ** 63n - 1n];

function beside(full, suffix) {
  return Buffer.concat([full, Buffer.from(suffix)]);
}

function removeFamily(full, suffixes = ["", ...LOG_SUFFIXES]) {
  for (const suffix of suffixes) fs.rmSync(beside(full, suffix), { force: true });
}

function syncFile(full) {
  const file = fs.openSync(full, "r+");
  fs.fsyncSync(file);
  fs.closeSync(file);
}

function copyFamily(from, to) {
  removeFamily(to);
  for (const suffix of PARTS.filter((each) => sized(from, each) !== null)) {
    fs.copyFileSync(beside(from, suffix), beside(to, suffix), fs.constants.COPYFILE_FICLONE);
    fs.chmodSync(beside(to, suffix), 0o600);
    syncFile(beside(to, suffix));
  }
}

// The database at `from` with its logs, copied to `to`; folders that are missing there are made for this user alone.
command("keep_database", async ({ from, to }) => {
  const target = pathOf(to);
  fs.mkdirSync(parentOf(target), { recursive: true, mode: 0o700 });
  copyFamily(pathOf(from), target);
  syncFolder(parentOf(target));
});

// ------------------------------------------------------------------ by ranges of rows

function quoted(name) {
  return `"${name.replaceAll('"', '""')}"`;
}

// Foreign keys are looked at in the end; the defence of newer versions of Node would forbid tables of a search index.
async function openWhole(full) {
  const { DatabaseSync } = await sqlite();
  return new DatabaseSync(full.toString(), { enableForeignKeyConstraints: false, defensive: false });
}

// Whether it went through; what SQLite refuses leaves nothing behind.
function went(db, statement, ...values) {
  try {
    db.prepare(statement).run(...values);
    return true;
  } catch (error) {
    if (error.code !== "ERR_SQLITE_ERROR") throw error;
    return false;
  }
}

function bound(db, table, which, otherwise) {
  try {
    const asked = db.prepare(`SELECT ${which}(_rowid_) AS at FROM damaged.${table} NOT INDEXED`);
    asked.setReadBigInts(true);
    return asked.get().at;
  } catch (error) {
    if (error.code !== "ERR_SQLITE_ERROR") throw error;
    return otherwise;
  }
}

// A queue has the widest first, so that where there are too many only the narrowest are never tried.
function salvageRanges(db, table, columns) {
  const fill = `INSERT OR IGNORE INTO main.${table} (_rowid_, ${columns}) SELECT _rowid_, ${columns}
    FROM damaged.${table} NOT INDEXED WHERE _rowid_ BETWEEN ? AND ?`;
  const [first, last] = [bound(db, table, "min", LOWEST), bound(db, table, "max", HIGHEST)];
  const ranges = first === null ? [] : [[first, last]];
  for (let at = 0; at < Math.min(ranges.length, MOST_RANGES); at += 1) {
    const [low, high] = ranges[at];
    if (went(db, fill, low, high) || low >= high) continue;
    const middle = (low + high) >> 1n;
    ranges.push([low, middle], [middle + 1n, high]);
  }
}

// A table without row numbers: as many as can be read from either end.
function salvageEnds(db, table, columns, keys) {
  for (const order of ["ASC", "DESC"]) {
    const sorted = keys.map((key) => `${key} ${order}`).join(", ");
    const fill = `INSERT OR IGNORE INTO main.${table} (${columns}) SELECT ${columns} FROM damaged.${table}
      ORDER BY ${sorted} LIMIT ?`;
    if (went(db, fill, -1)) return;
    let [good, bad] = [0, 1];
    while (went(db, fill, bad)) [good, bad] = [bad, bad * 2];
    while (bad - good > 1) {
      const middle = Math.floor((good + bad) / 2);
      if (went(db, fill, middle)) good = middle;
      else bad = middle;
    }
  }
}

function salvageTable(db, name) {
  const all = db.prepare("SELECT name, hidden, pk FROM pragma_table_xinfo(?, 'main') ORDER BY cid").all(name);
  const columns = all.filter(({ hidden }) => Number(hidden) === 0).map((each) => quoted(each.name)).join(", ");
  const [kind] = db.prepare("SELECT wr FROM pragma_table_list(?) WHERE schema = 'main'").all(name);
  if (!Number(kind.wr)) return salvageRanges(db, quoted(name), columns);
  const keyed = all.filter(({ pk }) => Number(pk)).sort((a, b) => Number(a.pk) - Number(b.pk));
  return salvageEnds(db, quoted(name), columns, keyed.map((each) => quoted(each.name)));
}

const SCHEMA = "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite^_%' ESCAPE '^'";
const ADD_VIRTUAL = "INSERT INTO sqlite_master (type, name, tbl_name, rootpage, sql) VALUES ('table', ?, ?, 0, ?)";

function isVirtual({ sql }) {
  return /^\s*CREATE\s+VIRTUAL\s/i.test(sql);
}

async function inOpened(full, work) {
  const db = await openWhole(full);
  try {
    return work(db);
  } finally {
    db.close();
  }
}

// Not in one transaction: after damage was met in it, SQLite refuses to end it (measured). The file is made anew after
// a kill, and it is brought to the disk as a whole.
function fillTables(db, reading, tables) {
  db.prepare("ATTACH ? AS damaged").run(reading.toString());
  db.exec("PRAGMA cell_size_check = ON; PRAGMA main.synchronous = OFF; PRAGMA main.journal_mode = MEMORY");
  for (const { sql } of tables) db.exec(sql);
  for (const { name } of tables) salvageTable(db, name);
  went(db, "DELETE FROM main.sqlite_sequence");
  went(db, "INSERT INTO main.sqlite_sequence SELECT * FROM damaged.sqlite_sequence");
}

// Of a search index only its own tables were made and filled; the index itself is written into the schema as it was.
function addTheRest(db, schema) {
  for (const type of ["index", "view", "trigger"]) {
    for (const { sql } of schema.filter((each) => each.type === type)) db.exec(sql);
  }
  db.exec("PRAGMA writable_schema = ON");
  for (const { name, sql } of schema.filter(isVirtual)) db.prepare(ADD_VIRTUAL).run(name, name, sql);
  db.exec("PRAGMA writable_schema = OFF");
}

async function rebuild(from, reading, fresh) {
  const schema = from.prepare(SCHEMA).all();
  const settings = ["page_size", "encoding", "auto_vacuum"].map((name) => {
    return `PRAGMA ${name} = '${from.prepare(`PRAGMA ${name}`).get()[name]}';`;
  });
  const tables = schema.filter((each) => each.type === "table" && !isVirtual(each));
  await inOpened(fresh, (db) => {
    db.exec(settings.join(""));
    fillTables(db, reading, tables);
  });
  await inOpened(fresh, (db) => addTheRest(db, schema));
}

// ------------------------------------------------------------------ what came out

function tablesOf(db) {
  return db.prepare(SCHEMA).all().filter((each) => each.type === "table" && !isVirtual(each)).map(({ name }) => name);
}

// The rows of a table, null where none of its trees can be walked: an index has as many entries as the table has rows.
function countRows(db, name) {
  const indexes = db.prepare("SELECT name FROM pragma_index_list(?) WHERE partial = 0").all(name);
  const ways = ["NOT INDEXED", ...indexes.map((each) => `INDEXED BY ${quoted(each.name)}`)];
  for (const way of ways) {
    try {
      return Number(db.prepare(`SELECT count(*) AS n FROM ${quoted(name)} ${way}`).get().n);
    } catch (error) {
      if (error.code !== "ERR_SQLITE_ERROR") throw error;
    }
  }
  return null;
}

function isSound(db) {
  try {
    const said = db.prepare("PRAGMA integrity_check(1)").all().map((row) => row.integrity_check);
    return said.length === 1 && said[0] === "ok";
  } catch (error) {
    if (error.code !== "ERR_SQLITE_ERROR") throw error;
    return false;
  }
}

// Rows without what they belong to go: OpenClaw refuses a database that has such. How many went.
function dropOrphans(db) {
  const asked = db.prepare('SELECT DISTINCT "table" AS name, rowid AS at FROM pragma_foreign_key_check WHERE rowid IS NOT NULL');
  const drop = ({ name, at }) => Number(db.prepare(`DELETE FROM ${quoted(name)} WHERE _rowid_ = ?`).run(at).changes);
  let gone = 0;
  db.exec("BEGIN");
  for (let found = asked.all(), last = -1; found.length && gone > last; found = asked.all()) {
    last = gone;
    for (const each of found) gone += drop(each);
  }
  db.exec("COMMIT");
  return gone;
}

// Search indexes are made again from their own text where their tables do not fit together any more.
function mendIndexes(db) {
  if (isSound(db)) return true;
  const search = db.prepare("SELECT name FROM sqlite_master WHERE sql LIKE '%USING fts5%'").all();
  for (const { name } of search) went(db, `INSERT INTO ${quoted(name)} (${quoted(name)}) VALUES ('rebuild')`);
  went(db, "REINDEX");
  return isSound(db);
}

// What was salvaged, table by table; EDAMAGED where the new one is not whole.
function finished(from, db) {
  const orphans = dropOrphans(db);
  if (!mendIndexes(db)) throw fail("EDAMAGED", "what can be read of it makes no whole database");
  for (const name of ["user_version", "application_id"]) {
    db.exec(`PRAGMA ${name} = ${from.prepare(`PRAGMA ${name}`).get()[name]}`);
  }
  const tables = tablesOf(from).map((name) => ({ name, kept: countRows(db, name), counted: countRows(from, name) }));
  return { tables, orphans };
}

async function salvaged(reading, fresh) {
  const isLogged = headerOf(reading)[READ_VERSION_AT] === WAL;
  const from = await openWhole(reading);
  try {
    await rebuild(from, reading, fresh);
    return await inOpened(fresh, (db) => {
      const found = finished(from, db);
      if (isLogged) db.exec("PRAGMA journal_mode = WAL");
      return found;
    });
  } catch (error) {
    if (error.code !== "ERR_SQLITE_ERROR") throw error;
    throw fail("EDAMAGED", `it cannot be read (${error.message})`);
  } finally {
    from.close();
  }
}

// Makes of the damaged database `kept` a new one that takes the place of `to`: {tables: [{name, kept, counted}],
// orphans}; `counted` is null where the damaged one cannot say. EDAMAGED where that cannot be done.
command("recover_database", async ({ kept, to }) => {
  const [source, target] = [pathOf(kept), pathOf(to)];
  const [reading, fresh] = [beside(source, ".reading"), beside(target, ".recovered")];
  try {
    removeFamily(fresh);
    copyFamily(source, reading);
    const found = await salvaged(reading, fresh);
    fs.chmodSync(fresh, fs.statSync(tolerant(() => fs.statSync(target)) ? target : source).mode & 0o777);
    syncFile(fresh);
    // The damaged one's log beside the new one would be taken for its own.
    removeFamily(target, LOG_SUFFIXES);
    fs.renameSync(fresh, target);
    syncFolder(parentOf(target));
    return found;
  } finally {
    removeFamily(reading);
    removeFamily(fresh);
  }
});
