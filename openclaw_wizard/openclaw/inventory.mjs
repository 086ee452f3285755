// What an installation holds, counted: `oc.inventory`. See queries.mjs; what is counted and why: inventory.py.
//
// Names leave the host, never content. A database that cannot be read is told as such and never fails the rest.

const OC_NOT_DATA = /(\.generation-(lock|writer)|-lock|\.lock)\.sqlite$/;
const OC_NOT_READ = "not read: ";

function ocHasColumns(db, table, columns) {
  const found = new Set(db.prepare("SELECT name FROM pragma_table_info(?)").all(table).map(({ name }) => name));
  return columns.every((column) => found.has(column));
}

// The rows of `columns`, or none where this schema has no such table.
function ocRows(db, table, columns, rest = "", ...values) {
  if (!ocHasColumns(db, table, columns)) return [];
  return db.prepare(`SELECT ${columns.join(", ")} FROM ${table} ${rest}`).all(...values);
}

// How many rows, or undefined where this schema has no such table.
function ocCount(db, table) {
  const there = db.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?").get(table);
  return there ? Number(db.prepare(`SELECT count(*) AS n FROM ${table}`).get().n) : undefined;
}

function ocIsUnread(error) {
  return error.code === "ERR_SQLITE_ERROR" || OC_CLOSED.has(error.code);
}

// What `read(db)` gives, or undefined where there is no database or it cannot be read now. One that was found to be
// held is not waited for again.
async function ocWithDatabase(file, held, read) {
  if (held.has(file) || !ocTry(() => fs.statSync(file).size, OC_CLOSED)) return undefined;
  let opened;
  try {
    opened = await openForReading(file);
    return read(opened.db);
  } catch (error) {
    if (ocIsUnread(error)) return undefined;
    throw error;
  } finally {
    opened?.close();
  }
}

// The value of JSON text, or undefined where it is none.
function ocParsed(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function ocJson(file) {
  return ocParsed(ocText(file, OC_CLOSED) ?? "");
}

// ------------------------------------------------------------------ agents, sessions, messages

function ocHoldsData(folder) {
  return ["agent", "sessions"].some((name) => ocNames(path.join(folder, name), OC_CLOSED).length > 0);
}

function ocAgentNames(stateDir, configured) {
  const folder = path.join(stateDir, "agents");
  const found = ocNames(folder, OC_CLOSED).filter((name) => ocHoldsData(path.join(folder, name)));
  return [...new Set([...configured, ...found])].sort();
}

// Cold transcripts are kept outside of the table; their count stands in the archive's row.
function ocSessionRows(db) {
  const counted = ocHasColumns(db, "transcript_events", ["session_id"])
    ? db.prepare("SELECT session_id, count(*) AS n FROM transcript_events GROUP BY session_id").all()
    : [];
  const cold = ocRows(db, "session_transcript_cold_archives", ["session_id", "event_count"]);
  const messages = new Map();
  for (const { session_id: id, n } of counted) messages.set(id, Number(n));
  for (const { session_id: id, event_count: n } of cold) messages.set(id, (messages.get(id) ?? 0) + Number(n));
  const index = ocCount(db, "memory_index_chunks");
  return { keys: ocRows(db, "session_nodes", ["session_key"]).map((row) => row.session_key), messages, index };
}

// undefined for what is gone since it was listed (a gateway may be at work), or that the disk cannot read: the copy names it.
function ocUnlessUnreadable(reading) {
  return reading.catch((error) => {
    if (OC_ABSENT.has(error.code) || isReadError(error)) return undefined;
    throw error;
  });
}

async function ocLines(file) {
  let count = 0;
  let last = 10;
  for await (const chunk of fs.createReadStream(file)) {
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) count += 1;
    last = chunk[chunk.length - 1];
  }
  return count + (last === 10 ? 0 : 1);
}

// Up to 2026.7: an index and one file a transcript [old docs/concepts/session.md].
async function ocSessionFiles(folder) {
  const index = ocJson(path.join(folder, "sessions.json"));
  const messages = new Map();
  for (const name of ocNames(folder, OC_CLOSED).filter((each) => /^[^.]+\.jsonl$/.test(each))) {
    const count = await ocUnlessUnreadable(ocLines(path.join(folder, name)));
    if (count !== undefined) messages.set(name.slice(0, -".jsonl".length), count);
  }
  return { keys: index && typeof index === "object" ? Object.keys(index) : [], messages };
}

// Up to 2026.6.8 the index of an agent's memory was a database of its own (#95495).
function ocOldIndex(stateDir, agent, held) {
  return ocWithDatabase(path.join(stateDir, "memory", `${agent}.sqlite`), held, (db) => ocCount(db, "chunks"));
}

