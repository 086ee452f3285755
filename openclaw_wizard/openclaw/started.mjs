// What starts a gateway or speaks of one: systemd units, launchd plists, crontab, shell profiles, locks. See queries.mjs.
//
// Each gives claims: {how, stateDir, environment, keys, starts}. `how` is for a person; `starts` says what would start the
// gateway at boot and how a person ends that, where the wizard does not (its own user unit it disables); `environment` holds only what places
// the state; `keys` are names of variables, [name, where]. The values stay here: they can be secret.

const OC_LONGEST_FILE = 1 << 20;
const OC_USUAL = /^\.(openclaw|clawdbot|moltbot|moldbot)(-|$)/;

// {text} of a small file, {problem} where it cannot be read, {} where there is none. /dev/null is a masked unit.
function ocRead(file) {
  try {
    const stat = fs.statSync(file);
    if (stat.isCharacterDevice()) return { text: "" };
    if (!stat.isFile()) return { problem: "is no file" };
    if (stat.size > OC_LONGEST_FILE) return { problem: "is too large to be one" };
    return { text: fs.readFileSync(file, "utf8") };
  } catch (error) {
    if (OC_ABSENT.has(error.code)) return {};
    if (!OC_CLOSED.has(error.code)) throw error;
    return { problem: `cannot be read by this user (${error.code})` };
  }
}

// {texts: [[file, text]], problems} of those that are there.
function ocReadAll(files) {
  const found = files.map((file) => ({ file, ...ocRead(file) }));
  return {
    texts: found.filter(({ text }) => text !== undefined).map(({ file, text }) => [file, text]),
    problems: found.filter(({ problem }) => problem).map(({ file, problem }) => `${file} ${problem}`),
  };
}

// ------------------------------------------------------------------ names of variables

const OC_ORDINARY =
  /^(HOME|PATH|(OLD)?PWD|SHLVL|_|SHELL|USER|LOGNAME|LANG(UAGE)?|TERM|TMPDIR|TZ|MAIL|DISPLAY|(LC|XDG|DBUS|SSH)_.*)$/;
// Written by `gateway install` for each service anew [src daemon/service-env.ts].
const OC_OF_SERVICE = new RegExp(
  "^(NODE_OPTIONS|NODE_EXTRA_CA_CERTS|(OPENCLAW|CLAWDBOT)_" +
    "(STATE_DIR|PROFILE|GATEWAY_PORT|SERVICE_.*|SYSTEMD_UNIT|LAUNCHD_LABEL|WINDOWS_TASK_.*|NO_AUTO_UPDATE))$",
);
// The rest of a person's shell is not the gateway's matter.
const OC_KEY = /^(OPENCLAW|CLAWDBOT|MOLTBOT)_|(API_?KEY|TOKEN|SECRET|PASSWORD|CREDENTIALS|_KEY|_PAT)$/i;

function ocKeys(names, where, wanted = () => true) {
  const kept = names.filter((name) => !OC_ORDINARY.test(name) && !OC_OF_SERVICE.test(name) && wanted(name));
  return [...new Set(kept)].map((name) => [name, where]);
}

function ocIsKey(name) {
  return OC_KEY.test(name);
}

function ocPairs(words) {
  const named = words.filter((word) => word.includes("="));
  return named.map((word) => [word.split("=", 1)[0], word.slice(word.indexOf("=") + 1)]);
}

// ------------------------------------------------------------------ values in a shell's words

const OC_VALUE = `"(?:[^"\\\\]|\\\\.)*"|'[^']*'|[^\\s;&|#"']*`;
const OC_SET = new RegExp(`(?<![\\w$-])([A-Za-z_]\\w*)=(${OC_VALUE})`, "g");
const OC_SET_BY_FISH = new RegExp(`(?:^|;)\\s*set\\s+(?:-\\S+\\s+)*([A-Za-z_]\\w*)\\s+(${OC_VALUE})`, "g");

