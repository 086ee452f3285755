// Who runs the gateway of a state directory: `oc.gateway`, `oc.signal`. See queries.mjs.
//
// The lock file names a process; a number alone may be another process by now, so its start time is compared, or where
// none was written its command line [src infra/gateway-lock.ts]. Where a question cannot be answered, the answer is
// null: unknown, never "no".
import * as ocNet from "node:net";

function ocRun(program, words, environment = {}) {
  const env = { ...process.env, ...environment };
  return ocProcess.spawnSync(program, words, { encoding: "utf8", timeout: 15000, env });
}

// ------------------------------------------------------------------ processes

function ocFields(pid, proc) {
  const stat = ocText(`${proc}/${pid}/stat`, OC_CLOSED);
  // The name in parentheses may hold spaces; start time is field 22, 20th after it.
  return stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
}

function ocNulSeparated(file) {
  return (ocText(file, OC_CLOSED) ?? "").split("\0").filter(Boolean);
}

// All processes that can be seen, or null where there is no /proc.
function ocProcesses(proc) {
  if (!ocIsFolder(`${proc}/self`)) return null;
  return ocNames(proc)
    .filter((name) => /^\d+$/.test(name))
    .map((name) => ({ pid: Number(name), comm: ocText(`${proc}/${name}/comm`, OC_CLOSED)?.trim() }))
    .filter(({ comm }) => comm !== undefined);
}

const OC_OTHER_WORDS = /^(status|stop|start|restart|install|uninstall|probe|call|suspend|resume|health|auth-token)$/;
const OC_ENTRIES = ["dist/index.js", "dist/entry.js", "openclaw.mjs", "/openclaw"];

// A running gateway by its command line: its own title, or `openclaw … gateway [run]` before it has one.
function ocIsGatewayLine(words) {
  const first = path.basename(words[0] ?? "");
  if (first === "openclaw-gateway") return true;
  const at = words.indexOf("gateway");
  const isOpenClaw = first === "openclaw" || words.some((word) => OC_ENTRIES.some((entry) => word.endsWith(entry)));
  return isOpenClaw && at > 0 && !words.slice(at + 1).some((word) => OC_OTHER_WORDS.test(word));
}

function ocLine(pid, proc) {
  if (ocIsFolder(`${proc}/self`)) return ocNulSeparated(`${proc}/${pid}/cmdline`);
  const said = ocRun("ps", ["-ww", "-p", String(pid), "-o", "command="]);
  return said.status === 0 ? said.stdout.trim().split(/\s+/) : null;
}

function ocStarted(pid, proc) {
  const fields = ocFields(pid, proc);
  if (fields) return Number(fields[19]);
  if (process.platform !== "darwin") return null;
  const said = ocRun("ps", ["-p", String(pid), "-o", "lstart="], { LC_ALL: "C", TZ: "UTC" });
  const time = Date.parse(`${said.stdout?.trim()} UTC`);
  return Number.isFinite(time) ? Math.floor(time / 1000) : null;
}

function ocIsAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    if (error.code === "ESRCH") return false;
    if (error.code === "EPERM") return true;
    throw error;
  }
}

// "ours", "gone" (no such process, or another one by now) or "unknown".
function ocVerdict({ pid, startTime }, proc) {
  const isZombie = ocFields(pid, proc)?.[0] === "Z";
  if (!ocIsAlive(pid) || isZombie) return "gone";
  const started = Number.isFinite(startTime) ? ocStarted(pid, proc) : null;
  if (started !== null) return started === startTime ? "ours" : "gone";
  const words = ocLine(pid, proc);
  if (!words?.length) return "unknown";
  return ocIsGatewayLine(words) ? "ours" : "gone";
}

function ocEnvironment(pid, proc) {
  return ocPlacing(ocPairs(ocNulSeparated(`${proc}/${pid}/environ`)));
}

// [{pid, comm, files}]: what each process has open, as far as this user may see; null without /proc.
function ocOpenFiles(proc) {
  const found = ocProcesses(proc);
  if (!found) return null;
  return found
    .filter(({ pid }) => pid !== process.pid)
    .map(({ pid, comm }) => {
      const names = ocNames(`${proc}/${pid}/fd`, OC_CLOSED);
      const links = names.map((name) => ocTry(() => fs.readlinkSync(`${proc}/${pid}/fd/${name}`), OC_CLOSED));
      return { pid, comm, files: links.filter((link) => link !== undefined) };
    });
}

