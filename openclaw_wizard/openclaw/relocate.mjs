// Absolute paths in a state directory, made right for another home: `oc.relocate`; and what doctor switched off:
// `oc.config-restore-skills`. See queries.mjs; what is rewritten and why: relocate.py.

function ocMover(pairs) {
  const ordered = pairs.filter(([old, now]) => old !== now).sort(([a], [b]) => b.length - a.length);
  // The path after the move, or undefined where it does not move: /home/al is neither /home/alice nor in /srv/home/al.
  return (value) => {
    const pair = typeof value === "string" ? ordered.find(([old]) => ocUnder(value, old)) : undefined;
    return pair && pair[1] + value.slice(pair[0].length);
  };
}

// ------------------------------------------------------------------ JSON5 text

const OC_TOKEN = /\/\/[^\n\r]*|\/\*[^]*?\*\/|"(?:[^"\\]|\\[^])*"|'(?:[^'\\]|\\[^])*'/g;
const OC_COLON = /(?:\s|\/\/[^\n\r]*|\/\*[^]*?\*\/)*:/y;
const OC_ESCAPES = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v", 0: "\0", "\n": "" };

function ocUnescaped(text) {
  return text.replace(/\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|\r\n|[^])/g, (_, what) => {
    if (what.length > 2) return String.fromCharCode(parseInt(what.slice(1), 16));
    return what === "\r\n" ? "" : (OC_ESCAPES[what] ?? what);
  });
}

function ocQuoted(value, quote) {
  const text = JSON.stringify(value);
  return quote === '"' ? text : `'${text.slice(1, -1).replace(/\\"/g, '"').replace(/'/g, "\\'")}'`;
}

// The text strings of JSON5 with their key (null in a list); comments and keys themselves are passed over.
function* ocValues(text) {
  let key = null;
  let end = 0;
  for (const { 0: token, index } of text.matchAll(OC_TOKEN)) {
    if (token[0] === "/") continue;
    const between = text.slice(end, index);
    const bare = /([\w$]+)\s*:\s*$/.exec(between)?.[1];
    OC_COLON.lastIndex = index + token.length;
    const content = ocUnescaped(token.slice(1, -1));
    const isKey = OC_COLON.test(text);
    const named = bare ?? (between.includes(":") ? key : null);
    end = index + token.length;
    if (!isKey) yield { start: index, end, quote: token[0], value: content, key: named };
    key = isKey ? content : null;
  }
}

// {text, count}: every value that begins with an old folder, in place; the rest stays byte for byte.
function ocRewritten(text, moved, wanted = () => true) {
  const parts = [];
  let from = 0;
  for (const { start, end, quote, value, key } of ocValues(text)) {
    const now = wanted(key) ? moved(value) : undefined;
    if (now === undefined) continue;
    parts.push(text.slice(from, start), ocQuoted(now, quote));
    from = end;
  }
  return { text: parts.join("") + text.slice(from), count: parts.length / 2 };
}

async function ocRelocateText({ file, name, wanted, moved, dryRun }) {
  const before = ocText(file);
  if (before === undefined) return [];
  const { text, count } = ocRewritten(before, moved, wanted);
  if (!count) return [];
  if (!dryRun) await writeWhole(Buffer.from(file), Buffer.from(text), fs.statSync(file).mode & 0o7777);
  return [{ file: name, where: "text", count }];
}

// The config with what it includes, as far as that lies in the state directory: [[file, its name]].
function ocConfigFiles({ stateDir, stateDirNew, moved }) {
  const found = new Map();
  const add = (name) => {
    const text = found.has(name) ? undefined : ocText(path.join(stateDir, name));
    if (text === undefined) return;
    found.set(name, path.join(stateDir, name));
    for (const each of ocIncludedBy(path.join(stateDirNew, name), text)) {
      const target = moved(each) ?? each;
      if (ocUnder(target, stateDirNew)) add(path.relative(stateDirNew, target));
    }
  };
  for (const name of [...OC_CONFIGS, ...OC_CONFIGS.map((each) => `${each}.last-good`)]) add(name);
  return [...found];
}

