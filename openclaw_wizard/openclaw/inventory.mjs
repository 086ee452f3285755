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
  return { keys: ocRows(db, "session_nodes", ["session_key"]).map((row) => row.session_key), messages };
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
    messages.set(name.slice(0, -".jsonl".length), await ocLines(path.join(folder, name)));
  }
  return { keys: index && typeof index === "object" ? Object.keys(index) : [], messages };
}

async function ocSessions({ stateDir, agentDirs = {} }, agents, held) {
  const sessions = new Set();
  const messages = {};
  for (const agent of agents) {
    const folder = agentDirs[agent] ?? path.join(stateDir, "agents", agent, "agent");
    const kept = await ocSessionFiles(path.join(stateDir, "agents", agent, "sessions"));
    const stored = await ocWithDatabase(path.join(folder, "openclaw-agent.sqlite"), held, ocSessionRows);
    for (const key of [...kept.keys, ...(stored?.keys ?? [])]) sessions.add(`${agent}/${key}`);
    // Where both are there, the database is what OpenClaw reads.
    for (const [id, count] of [...kept.messages, ...(stored?.messages ?? [])]) messages[`${agent}/${id}`] = count;
  }
  return { sessions: [...sessions].sort(), messages };
}

// ------------------------------------------------------------------ cron, devices, names

function ocCronKey(stateDir, configured, db) {
  const [row] = db ? ocRows(db, "config_machine_state", ["value_json"], "WHERE state_key = 'cron.store'") : [];
  const stored = ocParsed(row?.value_json ?? "");
  const named = configured ?? (typeof stored === "string" && stored.trim() ? stored.trim() : null);
  return named ? ocExpand(named, os.homedir()) : path.join(stateDir, "cron/jobs.json");
}

function ocCronFile(file) {
  const found = ocJson(file);
  const jobs = Array.isArray(found) ? found : (found?.jobs ?? []);
  return jobs.flatMap((job) => (typeof job?.id === "string" ? [job.id] : []));
}

function ocStateRows(db, stateDir, cronStore) {
  const key = ocCronKey(stateDir, cronStore, db);
  const devices = ["device_identities", "device_pairing_paired"].flatMap((table) => ocRows(db, table, ["device_id"]));
  return {
    jobs: ocRows(db, "cron_jobs", ["job_id"], "WHERE store_key = ?", key).map((row) => row.job_id),
    devices: devices.map((row) => row.device_id),
    file: key,
  };
}

// The JSON era: `identity/device.json`, `devices/paired.json` (by id, or a list of records).
function ocDeviceFiles(stateDir) {
  const own = ocJson(path.join(stateDir, "identity/device.json"))?.deviceId;
  const paired = ocJson(path.join(stateDir, "devices/paired.json")) ?? {};
  const ids = Array.isArray(paired) ? paired.map((each) => each?.deviceId) : Object.keys(paired);
  return [own, ...ids].filter((id) => typeof id === "string");
}

function ocFilesBelow(folder) {
  if (!ocIsFolder(folder)) return [];
  const found = [...walk(pathOf(folder))].filter((node) => !node.reason && !node.stat.isDirectory());
  return found.map((node) => ocName(node.path)).sort();
}

function ocEnvNames(stateDir) {
  const lines = (ocText(path.join(stateDir, ".env"), OC_CLOSED) ?? "").split(/\r?\n/);
  const names = lines.map((line) => /^\s*(?:export\s+)?([A-Za-z_][\w.-]*)\s*=/.exec(line)?.[1]);
  return [...new Set(names.filter(Boolean))].sort();
}

// ------------------------------------------------------------------ workspaces, databases

async function ocContentOf(node) {
  if (node.stat.isSymbolicLink()) {
    const target = fs.readlinkSync(node.full, { encoding: "buffer" });
    return crypto.createHash("sha256").update("link\0").update(target).digest("hex");
  }
  return (await sha256File(node.full)).sha256;
}

// undefined for a file that is gone since it was listed: a gateway may be at work.
function ocContentIfThere(node) {
  return ocContentOf(node).catch((error) => {
    if (OC_ABSENT.has(error.code)) return undefined;
    throw error;
  });
}

async function ocWorkspaceFiles({ name, path: folder, excluded }, stateDir) {
  const found = {};
  const rules = ocRules(excluded);
  if (!ocIsFolder(folder)) return found;
  // A workspace may contain the state directory (a home as workspace).
  const ignore = ocUnder(stateDir, folder) && stateDir !== folder ? [path.relative(folder, stateDir)] : [];
  const contents = inOrder(walk(pathOf(folder), { rules, ignore }), 4, async (node) => {
    if (node.reason || node.stat.isDirectory()) return [];
    return [`${name}/${ocName(node.path)}`, await ocContentIfThere(node)];
  });
  for await (const [path, content] of contents) if (content) found[path] = content;
  return found;
}

async function ocDatabaseState(node) {
  const file = ocName(node.path);
  try {
    const { ok, detail, user_version } = await judged(node.full);
    const isBusy = !ok && /locked|busy|unable to open/.test(detail);
    return { path: file, ok, detail: isBusy ? OC_NOT_READ + detail : detail, user_version };
  } catch (error) {
    if (!ocIsUnread(error)) throw error;
    return { path: file, ok: false, detail: OC_NOT_READ + error.code, user_version: null };
  }
}

function ocIsDatabase({ path: relative, reason, stat }) {
  const name = relative.toString("latin1");
  return !reason && stat.isFile() && stat.size > 0n && name.endsWith(".sqlite") && !OC_NOT_DATA.test(name);
}

async function ocDatabases(stateDir, rules) {
  const found = [];
  for (const node of walk(pathOf(stateDir), { rules })) if (ocIsDatabase(node)) found.push(await ocDatabaseState(node));
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

command("oc.inventory", async (params) => {
  const { stateDir, cronStore = null, workspaces = [] } = params;
  const databases = await ocDatabases(stateDir, ocRules(params.excluded));
  const unread = databases.filter(({ detail }) => detail.startsWith(OC_NOT_READ));
  const held = new Set(unread.map((each) => path.join(stateDir, each.path)));
  const agents = ocAgentNames(stateDir, params.agents ?? []);
  const stateFile = path.join(stateDir, "state/openclaw.sqlite");
  const state = await ocWithDatabase(stateFile, held, (db) => ocStateRows(db, stateDir, cronStore));
  const cronFile = ocCronFile(state?.file ?? ocCronKey(stateDir, cronStore, null));
  const files = {};
  for (const each of workspaces) Object.assign(files, await ocWorkspaceFiles(each, stateDir));
  return {
    agents,
    ...(await ocSessions(params, agents, held)),
    cron_jobs: [...new Set([...(state?.jobs ?? []), ...cronFile])].sort(),
    credentials: ocFilesBelow(path.join(stateDir, "credentials")),
    devices: [...new Set([...(state?.devices ?? []), ...ocDeviceFiles(stateDir)])].sort(),
    env_keys: ocEnvNames(stateDir),
    workspace_files: files,
    databases,
  };
});
