// What the wizard asks about OpenClaw on a host. Appended to the helper's core, see hosts/helper.mjs; the facts of
// OpenClaw behind it stand in layout.py, service.py and inventory.py beside this file. Names begin with `oc`, since
// all parts share one scope.
//
// Here: words that the other parts use, configs, sizes, and `oc.places`.
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
  "OPENCLAW_OAUTH_DIR",
  "HOME",
]);

const OC_ABSENT = new Set(["ENOENT", "ENOTDIR", "ELOOP"]);
const OC_CLOSED = new Set([...OC_ABSENT, "EACCES", "EPERM", "ESRCH", READ_ERROR]);

// The value, or undefined where it is not there; with OC_CLOSED also where this user may not look, or
// the disk cannot.
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

// ------------------------------------------------------------------ sizes and configs

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

const OC_PARTS = 40;

// Totals of the folders of the first two levels; of what a rule leaves out, the reason stands instead.
class OcParts {
  #found = new Map();

  add(relative, { reason, stat }) {
    const names = relative.toString().split("/");
    if (reason) return names.length <= 2 && this.#at(names.join("/"), reason);
    if (!stat.isFile()) return undefined;
    const folders = names.slice(0, -1).slice(0, 2);
    for (let depth = 1; depth <= folders.length; depth += 1) this.#count(folders.slice(0, depth).join("/"), stat);
    return folders.length ? undefined : this.#count(".", stat);
  }

  #at(name, stays = "") {
    if (!this.#found.has(name)) this.#found.set(name, { path: name, bytes: 0, files: 0, stays });
    return this.#found.get(name);
  }

  #count(name, stat) {
    const part = this.#at(name);
    part.bytes += Number(stat.size);
    part.files += 1;
  }

  // The largest, by name.
  list() {
    const largest = [...this.#found.values()].sort((a, b) => b.bytes - a.bytes).slice(0, OC_PARTS);
    return largest.sort((a, b) => (a.path < b.path ? -1 : 1));
  }
}

// One walk through all of it, also what does not move: the safety copy on OLD holds that too, so it must be readable.
function ocMeasure(stateDir, rules, total, odd) {
  const reasonFor = ruleSet(rules);
  const [parts, closed] = [new OcParts(), []];
  const refused = (relative, code) => closed.push({ path: relative, code });
  let left = null;
  for (const { path: relative, full, reason, stat } of walk(pathOf(stateDir), { refused })) {
    if (stat?.isFile()) heard(relative, refused, () => mayRead(full));
    const name = relative.toString("latin1");
    odd?.add(name, stat);
    if (left !== null && name.startsWith(left)) continue;
    const stays = reason ?? (name && reasonFor(relative, stat.isDirectory()));
    parts.add(relative, { reason: stays, stat });
    if (stays && stat?.isDirectory()) left = `${name}/`;
    if (stays || !stat.isFile()) continue;
    total.bytes += Number(stat.size);
    total.files += 1;
  }
  return { ...total, parts: parts.list(), problem: ocRefusal(stateDir, closed) };
}

function ocSizes(stateDir, rules, odd) {
  const total = { bytes: 0, files: 0, problem: null, parts: [] };
  try {
    return ocMeasure(stateDir, rules, total, odd);
  } catch (error) {
    if (!OC_CLOSED.has(error.code)) throw error;
    return { ...total, problem: `${error.path ?? stateDir} cannot be read by this user (${error.code})` };
  }
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

const OC_NETWORK =
  /^(nfs4?|cifs|smb3?|smbfs|afpfs|webdav|ceph|lustre|afs|ncpfs|(fuse\.)?(davfs2?|glusterfs|sshfs|rclone|s3fs|smbnetfs))$/;
const OC_MOUNT_LINE = /^(?<source>.*) on (?<at>.*) \((?<kind>\w+)/;

// [{at, kind, source}] of all mounts, later ones lie over earlier ones.
function ocMounts(file = "/proc/self/mountinfo") {
  const text = ocText(file, OC_CLOSED);
  const lines = (text ?? ocRun("mount", []).stdout ?? "").split("\n");
  if (text === undefined) return lines.map((line) => OC_MOUNT_LINE.exec(line)?.groups).filter(Boolean);
  const plain = (word) => word.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(parseInt(octal, 8)));
  return lines.filter(Boolean).map((line) => {
    const [before, after] = line.split(" - ").map((part) => part.split(" "));
    return { at: plain(before[4]), kind: after[0], source: plain(after[1]) };
  });
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

// "nfs4 nas:/volume1" where a path lies on a disk of another machine, else null. Without a login that it may name.
function ocNetwork(real, mounts) {
  const over = mounts.filter(({ at }) => ocUnder(real, at));
  const found = over.reduce((best, each) => (best && best.at.length > each.at.length ? best : each), undefined);
  return found && OC_NETWORK.test(found.kind) ? `${found.kind} ${found.source.replace(/[^/@]*@/, "")}` : null;
}

function ocPlace(file, rules, sizes, mounts) {
  const stat = ocTry(() => fs.lstatSync(file), OC_CLOSED);
  const folder = ocIsFolder(file);
  const real = ocReal(file);
  const own = stat?.isFile() ? { bytes: stat.size, files: 1, problem: null } : { bytes: 0, files: 0, problem: null };
  const { bytes, files, problem } = folder && sizes ? ocSizes(file, rules) : own;
  const kind = { exists: stat !== undefined, folder, link: stat?.isSymbolicLink() ?? false };
  return { ...kind, real, bytes, files, problem, free: ocFree(file), network: ocNetwork(real, mounts), ...ocMakeable(file) };
}

// Whether this user may make something at `file`, and what its name will be with links resolved; `mark` tells whether
// two machines see the same folder there, as they do of a NAS.
function ocMakeable(file) {
  let parent = path.dirname(path.resolve(file));
  while (!ocExists(parent) && parent !== "/") parent = path.dirname(parent);
  const makeable = ocTry(() => fs.accessSync(parent, fs.constants.W_OK | fs.constants.X_OK) ?? true, OC_CLOSED) ?? false;
  const stat = ocTry(() => fs.statSync(file, { bigint: true }), OC_CLOSED);
  const mark = stat ? [stat.ino, stat.birthtimeNs || stat.ctimeNs].map(String) : null;
  return { makeable: makeable && ocIsFolder(parent), canonical: ocCanonical(file, [{ new: path.resolve(file) }]), mark };
}

// [{exists, folder, link, real, bytes, files, problem, free, network, makeable, canonical, mark}] for each path; `free`
// is the room for this user there.
command("oc.places", async ({ paths, excluded = [], sizes = true, mounts }) => {
  const rules = ocRules(excluded);
  const mounted = ocMounts(mounts);
  return paths.map((each) => ocPlace(each, rules, sizes, mounted));
});

// Gateways and places in one call: {gateways, places}.
command("oc.look", async ({ gateways, paths, mounts }) => {
  const mounted = ocMounts(mounts);
  return {
    gateways: await Promise.all(gateways.map(ocGateway)),
    places: paths.map((each) => ocPlace(each, [], false, mounted)),
  };
});
