// Small things by which pitfalls are told, read beside what `oc.discover` reads anyway: no database is opened twice
// and no tree is walked again. See signs.py, which says where each is known from. A name leaves the host, never a value.

// Names of what holds keys, tokens or conversations [doc cli/security.md "fs.*"].
const OC_SECRET =
  /^((openclaw|clawdbot)\.json|\.env$|secrets\.json$|(credentials|identity|devices)\/|state\/.*\.sqlite|agents\/[^/]+\/(agent|sessions)\/)/;
const OC_DATABASE = /\.(sqlite3?|db)$/;
const OC_LOG = /\.(sqlite3?|db)-(wal|journal)$/;

function ocListed(names) {
  return { count: names.length, first: names.slice(0, OC_NAMED) };
}

// Counts all of them and keeps the first, since there can be a million.
class OcTally {
  count = 0;
  first = [];

  add(name) {
    this.count += 1;
    if (this.first.length < OC_NAMED) this.first.push(ocName(Buffer.from(name, "latin1")));
  }
}

// Whether every folder above lets other users through.
function ocReachable(folder) {
  for (let at = path.resolve(folder); at !== "/"; at = path.dirname(at)) {
    if (!((ocTry(() => fs.statSync(at).mode, OC_CLOSED) ?? 0) & 0o001)) return false;
  }
  return true;
}

// What is odd about entries, gathered while a state directory is walked; parents come first.
class OcOdd {
  #foreign = new OcTally();
  #open = new OcTally();
  #logs = [];
  #databases = new Set();
  #passable = new Set();
  #reachable;
  #user = process.getuid();

  constructor(stateDir) {
    this.#reachable = ocReachable(path.dirname(stateDir));
  }

  // `name` is relative to the state directory, a character a byte; its own is empty.
  add(name, stat) {
    if (!stat) return;
    if (Number(stat.uid) !== this.#user) this.#foreign.add(name || ".");
    this.#modes(name, stat, Number(stat.mode));
    // What lies in a workspace is a person's own.
    if (name.startsWith("workspace")) return;
    if (OC_LOG.test(name)) this.#logs.push(name);
    if (OC_DATABASE.test(name)) this.#databases.add(name);
  }

  #modes(name, stat, mode) {
    const above = name ? this.#passable.has(name.includes("/") ? path.dirname(name) : "") : this.#reachable;
    if (!above) return;
    if (stat.isDirectory() && mode & 0o001) this.#passable.add(name);
    if (stat.isFile() && mode & 0o004 && OC_SECRET.test(name)) this.#open.add(name);
  }