async function ocRelocateTexts(context) {
  const config = ocConfigFiles(context).map(([name, file]) => ({ name, file }));
  const sessions = ocNames(path.join(context.stateDir, "agents")).map((agent) => ({
    name: `agents/${agent}/sessions/sessions.json`,
    wanted: (key) => key === "sessionFile",
  }));
  const approvals = { name: "exec-approvals.json", wanted: (key) => key === "path" };
  const changes = [];
  for (const each of [...config, ...sessions, approvals]) {
    const file = path.join(context.stateDir, each.name);
    changes.push(...(await ocRelocateText({ ...context, ...each, file })));
  }
  return changes;
}

// ------------------------------------------------------------------ links

function ocRelink(full, target) {
  const temp = Buffer.concat([full, Buffer.from(`.tmp-${crypto.randomBytes(6).toString("hex")}`)]);
  fs.symlinkSync(target, temp);
  fs.renameSync(temp, full);
}

// A workspace may be a link to its folder; the text of an absolute one names the old home.
function ocRelocateLinks({ stateDir, moved, dryRun }) {
  const changes = [];
  for (const { path: relative, full, reason, stat } of walk(pathOf(stateDir))) {
    if (reason || !stat.isSymbolicLink()) continue;
    const target = fs.readlinkSync(full, { encoding: "buffer" });
    const now = Buffer.from(target.toString()).equals(target) ? moved(target.toString()) : undefined;
    if (now === undefined) continue;
    if (!dryRun) ocRelink(full, now);
    changes.push({ file: ocName(relative), where: "link", count: 1 });
  }
  return changes;
}

// ------------------------------------------------------------------ workspaces in the state database

function ocSha256(text) {
  return crypto.createHash("sha256").update(text).digest("hex");
}

// The path as OpenClaw will see it, links resolved [src agents/workspace-state-identity.ts]. What stands at the root of
// a tree now goes aside, so only its parent counts.
function ocCanonical(file, roots) {
  const root = roots.filter((each) => ocUnder(file, each)).sort((a, b) => b.length - a.length)[0];
  let at = root ? path.dirname(root) : file;
  while (!ocExists(at) && at !== "/") at = path.dirname(at);
  return path.join(ocReal(at), path.relative(at, file)).normalize("NFC");
}

// {old key: path now} of the workspaces that move; the key is the path's hash.
function ocWorkspaceMoves(db, { moved, stateDirNew, roots }) {
  const setup = ocRows(db, "workspace_setup_state", ["workspace_key", "workspace_path"]);
  const aliases = ocRows(db, "workspace_path_aliases", ["workspace_key", "workspace_path", "alias_key", "alias_path"]);
  const target = (file) => moved(file) ?? (file && ocUnder(file, stateDirNew) ? file : undefined);
  const moves = new Map();
  for (const { workspace_key: key, workspace_path: file } of [...setup, ...aliases]) {
    const names = [file, ...aliases.filter((each) => each.workspace_key === key).map((each) => each.alias_path)];
    const found = names.map(target).find((each) => each !== undefined);
    if (found !== undefined) moves.set(key, { was: file ?? moves.get(key)?.was, now: ocCanonical(found, roots) });
  }
  const aliasMoves = aliases.flatMap((each) => {
    const now = moves.get(each.workspace_key)?.now ?? each.workspace_path;
    const alias = target(each.alias_path) ?? (each.alias_path === each.workspace_path ? now : each.alias_path);
    const isSame = alias === each.alias_path && now === each.workspace_path;
    return isSame ? [] : [{ from: each.alias_key, alias, now }];
  });
  return { moves: [...moves].filter(([key, { now }]) => ocSha256(now) !== key), aliasMoves };
}

const OC_MOVE_SETUP = `UPDATE OR REPLACE workspace_setup_state
  SET workspace_path = CASE WHEN workspace_path IS NULL THEN NULL ELSE ? END, workspace_key = ?
  WHERE workspace_key = ?`;
