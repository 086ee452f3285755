// Plugins that a person installed, and what they lack on this host: `oc.plugins`, `oc.plugins-relink`. See queries.mjs;
// what is read and why: plugins.py.

// Records by id as the state database has them: in a table of their own, later in the machine's state.
function ocStoredPlugins(db) {
  const [row] = ocRows(db, "config_machine_state", ["value_json"], "WHERE state_key = 'plugins.installedIndex'");
  const [before] = ocRows(db, "installed_plugin_index", ["install_records_json"]);
  return ocParsed(row?.value_json ?? "")?.index?.installRecords ?? ocParsed(before?.install_records_json ?? "");
}

// The path with the longest old folder that it lies in replaced by the new one.
function ocMovedBy(pairs, file) {
  const fits = pairs.filter(([old]) => ocUnder(file, old)).sort(([a], [b]) => b.length - a.length);
  return fits.length ? fits[0][1] + file.slice(fits[0][0].length) : file;
}

// [{id, source, spec, path}]; `configured` are the records in the config, where they were first.
async function ocInstalledPlugins(stateDir, configured, pairs) {
  const stored = await ocWithDatabase(path.join(stateDir, "state/openclaw.sqlite"), new Set(), ocStoredPlugins);
  const kept = ocJson(path.join(stateDir, "plugins/installs.json"));
  const records = { ...configured, ...(kept?.installRecords ?? kept?.records), ...stored };
  return Object.entries(records).flatMap(([id, record]) => {
    if (typeof record?.installPath !== "string") return [];
    const { source = "", installPath } = record;
    return [{ id, source, spec: record.resolvedSpec ?? record.spec ?? "", path: ocMovedBy(pairs, installPath) }];
  });
}

// The packages that a plugin asks for and that Node would not find from its folder, looked for up to the state directory.
function ocMissingPackages(folder, stateDir) {
  const asked = ocJson(path.join(folder, "package.json"));
  const folders = [];
  for (let at = folder; ocUnder(at, stateDir); at = path.dirname(at)) folders.push(path.join(at, "node_modules"));
  const found = (name) => folders.some((each) => ocExists(path.join(each, name)));
  return Object.keys(asked?.dependencies ?? {}).filter((name) => !found(name)).sort();
}

// Links to OpenClaw itself, which its installer makes for plugins that name it as a peer, and that lead nowhere.
function ocLostPeers(folder, stateDir) {
  const links = [];
  for (let at = folder; ocUnder(at, stateDir) && at !== stateDir; at = path.dirname(at)) {
    links.push(path.join(at, "node_modules/openclaw"));
  }
  return links.filter((each) => {
    const stat = ocTry(() => fs.lstatSync(each), OC_CLOSED);
    return stat?.isSymbolicLink() && ocTry(() => fs.statSync(each), OC_CLOSED) === undefined;
  });
}

// [{id, source, spec, path, code, missing, lost_peers}] of every plugin that was installed; `code` is whether its own
// folder is there, `pairs` are old and new folders where records may still have the old ones.
command("oc.plugins", async ({ stateDir, configured = {}, pairs = [] }) => {
  const found = await ocInstalledPlugins(stateDir, configured, pairs);
  return found
    .map((each) => ({
      ...each,
      code: ocExists(path.join(each.path, "package.json")) || ocExists(path.join(each.path, "openclaw.plugin.json")),
      missing: ocMissingPackages(each.path, stateDir),
      lost_peers: ocLostPeers(each.path, stateDir),
    }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
});

// Lets lost links to OpenClaw lead to the package on this PATH; {target}, null where there is none.
command("oc.plugins-relink", async ({ links, searchPath }) => {
  const program = searchPath.split(":").map((each) => path.join(each, "openclaw")).find((each) => ocExists(each));
  const target = program && ocPackageOf(ocReal(program));
  if (target) for (const each of links) ocRelink(Buffer.from(each), Buffer.from(target));
  return { target: target ?? null };
});

function ocPackageOf(file) {
  for (let at = path.dirname(file); at !== "/"; at = path.dirname(at)) {
    if (ocJson(path.join(at, "package.json"))?.name === "openclaw") return at;
  }
  return undefined;
}