const OC_OWN_FILE =
  /^(\/.*?)\/(?:state\/openclaw\.sqlite|tmp\/openclaw-\d+\/gateway\.state\.lock)(?:-wal|-shm|\.sqlite)?$/;

// Its own words and those of its launchers, since the title that a gateway gives itself hides `--profile`; none where
// it is no gateway.
function ocGatewayWords(pid, proc) {
  const own = pid > 1 ? (ocLine(pid, proc) ?? []) : [];
  if (!ocIsGatewayLine(own)) return [];
  return [...own, ...ocGatewayWords(Number(ocFields(pid, proc)?.[1] ?? 0), proc)];
}

function ocPlacedBy(environment, words, home = os.homedir()) {
  const at = words.findIndex((word) => /^--profile(=|$)/.test(word));
  const named = at < 0 ? undefined : (words[at].split("=")[1] ?? words[at + 1]);
  const profile = words.includes("--dev") ? "dev" : named;
  const usual = ocStateDirOf(environment, home);
  if (environment.OPENCLAW_STATE_DIR || !OC_PROFILE.test(profile ?? "") || profile === "default") return usual;
  return path.join(path.dirname(usual), `.openclaw-${profile}`);
}

// This user's gateways with their state directory: by the database that they hold, else by flag and variables.
function ocRunningGateways(proc, open = ocOpenFiles(proc)) {
  const own = process.getuid();
  return (open ?? []).flatMap(({ pid, files }) => {
    const stat = ocTry(() => fs.statSync(`${proc}/${pid}`), OC_CLOSED);
    const words = stat?.uid === own ? ocGatewayWords(pid, proc) : [];
    if (!words.length) return [];
    const environment = ocEnvironment(pid, proc);
    const held = files.map((file) => OC_OWN_FILE.exec(file)?.[1]).find(Boolean);
    if (!held && !environment.HOME && !environment.OPENCLAW_STATE_DIR) return [];
    return [{ pid, stateDir: held ?? ocPlacedBy(environment, words), environment, sure: Boolean(held) }];
  });
}

// ------------------------------------------------------------------ locks

function ocLockFolders(stateDir, uid) {
  const name = `openclaw-${uid}`;
  const shared = [os.tmpdir(), "/tmp"].map((folder) => path.join(folder, name));
  return [...new Set([path.join(stateDir, "tmp", name), ...shared])];
}

// undefined where it is half written or gone since it was listed: the process itself is found in other ways.
function ocLockPayload(file) {
  const found = ocJson(file);
  return Number.isInteger(found?.pid) ? found : undefined;
}

// The locks of this state directory; others in the shared folder belong to other installations.
function ocLocks(stateDir, uid, proc) {
  const real = ocReal(stateDir);
  const files = ocLockFolders(stateDir, uid).flatMap((folder) =>
    ocNames(folder, OC_CLOSED)
      .filter((name) => /^gateway\..*lock$/.test(name))
      .map((name) => path.join(folder, name)),
  );
  return files.flatMap((file) => {
    const found = ocLockPayload(file);
    if (!found || (found.role ?? "gateway") !== "gateway") return [];
    const home = found.stateDir ?? path.dirname(found.configPath ?? "");
    if (ocReal(home) !== real) return [];
    return [{ file, pid: found.pid, port: found.port ?? null, verdict: ocVerdict(found, proc) }];
  });
}

// ------------------------------------------------------------------ port

function ocConnects(address, port) {
  return new Promise((done) => {
    const socket = ocNet.connect({ host: address, port, timeout: 2000 });
    const end = (answer) => {
      socket.destroy();
      done(answer);
    };
    socket.once("connect", () => end(true)).once("error", () => end(false)).once("timeout", () => end(false));
  });
}

async function ocListening(port) {
  if (!port) return null;
  const answers = await Promise.all(["127.0.0.1", "::1"].map((address) => ocConnects(address, port)));
  return answers.includes(true);
}