const OC_MOVE_ALIAS = `UPDATE OR REPLACE workspace_path_aliases
  SET alias_key = ?, alias_path = ?, workspace_key = ?, workspace_path = ? WHERE alias_key = ?`;
const OC_KEYED_BY_WORKSPACE = ["workspace_attestations", "workspace_generated_bootstrap_hashes"];

function ocMoveWorkspaces(db, moves) {
  const keyed = OC_KEYED_BY_WORKSPACE.filter((table) => ocHasColumns(db, table, ["workspace_key"]));
  const others = keyed.map((table) => `UPDATE OR REPLACE ${table} SET workspace_key = ? WHERE workspace_key = ?`);
  for (const [key, { now }] of moves) {
    db.prepare(OC_MOVE_SETUP).run(now, ocSha256(now), key);
    for (const each of others) db.prepare(each).run(ocSha256(now), key);
  }
}

function ocMoveAliases(db, moves) {
  const change = db.prepare(OC_MOVE_ALIAS);
  for (const { from, alias, now } of moves) change.run(ocSha256(alias), alias, ocSha256(now), now, from);
}

// Rewriting only the path would make it a new workspace for OpenClaw, which then removes its BOOTSTRAP.md [measured].
function ocWorkspacePlan(db, context) {
  const { moves, aliasMoves } = ocWorkspaceMoves(db, context);
  const hasSetup = ocHasColumns(db, "workspace_setup_state", ["workspace_key", "workspace_path"]);
  const plan = [
    { where: "workspace_setup_state", count: hasSetup ? moves.length : 0, run: (on) => ocMoveWorkspaces(on, moves) },
    { where: "workspace_path_aliases", count: aliasMoves.length, run: (on) => ocMoveAliases(on, aliasMoves) },
  ];
  return plan.filter(({ count }) => count);
}

// ------------------------------------------------------------------ the rest of the state database

// Jobs that already stand under the new key were not visible on OLD: they are set aside, so that the same jobs are.
function ocKeyPlan(db, table, column, { moved, prefix = "" }) {
  if (!ocHasColumns(db, table, [column])) return [];
  const counted = db.prepare(`SELECT ${column} AS key, count(*) AS n FROM ${table} GROUP BY ${column}`).all();
  return counted.flatMap(({ key, n }) => {
    const now = key?.startsWith(prefix) ? moved(key.slice(prefix.length)) : undefined;
    if (now === undefined) return [];
    const run = (on) => {
      const change = on.prepare(`UPDATE OR REPLACE ${table} SET ${column} = ? WHERE ${column} = ?`);
      change.run(`${prefix}${now}.superseded`, prefix + now);
      change.run(prefix + now, key);
    };
    return [{ where: `${table}.${column}`, count: Number(n), run }];
  });
}

function ocMachineStatePlan(db, { moved }) {
  const rows = ocRows(db, "config_machine_state", ["state_key", "value_json"], "WHERE state_key = 'cron.store'");
  return rows.flatMap(({ state_key: key, value_json: value }) => {
    const now = moved(ocParsed(value));
    if (now === undefined) return [];
    const change = "UPDATE config_machine_state SET value_json = ? WHERE state_key = ?";
    const run = (on) => on.prepare(change).run(JSON.stringify(now), key);
    return [{ where: `config_machine_state ${key}`, count: 1, run }];
  });
}

function ocApprovalsPlan(db, { moved }) {
  const rows = ocRows(db, "exec_approvals_config", ["config_key", "raw_json", "socket_path"]);
  return rows.flatMap(({ config_key: key, raw_json: raw, socket_path: socket }) => {
    const { text, count } = ocRewritten(raw, moved, (name) => name === "path");
    const now = moved(socket);
    if (now === undefined && !count) return [];
    const change = "UPDATE exec_approvals_config SET raw_json = ?, socket_path = ? WHERE config_key = ?";
    const run = (on) => on.prepare(change).run(text, now ?? socket, key);
    return [{ where: "exec_approvals_config", count: 1, run }];
  });
}

