// What an installation holds besides conversations, by name: cron jobs, devices, requests, plugins, skills, memory,
// variables. Part of `oc.inventory`, see inventory.mjs; a name leaves the host, never a value.

function ocCronKey(stateDir, configured, db) {
  const [row] = db ? ocRows(db, "config_machine_state", ["value_json"], "WHERE state_key = 'cron.store'") : [];
  const stored = ocParsed(row?.value_json ?? "");
  const named = configured ?? (typeof stored === "string" && stored.trim() ? stored.trim() : null);
  return named ? ocExpand(named, os.homedir()) : path.join(stateDir, "cron/jobs.json");
}

function ocCronFile(file) {
  const found = ocJson(file);
  const jobs = Array.isArray(found) ? found : found?.jobs;
  return (Array.isArray(jobs) ? jobs : []).filter((job) => typeof job?.id === "string").map(({ id, enabled }) => ({ id, on: enabled !== false }));
}

// Those that are off are told too: a job that the move switched off would be lost as well.
function ocCron(jobs) {
  const ids = [...new Set(jobs.map(({ id }) => id))].sort();
  const off = new Set(jobs.filter(({ on }) => !on).map(({ id }) => id));
  return { cron_jobs: ids, cron_off: ids.filter((id) => off.has(id)) };
}

function ocCronRows(db, key) {
  const switched = ocHasColumns(db, "cron_jobs", ["enabled"]);
  const rows = ocRows(db, "cron_jobs", switched ? ["job_id", "enabled"] : ["job_id"], "WHERE store_key = ?", key);
  return rows.map(({ job_id: id, enabled = 1 }) => ({ id, on: Number(enabled) !== 0 }));
}

function ocStateRows(db, stateDir, cronStore) {
  const key = ocCronKey(stateDir, cronStore, db);
  const devices = ["device_identities", "device_pairing_paired"].flatMap((table) => ocRows(db, table, ["device_id"]));
  return {
    jobs: ocCronRows(db, key),
    devices: devices.map((row) => row.device_id),
    requests: ocRequestRows(db),
    plugins: ocPluginRows(db),
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

// Whether this machine's own `openclaw` is a device that the gateway knows.
function ocIsPaired(stateDir) {
  const own = ocJson(path.join(stateDir, "identity/device.json"))?.deviceId;
  const paired = ocJson(path.join(stateDir, "devices/paired.json")) ?? {};
  const ids = Array.isArray(paired) ? paired.map((each) => each?.deviceId) : Object.keys(paired);
  return own !== undefined && ids.includes(own);
}

// [name, seconds since the epoch]; the name holds a digest, since whoever asked is a person.
function ocRequest(place, id, time) {
  const digest = crypto.createHash("sha256").update(String(id)).digest("hex").slice(0, 8);
  const seconds = typeof time === "string" ? Date.parse(time) / 1000 : Number(time) / 1000;
  return [`${place}/${digest}`, Number.isFinite(seconds) ? seconds : 0];
}

function ocRequestRows(db) {
  const asked = ocRows(db, "channel_pairing_requests", ["channel_key", "account_id", "request_id", "created_at"]);
  const devices = ocRows(db, "device_pairing_pending", ["request_id", "ts"]);
  return [
    ...asked.map((row) => ocRequest(`${row.channel_key}/${row.account_id}`, row.request_id, row.created_at)),
    ...devices.map((row) => ocRequest("device", row.request_id, row.ts)),
  ];
}

// The JSON era: `credentials/<channel>-pairing.json` {requests: [{id, createdAt}]}, `devices/pending.json` by id.
function ocRequestFiles(stateDir) {
  const folder = path.join(stateDir, "credentials");
  const asked = ocNames(folder, OC_CLOSED).flatMap((name) => {
    const channel = /^(.+)-pairing\.json$/.exec(name)?.[1];
    const found = channel ? ocJson(path.join(folder, name))?.requests : undefined;
    const requests = Array.isArray(found) ? found : [];
    return requests.map((each) => ocRequest(`${channel}/${each?.meta?.accountId ?? "default"}`, each?.id, each?.createdAt));
  });
  const pending = ocJson(path.join(stateDir, "devices/pending.json")) ?? {};
  return [...asked, ...Object.entries(pending).map(([id, each]) => ocRequest("device", id, each?.ts))];
}

// {id: whether it is on} of all that are not part of OpenClaw: 2026.5 to 2026.7 have a table of their own for it
// [old 2026.7.1 openclaw-state-db], later versions a row of the machine's state.
function ocPluginRows(db) {
  const [row] = ocRows(db, "config_machine_state", ["value_json"], "WHERE state_key = 'plugins.installedIndex'");
  const [older] = ocRows(db, "installed_plugin_index", ["plugins_json"]);
  const found = ocParsed(row?.value_json ?? "")?.index?.plugins ?? ocParsed(older?.plugins_json ?? "");
  const own = (Array.isArray(found) ? found : []).filter((each) => each?.pluginId && each.origin !== "bundled");
  return Object.fromEntries(own.map((each) => [each.pluginId, each.enabled !== false]));
}

function ocPluginFolders(stateDir) {
  const folder = path.join(stateDir, "extensions");
  const manifests = ocNames(folder, OC_CLOSED).map((name) => ocJson(path.join(folder, name, "openclaw.plugin.json")));
  return Object.fromEntries(manifests.filter((each) => each?.id).map((each) => [each.id, true]));
}

// {agent: path} of those that are there; of the places where one may be, the first that is.
function ocWorkspaces(candidates) {
  const chosen = Object.entries(candidates).map(([agent, paths]) => [agent, paths.find(ocIsFolder)]);
  return Object.fromEntries(chosen.filter(([, found]) => found !== undefined));
}

// Names of skills that a person or an agent added, for all and by workspace.
function ocSkills(stateDir, workspaces) {
  const skillsIn = (place, folder) =>
    ocNames(folder, OC_CLOSED)
      .filter((name) => ocExists(path.join(folder, name, "SKILL.md")))
      .map((name) => `${place}${name}`);
  const own = Object.entries(workspaces).flatMap(([agent, at]) => skillsIn(`${agent}/`, path.join(at, "skills")));
  return Object.fromEntries([...skillsIn("", path.join(stateDir, "skills")), ...own].sort().map((name) => [name, true]));
}

// What an agent remembers [doc concepts/memory.md]: MEMORY.md and all below `memory/`.
function ocMemoryFiles(workspaces) {
  return Object.entries(workspaces)
    .flatMap(([agent, at]) => {
      const main = ["MEMORY.md", "memory.md"].filter((name) => ocExists(path.join(at, name)));
      const more = ocFilesBelow(path.join(at, "memory")).filter((name) => name.endsWith(".md"));
      return [...main, ...more.map((name) => `memory/${name}`)].map((name) => `${agent}/${name}`);
    })
    .sort();
}

function ocFilesBelow(folder) {
  if (!ocIsFolder(folder)) return [];
  const found = [...walk(pathOf(folder))].filter((node) => !node.reason && !node.stat.isDirectory());
  return found.map((node) => ocName(node.path)).sort();
}

function ocEnvNames(folder, name = ".env") {
  const lines = (ocText(path.join(folder, name), OC_CLOSED) ?? "").split(/\r?\n/);
  const names = lines.map((line) => /^\s*(?:export\s+)?([A-Za-z_][\w.-]*)\s*=/.exec(line)?.[1]);
  return [...new Set(names.filter(Boolean))].sort();
}
