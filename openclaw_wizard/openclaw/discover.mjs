// Every installation of this user: `oc.discover`. See queries.mjs; what starts one or names one: started.mjs.

const OC_LEGACY = [".clawdbot", ".moltbot", ".moldbot"];

// Leftovers of OpenClaw, of people and of this wizard, whatever names them.
const OC_LEFTOVER = /\.(bak[\w.-]*|(before|incoming|undone)-[^/]*|update-captures)$/;

// A legacy folder counts only where there is no `~/.openclaw` [src config/state-dir.ts].
function ocHomeCandidates(home) {
  const names = ocNames(home, OC_CLOSED).filter((name) => {
    if (name === ".openclaw") return true;
    return name.startsWith(".openclaw-") && OC_PROFILE.test(name.slice(".openclaw-".length));
  });
  const legacy = OC_LEGACY.find((name) => ocExists(path.join(home, name)));
  if (!names.includes(".openclaw") && legacy) names.push(legacy);
  return names.sort().map((name) => path.join(home, name));
}

function ocProfileOf(stateDir, home, environment) {
  const name = path.basename(stateDir);
  if (path.dirname(stateDir) === home && name.startsWith(".openclaw-")) return name.slice(".openclaw-".length);
  if (path.dirname(stateDir) === home && [".openclaw", ...OC_LEGACY].includes(name)) return null;
  const named = environment.OPENCLAW_PROFILE ?? "";
  return OC_PROFILE.test(named) && named.toLowerCase() !== "default" ? named : null;
}

// ------------------------------------------------------------------ which there are

// A gateway with another HOME is another person's matter, even where the user is the same.
function ocProcessClaims(home, proc) {
  const running = ocRunningGateways(proc).filter((each) => ocReal(each.environment.HOME ?? home) === ocReal(home));
  return running.map(({ pid, stateDir, environment }) => {
    const how = `process ${pid}`;
    const names = ocPairs(ocNulSeparated(`${proc}/${pid}/environ`)).map(([name]) => name);
    return { how, stateDir, environment, keys: ocKeys(names, "the running gateway", ocIsKey) };
  });
}

// {claims, keys, problems}: all that names a state directory, what weighs least first.
function ocClaims({ home, user, environment, etc, ...asked }) {
  const { uid = process.getuid(), proc = "/proc", daemons = "/Library/LaunchDaemons" } = asked;
  const shell = ocShellClaims(home);
  const units = [...ocUserUnits(home, etc), ...ocSystemUnits(home, user, etc)];
  const plists = ocPlistClaims(home, user, daemons);
  const told = environment.OPENCLAW_STATE_DIR
    ? [{ how: "OPENCLAW_STATE_DIR of the login", stateDir: ocStateDirOf(environment, home), environment, keys: [] }]
    : [];
  const below = ocHomeCandidates(home).map((stateDir) => ({ how: "the home folder", stateDir, environment: {}, keys: [] }));
  const locks = ocLockClaims(home, uid).filter(({ stateDir }) => ocIsState(stateDir) && !OC_LEFTOVER.test(stateDir));
  const named = [...shell.claims, ...ocCronClaims(home), ...ocPm2Claims(home), ...ocDockerClaims(), ...units, ...plists, ...told].filter(({ stateDir }) => stateDir);
  const gone = named.filter(({ stateDir }) => !ocExists(stateDir));
  const wanted = named.filter(({ stateDir }) => !OC_LEFTOVER.test(stateDir));
  return {
    claims: [...below, ...locks, ...wanted, ...ocProcessClaims(home, proc)],
    keys: shell.claims.flatMap(({ keys }) => keys),
    problems: [
      ...gone.map(({ how, stateDir }) => `${how} names ${stateDir}, which is not there`),
      ...[...units, ...plists].flatMap(({ problems }) => problems),
      ...shell.problems,
    ],
  };
}

