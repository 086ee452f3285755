// What the wizard asks about OpenClaw on a host. Appended to the helper's core, see hosts/helper.mjs; the facts of
// OpenClaw behind it stand in layout.py, service.py and inventory.py beside this file. Names begin with `oc`, since
// all parts share one scope.
//
// Here: reading words that the other parts use, and `oc.discover` and `oc.places`.
import * as ocProcess from "node:child_process";

const OC_CONFIGS = ["openclaw.json", "clawdbot.json"];
const OC_MARKS = [...OC_CONFIGS, "state/openclaw.sqlite", "agents"];
const OC_PROFILE = /^[a-z0-9][a-z0-9_-]{0,63}$/i;
// Never others: the rest of an environment can be secret.
const OC_VARIABLES = new Set([
  "OPENCLAW_STATE_DIR",
  "OPENCLAW_PROFILE",
  "OPENCLAW_CONFIG_PATH",
  "OPENCLAW_GATEWAY_PORT",
  "OPENCLAW_HOME",
  "OPENCLAW_WORKSPACE_DIR",
  "HOME",
]);

const OC_ABSENT = new Set(["ENOENT", "ENOTDIR", "ELOOP"]);
const OC_CLOSED = new Set([...OC_ABSENT, "EACCES", "EPERM", "ESRCH"]);

// The value, or undefined where it is not there; with OC_CLOSED also where this user may not look.
function ocTry(read, codes = OC_ABSENT) {
  try {
    return read();
  } catch (error) {
    if (codes.has(error.code)) return undefined;
    throw error;
  }
}

function ocText(file, codes) {
  return ocTry(() => fs.readFileSync(file, "utf8"), codes);
}

function ocNames(folder, codes) {
  return ocTry(() => fs.readdirSync(folder), codes) ?? [];
}

function ocIsFolder(file) {
  return ocTry(() => fs.statSync(file).isDirectory(), OC_CLOSED) ?? false;
}

function ocExists(file) {
  return ocTry(() => fs.lstatSync(file), OC_CLOSED) !== undefined;
}

function ocReal(file) {
  return ocTry(() => fs.realpathSync(file), OC_CLOSED) ?? path.resolve(file);
}

function ocRules(pairs = []) {
  return pairs.map(([pattern, reason]) => ({ pattern, reason }));
}

function ocUnder(file, folder) {
  return file === folder || file.startsWith(folder === "/" ? "/" : `${folder}/`);
}

// A name as text; bytes that are no UTF-8 become \xNN, so that two names stay two.
function ocName(bytes) {
  const text = bytes.toString();
  if (Buffer.from(text).equals(bytes)) return text;
  return Array.from(bytes, (byte) => (byte < 128 ? String.fromCharCode(byte) : `\\x${byte.toString(16)}`)).join("");
}

function ocPlacing(pairs) {
  return Object.fromEntries(pairs.filter(([name, value]) => OC_VARIABLES.has(name) && value));
}

function ocExpand(value, home) {
  const text = value.trim();
  return path.resolve(text === "~" || text.startsWith("~/") ? home + text.slice(1) : text);
}

// The state directory that a gateway with these variables has [src config/state-dir.ts]. OPENCLAW_PROFILE alone does
// not move it [measured].
function ocStateDirOf(environment, home) {
  const base = ocExpand(environment.OPENCLAW_HOME ?? environment.HOME ?? home, home);
  if (environment.OPENCLAW_STATE_DIR) return ocExpand(environment.OPENCLAW_STATE_DIR, base);
  const usual = path.join(base, ".openclaw");
  const legacy = path.join(base, ".clawdbot");
  return !ocExists(usual) && ocExists(legacy) ? legacy : usual;
}

// ------------------------------------------------------------------ units

const OC_UNIT = /^(openclaw|clawdbot)-gateway(-[A-Za-z0-9_-]+)?\.service$/;