  found() {
    const stray = new OcTally();
    for (const name of this.#logs) if (!this.#databases.has(name.replace(/-(wal|journal)$/, ""))) stray.add(name);
    return { foreign: this.#foreign, openToOthers: this.#open, strayLogs: stray };
  }
}

// ------------------------------------------------------------------ conversations of the JSONL era

// Whether it is there and this user may not list it, or may not even see whether it is.
function ocIsClosed(folder) {
  try {
    fs.readdirSync(folder);
    return false;
  } catch (error) {
    if (!OC_CLOSED.has(error.code)) throw error;
    return !OC_ABSENT.has(error.code);
  }
}

function ocIndexed(folder) {
  const found = ocJson(path.join(folder, "sessions.json"));
  return Object.values(found && typeof found === "object" ? found : {}).filter((each) => each?.sessionId);
}

async function ocHasSessionRows(file) {
  const count = await ocWithDatabase(file, new Set(), (db) => ocCount(db, "session_nodes"));
  return Boolean(count);
}

async function ocChats(stateDir) {
  const found = { transcripts: 0, indexed: 0, withoutChats: [], putAway: [], elsewhere: [] };
  found.closed = ocIsClosed(path.join(stateDir, "agents"));
  for (const agent of ocNames(path.join(stateDir, "agents"), OC_CLOSED)) {
    const folder = path.join(stateDir, "agents", agent, "sessions");
    found.closed ||= ocIsClosed(folder);
    const names = ocNames(folder, OC_CLOSED);
    const chats = names.filter((name) => name.endsWith(".jsonl") && !name.endsWith(".trajectory.jsonl"));
    const index = ocIndexed(folder);
    found.transcripts += chats.length;
    found.indexed += index.length;
    for (const { sessionId, sessionFile } of index) {
      const away = names.some((name) => name.startsWith(`${sessionId}.jsonl.deleted.`));
      if (away && !names.includes(`${sessionId}.jsonl`)) found.putAway.push(`${agent}/${sessionId}`);
      const isElsewhere = typeof sessionFile === "string" && path.isAbsolute(sessionFile);
      if (isElsewhere && !ocUnder(ocReal(sessionFile), ocReal(folder))) found.elsewhere.push(`${agent}/${sessionId}`);
    }
    const database = path.join(stateDir, "agents", agent, "agent/openclaw-agent.sqlite");
    if (index.length && !chats.length && !(await ocHasSessionRows(database))) found.withoutChats.push(agent);
  }
  return { ...found, putAway: ocListed(found.putAway), elsewhere: ocListed(found.elsewhere) };
}

// ------------------------------------------------------------------ the state database

function ocCronStores(db) {
  if (!ocHasColumns(db, "cron_jobs", ["store_key", "job_id"])) return null;
  return db.prepare("SELECT store_key AS key, count(*) AS n FROM cron_jobs GROUP BY store_key").all();
}

function ocFromState(db, stateDir) {
  const stores = ocCronStores(db);
  const ids = new Set(stores ? ocRows(db, "cron_jobs", ["job_id"]).map((row) => row.job_id) : []);
  const inFile = stores ? ocCronFile(path.join(stateDir, "cron/jobs.json")) : [];
  const [row] = ocRows(db, "config_machine_state", ["value_json"], "WHERE state_key = 'plugins.installedIndex'");
  const index = ocParsed(row?.value_json ?? "")?.index;
  return {
    cronKey: ocCronKey(stateDir, null, db),
    cronStores: stores?.map(({ key, n }) => [String(key), Number(n)]) ?? [],
    cronUnimported: inFile.filter(({ id }) => !ids.has(id)).length,
    plugins: Array.isArray(index?.plugins) ? index.plugins.map((each) => String(each?.pluginId)) : null,
    records: ocStoredPlugins(db) ?? {},
  };
}

// Without a database there is nothing in it; null where there is one that cannot be read.
async function ocStored(stateDir) {
  const file = path.join(stateDir, "state/openclaw.sqlite");
  const none = { cronKey: "", cronStores: [], cronUnimported: 0, plugins: null, records: {} };
  if (ocIsClosed(path.dirname(file))) return null;
  if (!ocTry(() => fs.statSync(file).size, OC_CLOSED)) return none;
  return (await ocWithDatabase(file, new Set(), (db) => ocFromState(db, stateDir))) ?? null;
}

// The plugins whose recorded folder is not there, such as one of another home.
function ocLostPlugins(stateDir, stored) {
  const kept = ocJson(path.join(stateDir, "plugins/installs.json"));
  const records = { ...(kept?.installRecords ?? kept?.records), ...stored };
  const places = Object.entries(records).map(([id, each]) => [id, each?.installPath]);
  return places.filter(([, at]) => typeof at === "string" && !ocExists(at)).map(([id, at]) => `${id} in ${at}`);
}

// ------------------------------------------------------------------ other files

// Each stops the start of 2026.7.1 where its migrated form is there too (#107227, #102749).
const OC_MIGRATED = ["update-check.json", "logs/config-health.json", "plugins/installs.json"];

function ocPairedInFiles(stateDir) {
  const paired = ocJson(path.join(stateDir, "devices/paired.json")) ?? {};
  return Array.isArray(paired) ? paired.length : Object.keys(paired).length;
}

function ocLinkedAccounts(stateDir) {
  const folder = path.join(stateDir, "credentials/whatsapp");
  if (ocIsClosed(path.dirname(folder)) || ocIsClosed(folder)) return null;
  return ocNames(folder, OC_CLOSED).filter((name) => ocExists(path.join(folder, name, "creds.json")));
}

function ocReadOnly(configPath) {
  const real = ocReal(configPath);
  return real.startsWith("/nix/store/") ? `it is ${real}` : "";
}

function ocNodeUnits(home) {
  return ocNames(path.join(home, ".config/systemd/user"), OC_CLOSED).filter((name) => OC_NODE_HOST.test(name));
}

const OC_ARCHIVE = /-openclaw-backup\.tar\.gz$/;

async function ocSigns(stateDir, { home, configPath, odd }) {
  const stored = await ocStored(stateDir);
  const marked = OC_MIGRATED.filter((name) => ocExists(path.join(stateDir, name)) && ocExists(path.join(stateDir, `${name}.migrated`)));
  return {
    ...odd,
    ...(await ocChats(stateDir)),
    stored: stored && { ...stored, records: undefined },
    lostPlugins: stored && ocLostPlugins(stateDir, stored.records),
    leftovers: marked,
    archives: ocNames(home, OC_CLOSED).filter((name) => OC_ARCHIVE.test(name)),
    paired: ocPairedInFiles(stateDir),
    identity: ocExists(path.join(stateDir, "identity/device.json")),
    whatsapp: ocLinkedAccounts(stateDir),
    readOnly: ocReadOnly(configPath),
    nodeUnits: ocNodeUnits(home),
    variables: [...new Set([...ocEnvNames(stateDir), ...ocEnvNames(path.join(home, ".config/openclaw"), "gateway.env")])],
  };
}

// ------------------------------------------------------------------ the machine that it goes to

async function ocListeningOn(port, proc) {
  if (!port || !(await ocListening(port))) return { listening: "", listener: null };
  const found = ocListener(port, ocOpenFiles(proc), proc);
  const listening = found ? `${found.comm} (process ${found.pid})` : "a program of another user";
  return { listening, listener: found?.pid ?? null };
}

// What Node says where the system has no answer, such as a user without an account.
const OC_REFUSED = new Set(["ENOENT", "ERR_SYSTEM_ERROR"]);

// {legacy, unitFolder, unitFolderMode, accountHome, addresses, listening, listener, answering}; `asked` are places as 127.0.0.1:11434.
command("oc.there", async ({ home, port = null, asked = [], proc = "/proc" }) => {
  const unitFolder = path.join(home, ".config/systemd/user");
  const units = ocTry(() => fs.statSync(unitFolder), OC_CLOSED);
  const links = ocTry(() => os.networkInterfaces(), OC_REFUSED) ?? {};
  const addresses = Object.values(links).flat().map(({ address }) => address);
  const ports = asked.map((each) => [each, Number(each.split(":").at(-1))]);
  const answers = await Promise.all(ports.map(([, number]) => ocListening(number)));
  return {
    legacy: ocLegacy(home, [path.join(home, ".openclaw")]),
    unitFolder: units ? ocReal(unitFolder) : "",
    unitFolderMode: units ? units.mode & 0o7777 : null,
    accountHome: ocTry(() => os.userInfo().homedir, OC_REFUSED) ?? "",
    addresses,
    ...(await ocListeningOn(port, proc)),
    answering: ports.filter((_, at) => answers[at]).map(([each]) => each),
  };
});