// The process that listens on a port, where it can be seen.
function ocListener(port, open, proc) {
  const rows = ["tcp", "tcp6"].flatMap((name) => (ocText(`${proc}/net/${name}`, OC_CLOSED) ?? "").split("\n").slice(1));
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const inodes = rows
    .map((row) => row.trim().split(/\s+/))
    .filter((row) => row[3] === "0A" && row[1]?.endsWith(wanted))
    .map((row) => `socket:[${row[9]}]`);
  const found = (open ?? []).find(({ files }) => inodes.some((each) => files.includes(each)));
  return found ? { pid: found.pid, comm: found.comm } : null;
}

// ------------------------------------------------------------------ who holds the databases

function ocDatabaseFiles(stateDir) {
  const agents = ocNames(path.join(stateDir, "agents"), OC_CLOSED);
  const folders = agents.map((name) => path.join(stateDir, "agents", name, "agent"));
  return [path.join(stateDir, "state"), ...folders].flatMap((folder) =>
    ocNames(folder, OC_CLOSED)
      .filter((name) => name.endsWith(".sqlite"))
      .map((name) => path.join(folder, name)),
  );
}

function ocHoldersByLsof(stateDir) {
  const files = ocDatabaseFiles(stateDir);
  if (!files.length) return [];
  const said = ocRun("lsof", ["-Fpc", "--", ...files]);
  // Status 1 with nothing said is "nobody"; anything else that failed is no answer.
  if (said.error || (said.status !== 0 && said.stderr.trim())) return null;
  const found = [...said.stdout.matchAll(/^p(\d+)\nc(.*)$/gm)].map(([, pid, comm]) => ({ pid: Number(pid), comm }));
  return found.filter(({ pid }) => pid !== process.pid);
}

// The kernel's list of file locks shows other users' processes too (a container's): every connection to a database
// holds one, and a gateway holds its coordinators [src infra/sqlite-coordinator.ts].
function ocLocking(stateDir, proc) {
  const folder = path.join(stateDir, "tmp");
  const coordinators = ocNames(folder, OC_CLOSED).flatMap((each) =>
    ocNames(path.join(folder, each), OC_CLOSED)
      .filter((name) => name.endsWith(".lock.sqlite"))
      .map((name) => path.join(folder, each, name)),
  );
  const files = [...ocDatabaseFiles(stateDir), ...coordinators].flatMap((file) => [file, `${file}-shm`]);
  const known = new Set(files.map((file) => ocLockName(file)).filter(Boolean));
  const rows = (ocText(`${proc}/locks`, OC_CLOSED) ?? "").split("\n").map((row) => row.trim().split(/\s+/));
  const pids = rows.filter((row) => known.has(row[5])).map((row) => Number(row[4]));
  return [...new Set(pids)].map((pid) => ({ pid, comm: ocText(`${proc}/${pid}/comm`, OC_CLOSED)?.trim() ?? "?" }));
}

// `major:minor:inode`, as /proc/locks writes it.
function ocLockName(file) {
  const stat = ocTry(() => fs.statSync(file, { bigint: true }), OC_CLOSED);
  if (!stat) return null;
  const major = ((stat.dev >> 8n) & 0xfffn) | ((stat.dev >> 32n) & ~0xfffn);
  const minor = (stat.dev & 0xffn) | ((stat.dev >> 12n) & ~0xffn);
  return `${major.toString(16).padStart(2, "0")}:${minor.toString(16).padStart(2, "0")}:${stat.ino}`;
}

function ocHolders(stateDir, open, proc) {
  if (!open) return ocHoldersByLsof(stateDir);
  const real = ocReal(stateDir);
  // Not those of a workspace: they are a person's own.
  const own = /^\/(state|agents|memory|tmp)\/.*\.sqlite(-wal|-shm|-journal)?( \(deleted\))?$/;
  const isOurs = (file) => ocUnder(file, real) && own.test(file.slice(real.length));
  const opened = open.filter(({ files }) => files.some(isOurs)).map(({ pid, comm }) => ({ pid, comm }));
  const pids = new Set([process.pid, ...opened.map(({ pid }) => pid)]);
  return [...opened, ...ocLocking(stateDir, proc).filter(({ pid }) => !pids.has(pid))];
}

// ------------------------------------------------------------------ units

