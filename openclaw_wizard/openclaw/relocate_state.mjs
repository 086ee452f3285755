// Absolute paths in the state database, made right for another home; see relocate.mjs, and relocate.py for the why.
//
// A plan is a list of {where, old, now, count, run(db)}; `run` is called in one transaction with all others.

function ocSha256(text) {
  return crypto.createHash("sha256").update(text).digest("hex");
}

// ------------------------------------------------------------------ workspaces

// The path as OpenClaw will see it, links resolved [src agents/workspace-state-identity.ts]. What stands at the root of
// a tree now goes aside, so only its parent counts; seen from OLD, NEW has said where that leads (`real`).
function ocCanonical(file, trees) {
  const root = trees.filter((each) => ocUnder(file, each.new)).sort((a, b) => b.new.length - a.new.length)[0];
  if (root?.real) return path.join(root.real, path.relative(root.new, file)).normalize("NFC");
  let at = root ? path.dirname(root.new) : file;
  while (!ocExists(at) && at !== "/") at = path.dirname(at);
  return path.join(ocReal(at), path.relative(at, file)).normalize("NFC");
}

// {old key: path now} of the workspaces that move; the key is the path's hash.
function ocWorkspaceMoves(db, { moved, stateDirNew, trees }) {
  const setup = ocRows(db, "workspace_setup_state", ["workspace_key", "workspace_path"]);
  const aliases = ocRows(db, "workspace_path_aliases", ["workspace_key", "workspace_path", "alias_key", "alias_path"]);
  const target = (file) => moved(file) ?? (file && ocUnder(file, stateDirNew) ? file : undefined);
  const moves = new Map();
  for (const { workspace_key: key, workspace_path: file } of [...setup, ...aliases]) {
    const names = [file, ...aliases.filter((each) => each.workspace_key === key).map((each) => each.alias_path)];
    const found = names.map(target).find((each) => each !== undefined);
    if (found !== undefined) moves.set(key, { was: file ?? moves.get(key)?.was, now: ocCanonical(found, trees) });
  }
  const aliasMoves = aliases.flatMap((each) => {
    const now = moves.get(each.workspace_key)?.now ?? each.workspace_path;
    const alias = target(each.alias_path) ?? (each.alias_path === each.workspace_path ? now : each.alias_path);
    const isSame = alias === each.alias_path && now === each.workspace_path;
    return isSame ? [] : [{ from: each.alias_key, was: each.alias_path, alias, now }];
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
  const setup = (hasSetup ? moves : []).map(([key, { was, now }]) => {
    return { where: "workspace_setup_state", old: was, now, count: 1, run: (on) => ocMoveWorkspaces(on, [[key, { now }]]) };
  });
  const aliases = aliasMoves.map((each) => {
    return { where: "workspace_path_aliases", old: each.was, now: each.alias, count: 1, run: (on) => ocMoveAliases(on, [each]) };
  });
  return [...setup, ...aliases];
}

// ------------------------------------------------------------------ keys that OpenClaw makes of its own place

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
    return [{ where: `${table}.${column}`, old: key, now: prefix + now, count: Number(n), run }];
  });
}

// ------------------------------------------------------------------ values

const OC_CHANGE_STATE = "UPDATE config_machine_state SET value_json = ? WHERE state_key = ?";

// `plugins.installedIndex` holds where each plugin is installed (#136357, #107467), `cron.store` the key of the jobs.
function ocMachineStatePlan(db, stateKeys, { rewritten }) {
  const rows = ocRows(db, "config_machine_state", ["state_key", "value_json"]);
  return rows.flatMap(({ state_key: key, value_json: value }) => {
    if (!stateKeys.includes(key)) return [];
    const { text, found } = rewritten("state/openclaw.sqlite", `config_machine_state ${key}`, value, () => "path");
    const run = (on) => on.prepare(OC_CHANGE_STATE).run(text, key);
    return found.map((each, at) => ({ ...each, run: at ? () => undefined : run }));
  });
}

// The pattern of what may be run is a person's decision about exactly that program, so only the socket follows.
function ocApprovalsPlan(db, { moved, rewritten }) {
  const rows = ocRows(db, "exec_approvals_config", ["config_key", "raw_json", "socket_path"]);
  return rows.flatMap(({ config_key: key, raw_json: raw, socket_path: socket }) => {
    const { text, found } = rewritten("state/openclaw.sqlite", "exec_approvals_config", raw, ocApprovalsUse);
    const now = moved(socket);
    const change = "UPDATE exec_approvals_config SET raw_json = ?, socket_path = ? WHERE config_key = ?";
    const run = (on) => on.prepare(change).run(text, now ?? socket, key);
    const column = now === undefined ? [] : [{ where: "exec_approvals_config.socket_path", old: socket, now, count: 1 }];
    return [...column, ...found].map((each, at) => ({ ...each, run: at ? () => undefined : run }));
  });
}