// Absolute only before state schema 9.
function ocAgentDatabasesPlan(db, { moved }) {
  const rows = ocRows(db, "agent_databases", ["agent_id", "path"]).filter((row) => moved(row.path) !== undefined);
  const run = (on) => {
    const change = on.prepare("UPDATE OR REPLACE agent_databases SET path = ? WHERE agent_id = ? AND path = ?");
    for (const row of rows) change.run(moved(row.path), row.agent_id, row.path);
  };
  return rows.length ? [{ where: "agent_databases.path", count: rows.length, run }] : [];
}

function ocStatePlan(db, context) {
  const cron = ["cron_jobs", "cron_job_scratch", "cron_run_receipts"];
  return [
    ...cron.flatMap((table) => ocKeyPlan(db, table, "store_key", context)),
    ...ocKeyPlan(db, "diagnostic_events", "scope", { ...context, prefix: "cron.quarantine:" }),
    ...ocMachineStatePlan(db, context),
    ...ocWorkspacePlan(db, context),
    ...ocApprovalsPlan(db, context),
    ...ocAgentDatabasesPlan(db, context),
  ];
}

async function ocApply(file, plan, context) {
  const { DatabaseSync } = await sqlite();
  const db = new DatabaseSync(file);
  try {
    db.exec("PRAGMA busy_timeout = 15000; BEGIN IMMEDIATE; PRAGMA defer_foreign_keys = ON");
    for (const { run } of plan(db, context)) run(db);
    db.exec("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)");
  } finally {
    // Closing ends an open transaction and takes -wal and -shm away.
    db.close();
  }
}

async function ocRelocateState(context) {
  const file = path.join(context.stateDir, "state/openclaw.sqlite");
  if (!ocTry(() => fs.statSync(file).size)) return [];
  const { db, close } = await openForReading(file);
  let changes;
  try {
    changes = ocStatePlan(db, context).map(({ where, count }) => ({ file: "state/openclaw.sqlite", where, count }));
  } finally {
    close();
  }
  if (changes.length && !context.dryRun) await ocApply(file, ocStatePlan, context);
  return changes;
}

// [{file, where, count}]: what was changed, or with `dryRun` what would be; empty where nothing is left to do.
command("oc.relocate", async ({ stateDir, stateDirNew, pairs, roots = [], dryRun = false }) => {
  const context = { stateDir, stateDirNew, moved: ocMover(pairs), roots: [stateDirNew, ...roots], dryRun };
  return [...(await ocRelocateTexts(context)), ...ocRelocateLinks(context), ...(await ocRelocateState(context))];
});

// ------------------------------------------------------------------ what doctor switched off

function ocDropEmpty(config, hadSection, hadEntries) {
  if (!hadEntries && config.skills.entries && !Object.keys(config.skills.entries).length) delete config.skills.entries;
  if (!hadSection && !Object.keys(config.skills).length) delete config.skills;
}

// `had`: the keys of each skill's entry before doctor ran. {names}: those that doctor had switched off.
command("oc.config-restore-skills", async ({ configPath, had, hadSection = false, hadEntries = false }) => {
  const config = JSON.parse(fs.readFileSync(configPath, "utf8"));
  const entries = Object.entries(config.skills?.entries ?? {});
  const isNew = ([name, entry]) => entry?.enabled === false && !had[name]?.includes("enabled");
  const names = entries.filter(isNew).map(([name]) => name);
  for (const name of names) {
    delete config.skills.entries[name].enabled;
    if (!(name in had) && !Object.keys(config.skills.entries[name]).length) delete config.skills.entries[name];
  }
  if (!names.length) return { names };
  ocDropEmpty(config, hadSection, hadEntries);
  await writeWhole(Buffer.from(configPath), Buffer.from(`${JSON.stringify(config, null, 2)}\n`), 0o600);
  return { names };
});