// null where no systemd runs the machine (a container, a home that came from elsewhere): then no unit is run either.
function ocUnitState(name, uid, systemd) {
  const runtime = `/run/user/${uid}`;
  const bus = { XDG_RUNTIME_DIR: runtime, DBUS_SESSION_BUS_ADDRESS: `unix:path=${runtime}/bus` };
  const said = ocRun("systemctl", ["--user", "show", name, "--property=ActiveState,UnitFileState"], bus);
  if (said.error || said.status !== 0) return ocExists(systemd) ? { active: null, enabled: null } : null;
  const found = Object.fromEntries(said.stdout.trim().split("\n").map((line) => line.split("=", 2)));
  return {
    active: found.ActiveState ?? null,
    enabled: found.UnitFileState ? /^(enabled|enabled-runtime|linked|alias)$/.test(found.UnitFileState) : null,
  };
}

function ocUnitOf(stateDir, home, named, uid, systemd) {
  const isIt = (unit) => (named ? unit.name === named : ocReal(unit.stateDir) === ocReal(stateDir));
  const found = ocUnits(home).find(isIt);
  return found ? { ...found, state: ocUnitState(found.name, uid, systemd) } : null;
}

// ------------------------------------------------------------------ together

// The gateway's process: what the lock says, else a gateway that holds the database, else one with these variables.
function ocGatewayProcess(stateDir, locks, open, proc) {
  const locked = locks.find(({ verdict }) => verdict === "ours");
  if (locked) return { pid: locked.pid, by: "lock" };
  const real = ocReal(stateDir);
  const running = ocRunningGateways(proc, open).filter((each) => ocReal(each.stateDir) === real);
  const found = running.find(({ sure }) => sure) ?? running.at(-1);
  return found ? { pid: found.pid, by: found.sure ? "files" : "variables" } : { pid: null, by: null };
}

// How many gateways of this state directory run, each with what started it counted once; null without /proc.
function ocGatewayCount(stateDir, open, proc) {
  if (!open) return null;
  const real = ocReal(stateDir);
  const running = ocRunningGateways(proc, open).filter((each) => ocReal(each.stateDir) === real);
  const pids = new Set(running.map(({ pid }) => pid));
  return running.filter(({ pid }) => !pids.has(Number(ocFields(pid, proc)?.[1]))).length;
}

async function ocGateway({ stateDir, home = os.homedir(), port = null, unit = null, ...params }) {
  const { uid = process.getuid(), proc = "/proc", systemd = "/run/systemd/system" } = params;
  const locks = ocLocks(stateDir, uid, proc);
  const open = ocOpenFiles(proc);
  const { pid, by } = ocGatewayProcess(stateDir, locks, open, proc);
  const service = ocUnitOf(stateDir, home, unit, uid, systemd);
  const itsPort = locks.find(({ verdict }) => verdict === "ours")?.port ?? port;
  const holders = ocHolders(stateDir, open, proc);
  const listener = itsPort ? ocListener(itsPort, open, proc) : null;
  const ours = listener && (listener.pid === pid || (holders ?? []).some((each) => each.pid === listener.pid));
  return {
    exists: ocIsFolder(stateDir),
    pid,
    by,
    locks,
    holders,
    gateways: ocGatewayCount(stateDir, open, proc),
    port: itsPort,
    listening: await ocListening(itsPort),
    listener: listener && { ...listener, ours: Boolean(ours) },
    environment: pid === null ? (service?.environment ?? {}) : ocEnvironment(pid, proc),
    unit: service?.state ? { name: service.name, ...service.state } : null,
  };
}

command("oc.gateway", ocGateway);

// Asks once more whether that process is that gateway, and only then signals it. {sent, why}
command("oc.signal", async ({ stateDir, uid = process.getuid(), pid, signal = "SIGTERM", proc = "/proc" }) => {
  const found = ocGatewayProcess(stateDir, ocLocks(stateDir, uid, proc), ocOpenFiles(proc), proc);
  if (found.pid === null) return { sent: false, why: "no gateway runs there" };
  if (found.pid !== pid) return { sent: false, why: `the gateway is process ${found.pid} now` };
  process.kill(pid, signal);
  return { sent: true, why: "" };
});