// Columns that hold a path and nothing that is made of it; agent databases are absolute only before state schema 9.
// Not: leases, receipts, journals and health records (rebuilt or history), worktrees (git's own links name them too).
const OC_PATH_COLUMNS = [
  ["agent_databases", ["path"]],
  ["subagent_runs", ["controller_store_path", "requester_store_path"]],
  ["session_watch_cursors", ["watcher_store_path"]],
  ["session_groups", ["cwd"]],
  ["acp_sessions", ["cwd"]],
  ["plugin_binding_approvals", ["plugin_root"]],
  ["skill_usage", ["skill_file"]],
  ["outbound_media_provenance", ["realpath"]],
  ["managed_outgoing_image_records", ["original_media_root"]],
  ["projects", ["repo_root"]],
];
const OC_LOOK_COLUMNS = [
  ["worktrees", "path"],
  ["worktree_templates", "path"],
  ["agent_deletion_journal", "workspace_dir"],
  ["claw_installs", "workspace"],
  ["fleet_cells", "data_dir"],
];

function ocColumnPlan(db, table, column, { judge, notes }) {
  if (!ocHasColumns(db, table, [column])) return [];
  const paths = db.prepare(`SELECT ${column} AS file, count(*) AS n FROM ${table} GROUP BY ${column}`).all();
  return paths.flatMap(({ file, n }) => {
    const { now, why } = judge(file, true) ?? {};
    if (why) notes.left("state/openclaw.sqlite", `${table}.${column}`, why, file);
    const change = `UPDATE OR REPLACE ${table} SET ${column} = ? WHERE ${column} = ?`;
    const run = (on) => on.prepare(change).run(now, file);
    return now === undefined ? [] : [{ where: `${table}.${column}`, old: file, now, count: Number(n), run }];
  });
}

function ocLookAt(db, { judge, notes }) {
  for (const [table, column] of OC_LOOK_COLUMNS) {
    for (const row of ocRows(db, table, [column])) {
      const why = judge(row[column], true) && "what hangs on it cannot be rewritten with it";
      if (why) notes.left("state/openclaw.sqlite", `${table}.${column}`, why, row[column]);
    }
  }
}

// What a person told a job to do stays theirs.
function ocJobMentions(db, { mentions }) {
  for (const { job_json: job } of ocRows(db, "cron_jobs", ["job_json"])) {
    mentions.add("state/openclaw.sqlite (what cron jobs are told)", job);
  }
}

function ocStatePlan(db, context) {
  const keys = [
    ...["cron_jobs", "cron_job_scratch", "cron_run_receipts"].flatMap((t) => ocKeyPlan(db, t, "store_key", context)),
    ...ocKeyPlan(db, "diagnostic_events", "scope", { ...context, prefix: "cron.quarantine:" }),
    ...ocMachineStatePlan(db, ["cron.store"], context),
    ...ocWorkspacePlan(db, context),
  ];
  if (context.onlyKeys) return keys;
  return [
    ...keys,
    ...ocMachineStatePlan(db, ["plugins.installedIndex"], context),
    ...ocApprovalsPlan(db, context),
    ...OC_PATH_COLUMNS.flatMap(([table, columns]) => columns.flatMap((each) => ocColumnPlan(db, table, each, context))),
  ];
}

async function ocApplyState(file, context) {
  const { DatabaseSync } = await sqlite();
  const db = new DatabaseSync(file);
  try {
    db.exec("PRAGMA busy_timeout = 15000; BEGIN IMMEDIATE; PRAGMA defer_foreign_keys = ON");
    for (const { run } of ocStatePlan(db, context)) run(db);
    db.exec("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)");
  } finally {
    // Closing ends an open transaction and takes -wal and -shm away.
    db.close();
  }
}

// The step that makes the state database right, or undefined where nothing in it changes.
async function ocRelocateState(context) {
  const file = path.join(context.stateDir, "state/openclaw.sqlite");
  if (!ocTry(() => fs.statSync(file).size)) return undefined;
  const { db, close } = await openForReading(file);
  try {
    const plan = ocStatePlan(db, context);
    if (!context.onlyKeys) ocLookAt(db, context);
    ocJobMentions(db, context);
    for (const { where, kind, old, now, count } of plan) {
      context.notes.changed("state/openclaw.sqlite", where, old, now, count, kind);
    }
    return plan.length ? () => ocApplyState(file, context) : undefined;
  } catch (error) {
    // Seen from OLD that is known later and asked for; in the copy it was recovered before.
    if (!context.fromOld || error.code !== "ERR_SQLITE_ERROR") throw error;
    context.notes.left("state/openclaw.sqlite", "", "it cannot be read now; its paths follow in the copy", "");
    return undefined;
  } finally {
    close();
  }
}