// The value of a word, or null where only a shell could tell it.
function ocShellValue(word, home) {
  if (word.startsWith("'")) return word.slice(1, -1);
  const bare = word.startsWith('"') ? word.slice(1, -1) : word.replace(/^~(?=\/|$)/, home);
  const value = bare.replace(/\$HOME\b|\$\{HOME\}/g, home).replace(/\\(.)/g, "$1");
  return /[$`]/.test(value) ? null : value;
}

// [[name, value or null]] of all that a script sets, the last one of a name last.
function ocAssigned(text, home) {
  const lines = text.replace(/\\\n/g, " ").split("\n").filter((line) => !/^\s*#/.test(line));
  const found = lines.flatMap((line) => [...line.matchAll(OC_SET), ...line.matchAll(OC_SET_BY_FISH)]);
  return found.map(([, name, word]) => [name, ocShellValue(word, home)]);
}

const OC_SHELL_FILES = [
  ...[".profile", ".bash_profile", ".bash_login", ".bashrc", ".zshenv", ".zprofile", ".zshrc", ".zlogin"],
  ".config/fish/config.fish",
];
// environment.d is what systemd gives to every user service.
const OC_SHELL_FOLDERS = [".config/fish/conf.d", ".config/environment.d"];

function ocFilesIn(folder, ending) {
  const names = ocNames(folder, OC_CLOSED).sort();
  return names.filter((name) => ending.test(name)).map((name) => path.join(folder, name));
}

function ocShellFiles(home) {
  const usual = OC_SHELL_FILES.map((name) => path.join(home, name));
  return [...usual, ...OC_SHELL_FOLDERS.flatMap((name) => ocFilesIn(path.join(home, name), /\.(fish|conf)$/))];
}

function ocShellClaims(home) {
  const { texts, problems } = ocReadAll(ocShellFiles(home));
  const claims = texts.flatMap(([file, text]) => {
    const pairs = ocAssigned(text, home);
    const keys = ocKeys(pairs.map(([name]) => name), file, ocIsKey);
    const unknown = pairs.find(([name, value]) => name === "OPENCLAW_STATE_DIR" && value === null);
    if (unknown) problems.push(`${file} sets OPENCLAW_STATE_DIR to what only a shell can work out`);
    const environment = ocPlacing(pairs.filter(([, value]) => value !== null));
    const places = environment.OPENCLAW_STATE_DIR || environment.OPENCLAW_HOME;
    return [{ how: file, keys, environment, stateDir: places ? ocStateDirOf(environment, home) : null }];
  });
  return { claims, problems };
}

// ------------------------------------------------------------------ systemd

const OC_UNIT = /^(openclaw|clawdbot|moltbot)-gateway(-[A-Za-z0-9_-]+)?\.service$/;
const OC_NODE_HOST = /^(openclaw|clawdbot)-node(-[A-Za-z0-9_-]+)?\.service$/;

function ocUnquoted(text) {
  const words = text.match(/(?:[^\s"']|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')+/g) ?? [];
  const part = /"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'/g;
  return words.map((word) => word.replace(part, (_, a, b) => (a ?? b).replace(/\\(.)/g, "$1")));
}

// {Environment: [...], ExecStart: [...], ...}; an empty assignment takes back those before it.
function ocUnitSettings(text) {
  const found = {};
  for (const line of text.replace(/\\\n/g, " ").split("\n")) {
    const [, key, value] = /^\s*([A-Za-z]+)\s*=\s*(.*)$/.exec(line) ?? [];
    if (!key) continue;
    found[key] = value ? [...(found[key] ?? []), value] : [];
  }
  return found;
}

function ocEnvironmentFiles(settings, expand) {
  const named = (settings.EnvironmentFile ?? []).map((value) => expand(value.replace(/^-/, "").trim()));
  return ocReadAll(named.filter((file) => path.isAbsolute(file)));
}

// One unit with its drop-ins; `managerHome` is what %h means to its service manager.
function ocUnit(name, { files, scope, home, managerHome }) {
  const { texts, problems } = ocReadAll(files);
  const expand = (text) => text.replace(/%h/g, managerHome).replace(/%%/g, "%");
  const settings = ocUnitSettings(texts.map(([, text]) => text).join("\n"));
  const extra = ocEnvironmentFiles(settings, expand);
  const own = ocPairs((settings.Environment ?? []).flatMap(ocUnquoted)).map(([key, value]) => [key, expand(value)]);
  const read = extra.texts.map(([file, text]) => [file, ocAssigned(text, home)]);
  const environment = ocPlacing([...own, ...read.flatMap(([, pairs]) => pairs)]);
  const words = ocUnquoted(expand((settings.ExecStart ?? []).at(-1) ?? ""));
  const runs = OC_UNIT.test(name) || ocIsGatewayLine(words);
  const role = scope === "user" ? "" : " (a system unit)";
  return {
    name,
    scope,
    runs,
    user: settings.User?.at(-1) ?? "root",
    how: runs ? `unit ${name}${role}` : `a setting of ${name}`,
    environment,
    stateDir: ocPlacedBy(environment, words, home),
    keys: [
      ...ocKeys(own.map(([key]) => key), `unit ${name}`),
      ...read.flatMap(([file, pairs]) => ocKeys(pairs.map(([key]) => key), file)),
    ],
    problems: [...problems, ...extra.problems],
  };
}

// The units of these folders, the first one that has a name wins; drop-ins count from all of them.
function ocUnitsIn(folders, setting) {
  const listed = folders.map((folder) => [folder, ocNames(folder, OC_CLOSED)]);
  const names = new Set(listed.flatMap(([, found]) => found.map((name) => name.replace(/\.service\.d$/, ".service"))));
  const wanted = [...names].filter((name) => name.endsWith(".service") && !OC_NODE_HOST.test(name)).sort();
  return wanted.map((name) => {
    const at = listed.find(([, found]) => found.includes(name))?.[0];
    const dropIns = folders.flatMap((folder) => ocFilesIn(path.join(folder, `${name}.d`), /\.conf$/));
    return ocUnit(name, { ...setting, files: [...(at ? [path.join(at, name)] : []), ...dropIns] });
  });
}

// Another unit may name a state directory too: a backup, a script that starts the gateway in its own way.
function ocNamesState({ runs, environment }) {
  return runs || Boolean(environment.OPENCLAW_STATE_DIR);
}

// The systemd user units of this user, with what places a state directory.
function ocUserUnits(home, etc = "/etc") {
  const own = [".config", ".local/share"].map((folder) => path.join(home, folder, "systemd/user"));
  const folders = [own[0], path.join(etc, "systemd/user"), own[1]];
  return ocUnitsIn(folders, { scope: "user", home, managerHome: home }).filter(ocNamesState);
}

// Those that run a gateway.
function ocUnits(home, etc) {
  return ocUserUnits(home, etc).filter(({ runs }) => runs);
}

// Those of the machine that run as this user.
function ocSystemUnits(home, user, etc = "/etc") {
  const found = ocUnitsIn([path.join(etc, "systemd/system")], { scope: "system", home, managerHome: "/root" });
  const own = found.filter((unit) => ocNamesState(unit) && [user, String(process.getuid())].includes(unit.user));
  return own.map((unit) => (unit.runs && ocIsWanted(unit.name, etc) ? { ...unit, starts: ocStartsUnit(unit.name) } : unit));
}

function ocStartsUnit(name) {
  return `the system unit ${name} (sudo systemctl disable ${name})`;
}

// Whether a boot starts it: `systemctl enable` leaves a link in the folder of a target.
function ocIsWanted(name, etc) {
  const folder = path.join(etc, "systemd/system");
  const targets = ocNames(folder, OC_CLOSED).filter((each) => /\.(wants|requires)$/.test(each));
  return targets.some((each) => ocExists(path.join(folder, each, name)));
}

// ------------------------------------------------------------------ launchd

function ocPlistText(file) {
  const found = ocRead(file);
  if (!found.text?.startsWith("bplist")) return found;
  const said = ocRun("plutil", ["-convert", "xml1", "-o", "-", file]);
  return said.status === 0 ? { text: said.stdout } : { problem: "is binary, and there is no plutil to read it" };
}

const OC_ENTITIES = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };

function ocXmlText(text) {
  return text.replace(/&(lt|gt|quot|apos|amp);/g, (_, name) => OC_ENTITIES[name]);
}

function ocPlist(text) {
  const inside = (key, tag) => new RegExp(`<key>${key}</key>\\s*<${tag}>([^]*?)</${tag}>`).exec(text)?.[1] ?? "";
  const strings = (part) => [...part.matchAll(/<string>([^]*?)<\/string>/g)].map(([, value]) => ocXmlText(value));
  const pairs = [...inside("EnvironmentVariables", "dict").matchAll(/<key>([^<]*)<\/key>\s*<string>([^]*?)<\/string>/g)];
  return {
    words: strings(inside("ProgramArguments", "array")),
    pairs: pairs.map(([, key, value]) => [ocXmlText(key), ocXmlText(value)]),
    user: inside("UserName", "string"),
  };
}

function ocPlistClaim(file, home) {
  const { text, problem } = ocPlistText(file);
  if (text === undefined) return { problems: problem ? [`${file} ${problem}`] : [] };
  const { words, pairs, user } = ocPlist(text);
  const extra = ocReadAll(words.filter((word) => /\/service-env\/[^/]+\.env$/.test(word)));
  const read = extra.texts.map(([at, each]) => [at, ocAssigned(each, home)]);
  const environment = ocPlacing([...pairs, ...read.flatMap(([, each]) => each)]);
  const keys = [
    ...ocKeys(pairs.map(([key]) => key), file),
    ...read.flatMap(([at, each]) => ocKeys(each.map(([key]) => key), at)),
  ];
  const stateDir = ocPlacedBy(environment, words, home);
  const starts = `launchd, ${file} (openclaw gateway stop --disable)`;
  return { how: file, user, words, environment, stateDir, keys, starts, problems: extra.problems };
}

const OC_LABEL = /^(ai\.openclaw|com\.openclaw|bot\.molt|com\.clawdbot)\.(?!node)[\w.-]*plist$/;

function ocPlistClaims(home, user, daemons) {
  const read = (folder) => {
    const files = ocFilesIn(folder, /\.plist$/).filter((file) => OC_LABEL.test(path.basename(file)));
    return files.map((file) => ocPlistClaim(file, home));
  };
  return [...read(path.join(home, "Library/LaunchAgents")), ...read(daemons).filter((each) => each.user === user)];
}

// ------------------------------------------------------------------ crontab

// The lines of this user's crontab that start a gateway at boot.
function ocCronClaims(home) {
  const said = ocRun("crontab", ["-l"]);
  if (said.error || said.status !== 0) return [];
  const settings = [];
  return said.stdout.split("\n").flatMap((line) => {
    const [, name, word] = /^\s*([A-Za-z_]\w*)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (name) settings.push([name, ocShellValue(word, home)]);
    if (!/^\s*@reboot\s.*(openclaw|clawdbot|moltbot)/i.test(line)) return [];
    const pairs = [...settings, ...ocAssigned(line, home)];
    const environment = ocPlacing(pairs.filter(([, value]) => value !== null));
    const stateDir = ocPlacedBy(environment, line.split(/\s+/), home);
    const keys = ocKeys(pairs.map(([key]) => key), "crontab", ocIsKey);
    return [{ how: "crontab, at boot", environment, stateDir, keys, starts: "a line of the crontab (crontab -e)" }];
  });
}

// ------------------------------------------------------------------ pm2 and containers

// What `pm2 save` keeps, pm2 starts again at boot [pm2 docs, startup].
function ocPm2Claims(home) {
  const saved = ocJson(path.join(home, ".pm2/dump.pm2"));
  return (Array.isArray(saved) ? saved : []).flatMap((each) => {
    const args = Array.isArray(each?.args) ? each.args : [];
    const words = [each?.pm_exec_path ?? "", ...args].map(String);
    if (!ocIsGatewayLine(words)) return [];
    const set = Object.entries(each.env ?? {}).filter(([, value]) => typeof value === "string");
    const environment = ocPlacing(set);
    const name = String(each.name ?? "openclaw");
    const starts = `pm2, process ${name} (pm2 delete ${name} && pm2 save)`;
    return [{ how: `pm2, process ${name}`, environment, stateDir: ocPlacedBy(environment, words, home), keys: [], starts }];
  });
}

// Containers that docker starts again by itself, by the folder of this machine that is their state directory.
function ocDockerClaims() {
  const ids = ocRun("docker", ["ps", "-aq", "--no-trunc"]);
  const listed = ids.status === 0 ? ids.stdout.split("\n").filter(Boolean) : [];
  const said = listed.length ? ocRun("docker", ["inspect", ...listed]) : { status: 1 };
  return (said.status === 0 ? ocParsed(said.stdout) ?? [] : []).flatMap((each) => {
    const policy = each?.HostConfig?.RestartPolicy?.Name;
    const mount = (each?.Mounts ?? []).find(({ Destination: at }) => OC_USUAL.test(path.basename(at ?? "")));
    if (!["always", "unless-stopped"].includes(policy) || !mount?.Source) return [];
    const name = String(each.Name ?? "").replace(/^\//, "");
    const starts = `docker, container ${name} with restart policy ${policy} (docker update --restart no ${name})`;
    return [{ how: `docker, container ${name}`, environment: {}, stateDir: mount.Source, keys: [], starts }];
  });
}

// ------------------------------------------------------------------ locks

// The usual folder of another home, such as a practice host's: another person's matter, even where the user is the same.
function ocIsOfAnotherHome(stateDir, home) {
  return OC_USUAL.test(path.basename(stateDir)) && ocReal(path.dirname(stateDir)) !== ocReal(home);
}

// Up to 2026.7 the lock lies in a shared folder and names the state directory, or only its config.
function ocLockClaims(home, uid) {
  return ocLockFolders(home, uid)
    .slice(1)
    .flatMap((folder) => ocFilesIn(folder, /^gateway\..*lock$/))
    .flatMap((file) => {
      const found = ocLockPayload(file);
      const named = found?.stateDir ?? (found?.configPath && path.dirname(found.configPath));
      const isOurs = typeof named === "string" && !ocIsOfAnotherHome(named, home);
      return isOurs ? [{ how: `lock ${file}`, stateDir: named, environment: {}, keys: [] }] : [];
    });
}