// One for each real folder, with everything that names it.
function ocStateDirs(claims) {
  const found = new Map();
  for (const { how, stateDir, environment, keys, ...unit } of claims) {
    const real = ocReal(stateDir);
    const known = found.get(real) ?? { stateDir, environment: {}, foundBy: [], keys: [], starts: [], unit: null };
    known.environment = { ...known.environment, ...environment };
    known.foundBy.push(how);
    known.keys.push(...keys);
    if (unit.starts) known.starts.push(unit.starts);
    if (unit.scope === "user" && unit.runs) known.unit ??= unit.name;
    found.set(real, known);
  }
  return [...found.values()];
}

// Whether there is state in it; one that is closed to this user counts, since its name says so.
function ocIsState(stateDir) {
  const closed = ocIsFolder(stateDir) && ocTry(() => fs.readdirSync(stateDir), OC_CLOSED) === undefined;
  return closed || OC_MARKS.some((mark) => ocExists(path.join(stateDir, mark)));
}

// ------------------------------------------------------------------ what one is

// Names that it gets from nowhere but a unit or a shell: [[name, where]]. What its config sets is not known here.
function ocLooseKeys(stateDir, home, keys) {
  const kept = new Set([...ocEnvNames(stateDir), ...ocEnvNames(path.join(home, ".config/openclaw"), "gateway.env")]);
  const loose = keys.filter(([name]) => !kept.has(name));
  return [...new Map(loose.map((each) => [each.join("\n"), each])).values()];
}

// The ids of the logins that a Mac may keep in its Keychain: those of the claude program. Elsewhere a file holds it.
async function ocKeychain(stateDir, platform) {
  if (platform !== "darwin") return [];
  const agents = path.join(stateDir, "agents");
  const files = ocNames(agents, OC_CLOSED).map((agent) => ocJson(path.join(agents, agent, "agent/auth-profiles.json")));
  const read = (db) => ocRows(db, "config_machine_state", ["value_json"], "WHERE state_key LIKE 'authProfiles.%'");
  const rows = await ocWithDatabase(path.join(stateDir, "state/openclaw.sqlite"), new Set(), read);
  const stored = (rows ?? []).map((row) => ocParsed(row.value_json));
  const ids = [...files, ...stored].flatMap((each) => Object.keys(each?.profiles ?? each ?? {}));
  return [...new Set(ids.filter((id) => id.endsWith(":claude-cli")))];
}

function ocBrowsers(stateDir) {
  const folder = path.join(stateDir, "browser");
  return ocNames(folder, OC_CLOSED).filter((name) => ocIsFolder(path.join(folder, name, "user-data")));
}

// [{move, when, to, address}]: what the wizard left on this machine when that state directory was moved, oldest first.
function ocMoves(stateDir, home) {
  const within = (folder) => ocNames(folder, OC_CLOSED).map((name) => path.join(folder, name));
  const moves = within(path.join(home, ".openclaw-wizard"));
  // Where several profiles went in one move, each has a folder of its own in it.
  const marks = [...moves, ...moves.flatMap(within)].map((folder) => ocJson(path.join(folder, "MOVED.json")));
  const own = marks.filter((mark) => typeof mark?.from === "string" && ocReal(mark.from) === ocReal(stateDir));
  const told = own.map((mark) => ["move", "when", "to", "address"].map((key) => [key, String(mark[key] ?? "?")]));
  return told.map((each) => Object.fromEntries(each)).sort((a, b) => (a.when < b.when ? -1 : 1));
}

const OC_USER_VERSION_AT = 60;

// {path: user_version} of OpenClaw's own databases, out of their headers: what a log adds since is not seen.
function ocSchemas(stateDir) {
  const found = ocDatabaseFiles(stateDir).flatMap((file) => {
    const header = ocTry(() => headerOf(pathOf(file)), OC_CLOSED);
    const isOne = header?.length === HEADER && header.subarray(0, MAGIC.length).equals(MAGIC);
    return isOne ? [[path.relative(stateDir, file), header.readUInt32BE(OC_USER_VERSION_AT)]] : [];
  });
  return Object.fromEntries(found);
}