function ocUnquoted(text) {
  const words = text.match(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s"']\S*/g) ?? [];
  return words.map((word) => (/^["']/.test(word) ? word.slice(1, -1).replace(/\\(.)/g, "$1") : word));
}

function ocUnitEnvironment(text, home) {
  const lines = text.replace(/\\\n/g, " ").split("\n");
  const words = lines.flatMap((line) => ocUnquoted(/^\s*Environment\s*=(.*)$/.exec(line)?.[1] ?? ""));
  const pairs = words.map((word) => [word.split("=", 1)[0], word.slice(word.indexOf("=") + 1)]);
  return ocPlacing(pairs.map(([name, value]) => [name, value.replace(/%h/g, home).replace(/%%/g, "%")]));
}

// The systemd user units of gateways, with what places their state: the unit and its drop-ins.
function ocUnits(home) {
  const folder = path.join(home, ".config/systemd/user");
  return ocNames(folder, OC_CLOSED)
    .filter((name) => OC_UNIT.test(name))
    .map((name) => {
      const dropIns = path.join(folder, `${name}.d`);
      const files = [name, ...ocNames(dropIns, OC_CLOSED).filter((each) => each.endsWith(".conf")).sort()];
      const texts = files.map((each, at) => ocText(path.join(at ? dropIns : folder, each), OC_CLOSED) ?? "");
      const environment = ocUnitEnvironment(texts.join("\n"), home);
      return { name, environment, stateDir: ocStateDirOf(environment, home) };
    });
}

// ------------------------------------------------------------------ discover

// `~/.clawdbot` counts only where there is no `~/.openclaw` [src config/state-dir.ts].
function ocHomeCandidates(home) {
  const names = ocNames(home, OC_CLOSED).filter((name) => {
    if (name === ".openclaw") return true;
    return name.startsWith(".openclaw-") && OC_PROFILE.test(name.slice(".openclaw-".length));
  });
  if (!names.includes(".openclaw") && ocExists(path.join(home, ".clawdbot"))) names.push(".clawdbot");
  return names.sort().map((name) => path.join(home, name));
}

function ocProfileOf(stateDir, home, environment) {
  const name = path.basename(stateDir);
  if (path.dirname(stateDir) === home && name.startsWith(".openclaw-")) return name.slice(".openclaw-".length);
  if (path.dirname(stateDir) === home && /^\.(openclaw|clawdbot)$/.test(name)) return null;
  const named = environment.OPENCLAW_PROFILE ?? "";
  return OC_PROFILE.test(named) && named.toLowerCase() !== "default" ? named : null;
}

const OC_NAMED = 3;
const OC_LONGEST = 80;

// The words for entries that this user may not read, or null where there are none.
function ocRefusal(folder, closed) {
  if (!closed.length) return null;
  const names = closed.slice(0, OC_NAMED).map(({ path: relative, code }) => `${ocShort(ocName(relative))} (${code})`);
  const more = closed.length > OC_NAMED ? `, and ${closed.length - OC_NAMED} more` : "";
  const count = closed.length === 1 ? "1 entry" : `${closed.length} entries`;
  return `${count} in ${folder} cannot be read by this user: ${names.join(", ")}${more}`;
}

function ocShort(name) {
  return name.length > OC_LONGEST ? `${name.slice(0, OC_LONGEST / 2)}…${name.slice(-OC_LONGEST / 4)}` : name || ".";
}

function ocSizes(stateDir, rules) {
  const total = { bytes: 0, files: 0, problem: null };
  try {
    for (const { reason, stat } of walk(pathOf(stateDir), { rules, refused: () => undefined })) {
      if (reason || !stat.isFile()) continue;
      total.bytes += Number(stat.size);
      total.files += 1;
    }
    // All of it, also what does not move: the safety copy on OLD holds that too.
    total.problem = ocRefusal(stateDir, unreadable(pathOf(stateDir)));
  } catch (error) {
    if (!OC_CLOSED.has(error.code)) throw error;
    total.problem = `${error.path ?? stateDir} cannot be read by this user (${error.code})`;
  }
  return total;
}

const OC_INCLUDED = /["']?\$include["']?\s*:\s*(\[[^\]]*\]|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')/g;

function ocIncludedBy(file, text) {
  const named = [...text.matchAll(OC_INCLUDED)].flatMap(([, value]) => value.match(/"[^"]*"|'[^']*'/g) ?? []);
  return named.map((each) => path.resolve(path.dirname(file), each.slice(1, -1)));
}

// The text of every file that the config includes, by path; the caller puts them together.
function ocIncludes(file, text, found = {}) {
  for (const each of ocIncludedBy(file, text)) {
    const content = each in found ? undefined : ocText(each, OC_CLOSED);
    if (content === undefined) continue;
    found[each] = content;
    ocIncludes(each, content, found);
  }
  return found;
}

function ocConfig(stateDir, environment, home) {
  const named = environment.OPENCLAW_CONFIG_PATH;
  const places = OC_CONFIGS.map((name) => path.join(stateDir, name));
  const file = named ? ocExpand(named, home) : (places.find(ocExists) ?? places[0]);
  try {
    const text = fs.readFileSync(file, "utf8");
    const includes = Object.entries(ocIncludes(file, text));
    return {
      configPath: file,
      config: Buffer.from(text).toString("base64"),
      included: Object.fromEntries(includes.map(([name, each]) => [name, Buffer.from(each).toString("base64")])),
      configProblem: null,
    };
  } catch (error) {
    if (!OC_CLOSED.has(error.code)) throw error;
    const why = OC_ABSENT.has(error.code) ? "there is no config file" : `cannot be read by this user (${error.code})`;
    return { configPath: file, config: null, included: {}, configProblem: why };
  }
}

function ocInstallation(stateDir, { home, environment, unit, rules }) {
  const { problem, ...sizes } = ocSizes(stateDir, rules);
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
    top: ocNames(stateDir, OC_CLOSED).sort(),
    unit: unit?.name ?? null,
    environment,
  };
}

// Every state directory of this user, by its real path: below the home, in units, of running gateways, as told.
function ocStateDirs(home, environment, proc) {
  const units = ocUnits(home);
  // A gateway with another HOME is another person's matter, even where the user is the same.
  const running = ocRunningGateways(proc).filter((each) => ocReal(each.environment.HOME ?? home) === ocReal(home));
  const told = environment.OPENCLAW_STATE_DIR ? [{ stateDir: ocStateDirOf(environment, home), environment }] : [];
  const found = new Map();
  for (const stateDir of ocHomeCandidates(home)) found.set(ocReal(stateDir), { stateDir, environment: {} });
  for (const each of [...units, ...told, ...running]) {
    const known = found.get(ocReal(each.stateDir));
    const merged = { ...known?.environment, ...each.environment };
    found.set(ocReal(each.stateDir), { stateDir: known?.stateDir ?? each.stateDir, environment: merged });
  }
  for (const [real, each] of found) each.unit = units.find((unit) => ocReal(unit.stateDir) === real);
  return [...found.values()];
}

// Whether there is state in it; one that is closed to this user counts, since its name says so.
function ocIsState(stateDir) {
  const closed = ocIsFolder(stateDir) && ocTry(() => fs.readdirSync(stateDir), OC_CLOSED) === undefined;
  return closed || OC_MARKS.some((mark) => ocExists(path.join(stateDir, mark)));
}

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

// {installations, notState, others}: `notState` are places that have the name of a state directory and hold none.
command("oc.discover", async ({ home, environment = {}, excluded = [], proc = "/proc", ...places }) => {
  const rules = ocRules(excluded);
  const installations = [];
  const notState = [];
  for (const { stateDir, environment: placing, unit } of ocStateDirs(home, environment, proc)) {
    if (!ocExists(stateDir)) continue;
    if (ocIsState(stateDir)) {
      installations.push(ocInstallation(stateDir, { home, environment: placing, unit, rules }));
    } else {
      notState.push({ path: stateDir, folder: ocIsFolder(stateDir) });
    }
  }
  return { installations, notState, others: ocOthers(home, places) };
});

// The text of one installation's config and of what it includes: {configPath, config, included, configProblem}.
command("oc.config", async ({ stateDir, configPath }) => ocConfig(stateDir, { OPENCLAW_CONFIG_PATH: configPath }, "/"));

// ------------------------------------------------------------------ places

function ocFree(file) {
  for (let at = path.resolve(file); ; at = path.dirname(at)) {
    const found = ocTry(() => fs.statfsSync(at), OC_CLOSED);
    if (found) return Number(found.bavail) * Number(found.bsize);
    if (at === "/") return null;
  }
}

function ocPlace(file, rules, sizes) {
  const stat = ocTry(() => fs.lstatSync(file), OC_CLOSED);
  const folder = ocIsFolder(file);
  const { bytes, files, problem } = folder && sizes ? ocSizes(file, rules) : { bytes: 0, files: 0, problem: null };
  return { exists: stat !== undefined, folder, real: ocReal(file), bytes, files, problem, free: ocFree(file) };
}

// Those of the patterns that match nothing below `root`, each as it is given.
command("oc.unmatched", async ({ root, patterns }) => {
  const left = new Map(patterns.map((pattern) => [pattern, ruleSet([{ pattern, reason: pattern }])]));
  for (const { path: relative, stat, reason } of walk(pathOf(root), { refused: () => undefined })) {
    if (!left.size) break;
    const isFolder = !reason && stat.isDirectory();
    for (const [pattern, matches] of left) if (matches(relative, isFolder)) left.delete(pattern);
  }
  return [...left.keys()];
});

// [{exists, folder, real, bytes, files, problem, free}] for each path; `free` is the room for this user there.
command("oc.places", async ({ paths, excluded = [], sizes = true }) => {
  const rules = ocRules(excluded);
  return paths.map((each) => ocPlace(each, rules, sizes));
});