async function ocSessions({ stateDir, agentDirs = {} }, agents, held) {
  const sessions = new Set();
  const messages = {};
  const index = {};
  for (const agent of agents) {
    const folder = agentDirs[agent] ?? path.join(stateDir, "agents", agent, "agent");
    const kept = await ocSessionFiles(path.join(stateDir, "agents", agent, "sessions"));
    const stored = await ocWithDatabase(path.join(folder, "openclaw-agent.sqlite"), held, ocSessionRows);
    for (const key of [...kept.keys, ...(stored?.keys ?? [])]) sessions.add(`${agent}/${key}`);
    // Where both are there, the database is what OpenClaw reads.
    for (const [id, count] of [...kept.messages, ...(stored?.messages ?? [])]) messages[`${agent}/${id}`] = count;
    const rows = stored?.index ?? (await ocOldIndex(stateDir, agent, held));
    if (rows !== undefined) index[agent] = rows;
  }
  return { sessions: [...sessions].sort(), messages, memory_index: index };
}

// ------------------------------------------------------------------ databases

// What OpenClaw itself says of its schema [src state/openclaw-state-schema.ts].
function ocSchema(db) {
  const [row] = ocRows(db, "schema_meta", ["schema_version"], "WHERE meta_key = 'primary'");
  return { schema_version: row ? Number(row.schema_version) : null };
}

async function ocDatabaseState({ path: relative, full }) {
  const file = ocName(relative);
  try {
    const found = await judged(full, ocSchema);
    const isBusy = !found.ok && /locked|busy|unable to open/.test(found.detail);
    return { path: file, ...found, detail: isBusy ? OC_NOT_READ + found.detail : found.detail };
  } catch (error) {
    if (!ocIsUnread(error)) throw error;
    return { path: file, ok: false, detail: OC_NOT_READ + error.code, user_version: null };
  }
}

// By name alone: to look at every file of a large state directory would take most of the inventory's time (measured).
function* ocDatabaseFilesBelow(root, reasonFor, folder = Buffer.alloc(0)) {
  const entries = ocTry(() => fs.readdirSync(join(root, folder), { withFileTypes: true, encoding: "buffer" }));
  for (const entry of entries ?? []) {
    const relative = join(folder, entry.name);
    if (entry.isDirectory()) {
      if (!reasonFor(relative, true)) yield* ocDatabaseFilesBelow(root, reasonFor, relative);
    } else if (entry.isFile() && ocIsDatabase(entry.name) && !reasonFor(relative, false)) {
      yield { path: relative, full: join(root, relative) };
    }
  }
}

function ocIsDatabase(bytes) {
  const name = bytes.toString("latin1");
  return name.endsWith(".sqlite") && !OC_NOT_DATA.test(name);
}

async function ocDatabases(stateDir, rules) {
  const found = [];
  for (const file of ocDatabaseFilesBelow(pathOf(stateDir), ruleSet(rules))) {
    if (ocTry(() => fs.statSync(file.full).size, OC_CLOSED)) found.push(await ocDatabaseState(file));
  }
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

command("oc.inventory", async (params) => {
  const { stateDir, cronStore = null } = params;
  const databases = await ocDatabases(stateDir, ocRules(params.excluded));
  const unread = databases.filter(({ detail }) => detail.startsWith(OC_NOT_READ));
  const held = new Set(unread.map((each) => path.join(stateDir, each.path)));
  const agents = ocAgentNames(stateDir, params.agents ?? []);
  const stateFile = path.join(stateDir, "state/openclaw.sqlite");
  const state = await ocWithDatabase(stateFile, held, (db) => ocStateRows(db, stateDir, cronStore));
  const workspaces = ocWorkspaces(params.workspaces ?? {});
  return {
    taken: Date.now() / 1000,
    agents,
    ...(await ocSessions(params, agents, held)),
    ...ocCron([...(state?.jobs ?? []), ...ocCronFile(state?.file ?? ocCronKey(stateDir, cronStore, null))]),
    credentials: ocFilesBelow(path.join(stateDir, "credentials")),
    devices: [...new Set([...(state?.devices ?? []), ...ocDeviceFiles(stateDir)])].sort(),
    asks_quietly: ocIsPaired(stateDir),
    pairing_requests: Object.fromEntries([...(state?.requests ?? []), ...ocRequestFiles(stateDir)].sort()),
    plugins: { ...ocPluginFolders(stateDir), ...state?.plugins },
    skills: ocSkills(stateDir, workspaces),
    workspaces,
    memory_files: ocMemoryFiles(workspaces),
    env_keys: ocEnvNames(stateDir),
    databases,
  };
});