async function ocInstallation({ stateDir, environment, foundBy, unit, keys, starts }, { home, rules, platform }) {
  const odd = new OcOdd(stateDir);
  const { problem, ...sizes } = ocSizes(stateDir, rules, odd);
  const config = ocConfig(stateDir, environment, home);
  return {
    stateDir,
    profile: ocProfileOf(stateDir, home, environment),
    ...config,
    // What is closed names the config too, where that is.
    configProblem: problem ?? config.configProblem,
    hasAgents: ocNames(path.join(stateDir, "agents"), OC_CLOSED).length > 0,
    hasCredentials: ocNames(path.join(stateDir, "credentials"), OC_CLOSED).length > 0,
    ...sizes,
    schemas: ocSchemas(stateDir),
    top: ocNames(stateDir, OC_CLOSED).sort(),
    foundBy,
    starts,
    moved: ocMoves(stateDir, home),
    unit,
    environment,
    keys: ocLooseKeys(stateDir, home, keys),
    browsers: ocBrowsers(stateDir),
    keychain: await ocKeychain(stateDir, platform),
    // Each of these is decrypted with a key that lies outside [src doctor-auth-oauth-sidecar].
    sidecars: ocNames(path.join(stateDir, "credentials/auth-profiles"), OC_CLOSED).length,
    signs: await ocSigns(stateDir, { home, configPath: config.configPath, odd: odd.found() }),
  };
}

// ------------------------------------------------------------------ what lies beside

// [{user, path}]: state directories of other people on this machine, as far as this user may look. On a Mac the file
// of users names nobody, there the homes lie together.
function ocOthers(home, { passwd = "/etc/passwd", people = "/Users" }) {
  const lines = (ocText(passwd, OC_CLOSED) ?? "").split("\n").map((line) => line.split(":"));
  const named = lines.filter((fields) => fields[5]?.startsWith("/")).map(([user, , , , , at]) => [path.resolve(at), user]);
  const homes = new Map([...ocNames(people, OC_CLOSED).map((user) => [path.join(people, user), user]), ...named]);
  return [...homes].flatMap(([at, user]) => {
    if (ocReal(at) === ocReal(home)) return [];
    return ocHomeCandidates(at).filter(ocIsState).map((stateDir) => ({ user, path: stateDir }));
  });
}

// Legacy folders that OpenClaw does not read, since there is a newer one; a link to that one is none.
function ocLegacy(home, stateDirs) {
  const known = new Set(stateDirs.map((each) => ocReal(each)));
  const folders = OC_LEGACY.map((name) => path.join(home, name)).filter((each) => ocIsFolder(each));
  return folders.filter((each) => !known.has(ocReal(each)));
}

// {installations, notState, others, problems, legacy, beside}: `notState` are places that have the name of a state
// directory and hold none, `beside` those of the paths in `look` that are there.
command("oc.discover", async ({ home, environment = {}, excluded = [], look = [], ...asked }) => {
  const platform = asked.platform ?? process.platform;
  const rules = ocRules(excluded);
  const { claims, keys, problems } = ocClaims({ home, environment, ...asked });
  const found = ocStateDirs(claims).filter(({ stateDir }) => ocExists(stateDir));
  const installations = [];
  for (const each of found.filter(({ stateDir }) => ocIsState(stateDir))) {
    installations.push(await ocInstallation({ ...each, keys: [...each.keys, ...keys] }, { home, rules, platform }));
  }
  const none = found.filter(({ stateDir }) => !ocIsState(stateDir));
  return {
    installations,
    notState: none.map(({ stateDir }) => ({ path: stateDir, folder: ocIsFolder(stateDir) })),
    others: ocOthers(home, asked),
    problems: [...new Set(problems)],
    legacy: ocLegacy(home, installations.map(({ stateDir }) => stateDir)),
    beside: look.filter((each) => ocExists(each)),
  };
});
