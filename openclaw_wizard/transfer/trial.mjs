// What NEW's file system does with names, links, modes and times, found by doing it in a folder of the wizard's own and
// taking it away again; part of the wizard's helper.

const TRIAL = ".trial-";
const TRIAL_TIME_NS = 1_600_000_000_123_456_789n;
const TRIAL_STEPS_NS = [1n, 100n, 1_000n, 1_000_000n, 1_000_000_000n, 2_000_000_000n];
const TRIAL_MODES = { f: [0o600, 0o644, 0o400, 0o777, 0o4755, 0o2755, 0], d: [0o700, 0o755, 0o500, 0o1777, 0o2750, 0] };
const PRIVATE = { f: 0o600, d: 0o700 };
const TRIAL_NAMES = [
  ...[...":?*\"<>|\\"].map((char) => Buffer.from(`a${char}b`)),
  ...[1, 9, 10, 13, 31, 127, 255].map((byte) => Buffer.from([97, byte, 98])),
  ...["a.", "a ", " a", "AB", "é", "e\u0301", "🦞", "CON"].map((name) => Buffer.from(name)),
  ...[Buffer.from([0xed, 0xa0, 0x80]), Buffer.alloc(255, "L"), Buffer.alloc(254, "é")],
];
// Pairs that are two names, unless they are folded into one.
const TRIAL_PAIRS = [
  ["case", "CASE"],
  ["\u00e9", "e\u0301"],
];

// What says nothing of the file system's kind, only that the trial itself could not be made.
const NO_TRIAL = new Set(["ENOSPC", "EDQUOT", "EROFS", "EIO"]);

// Runs `work(folder)` in a new folder below `root`, which goes again whatever happens.
async function onTrial({ root, mustContain }, work) {
  const { full: top, stat } = ownFolder(root, mustContain);
  const mode = Number(stat.mode & 0o7777n);
  if ((mode & 0o700) !== 0o700) fs.chmodSync(top, 0o700);
  const folder = join(top, Buffer.from(TRIAL + crypto.randomBytes(4).toString("hex")));
  fs.mkdirSync(folder, { mode: 0o700 });
  try {
    return await work(folder);
  } finally {
    removeWhole(folder);
    setTime(top, String(stat.mtimeNs));
    if ((mode & 0o700) !== 0o700) fs.chmodSync(top, mode);
  }
}

function emptied(folder) {
  for (const name of fs.readdirSync(folder, { encoding: "buffer" })) removeWhole(join(folder, name));
}

function made(full, { k: kind, n: target }) {
  if (kind === "d") fs.mkdirSync(full, { mode: 0o700 });
  else if (kind === "l") fs.symlinkSync(Buffer.from(target, "base64"), full);
  else fs.closeSync(fs.openSync(full, "wx", 0o600));
}

function refusal(error) {
  if (NO_TRIAL.has(error.code)) throw error;
  return { e: error.code };
}

// Makes one entry in an empty folder and takes it away. Undefined where it stands as it should, else {e: why, o: as what}.
function triedAlone(folder, name, entry) {
  const full = join(folder, name);
  try {
    made(full, entry);
    const [stands] = fs.readdirSync(folder, { encoding: "buffer" });
    if (!stands?.equals(name)) return { e: "ERENAMED", o: base64(stands ?? Buffer.alloc(0)) };
    if (entry.k === "l") {
      const target = base64(fs.readlinkSync(full, { encoding: "buffer" }));
      return target === entry.n ? undefined : { e: "ERENAMED", o: target };
    }
    fs.chmodSync(full, entry.m);
    const mode = Number(fs.lstatSync(full).mode & 0o7777);
    return mode === entry.m ? undefined : { e: "EMODE", o: base64(Buffer.from(mode.toString(8).padStart(4, "0"))) };
  } catch (error) {
    return refusal(error);
  } finally {
    emptied(folder);
  }
}

function twoAtOnce(folder, make, [first, second]) {
  try {
    made(join(folder, Buffer.from(first)), { k: "f" });
    make(join(folder, Buffer.from(first)), join(folder, Buffer.from(second)));
    return true;
  } catch (error) {
    return !refusal(error);
  } finally {
    emptied(folder);
  }
}

const holdsBoth = (folder, pair) => twoAtOnce(folder, (_, second) => made(second, { k: "f" }), pair);
const hasSecondNames = (folder) => twoAtOnce(folder, (first, second) => fs.linkSync(first, second), ["a", "b"]);

function keepsModes(folder, modes, kind) {
  return modes.every((m) => !triedAlone(folder, Buffer.from("a"), { k: kind, m }));
}

// The nanoseconds to which a time is kept.
function stepOfTimes(folder) {
  const full = join(folder, Buffer.from("a"));
  made(full, { k: "f" });
  setTime(full, String(TRIAL_TIME_NS));
  const { mtimeNs } = fs.lstatSync(full, { bigint: true });
  emptied(folder);
  return String(TRIAL_STEPS_NS.find((step) => mtimeNs / step === TRIAL_TIME_NS / step) ?? TRIAL_STEPS_NS.at(-1));
}

// {private: whether a file and a folder can be closed to others, odd: whether anything else that was tried did not come out
// as it was meant, step: the nanoseconds to which times are kept}.
command("terrain", (params) =>
  onTrial(params, (folder) => {
    const link = { k: "l", n: base64(Buffer.from("../gone: é")) };
    const plain =
      TRIAL_NAMES.every((name) => !triedAlone(folder, name, { k: "f", m: 0o600 })) &&
      TRIAL_PAIRS.every((pair) => holdsBoth(folder, pair)) &&
      !triedAlone(folder, Buffer.from("a"), link) &&
      hasSecondNames(folder) &&
      ["f", "d"].every((kind) => keepsModes(folder, TRIAL_MODES[kind], kind));
    const closed = ["f", "d"].every((kind) => keepsModes(folder, [PRIVATE[kind]], kind));
    return { private: closed, odd: !plain, step: stepOfTimes(folder) };
  }),
);

// Stands where the tree will: of every folder that is open now, all names that came so far.
class Mirror {
  constructor(folder) {
    [this.alone, this.top] = ["alone", "tree"].map((name) => join(folder, Buffer.from(name)));
    fs.mkdirSync(this.alone, { mode: 0o700 });
    this.seconds = hasSecondNames(this.alone);
    fs.mkdirSync(this.top, { mode: 0o700 });
    this.open = [{ path: Buffer.alloc(0), full: this.top }];
    this.groups = new Set();
  }

  tried(entry) {
    const relative = Buffer.from(entry.p, "base64");
    if (!relative.length) return undefined;
    const parent = relative.subarray(0, Math.max(0, relative.lastIndexOf(SLASH)));
    while (!parent.equals(this.open.at(-1).path)) this.leave();
    const folder = this.open.at(-1);
    const name = relative.subarray(relative.lastIndexOf(SLASH) + 1);
    const found = folder.lost ? { e: "EFOLDER" } : this.standing(folder, name, entry);
    if (entry.k === "d") {
      this.open.push({ path: relative, full: join(folder.full, name), lost: Boolean(found?.e), deep: folder.deep || found === null });
    }
    return found ?? undefined;
  }

  // null for a path that is too long: its folders are shorter in the end, so nothing was shown.
  standing({ full: folder, deep }, name, entry) {
    const alone = triedAlone(this.alone, name, entry);
    if (alone) return alone;
    if (entry.g && this.groups.has(entry.g) && !this.seconds) return { e: "ENOLINK" };
    if (entry.g) this.groups.add(entry.g);
    if (deep) return null;
    const full = join(folder, name);
    try {
      made(full, entry);
      return undefined;
    } catch (error) {
      if (error.code === "ENAMETOOLONG") return null;
      return error.code === "EEXIST" ? { e: "EEXIST", o: base64(sameAs(folder, full)) } : refusal(error);
    }
  }

  leave() {
    const { full, lost, deep } = this.open.pop();
    if (!lost && !deep) emptied(full);
  }
}

// The name in `folder` under which `full` is there already.
function sameAs(folder, full) {
  const { ino } = fs.lstatSync(full, { bigint: true });
  const names = fs.readdirSync(folder, { encoding: "buffer" });
  return names.find((name) => fs.lstatSync(join(folder, name), { bigint: true }).ino === ino) ?? Buffer.alloc(0);
}

// Tries every entry that comes on standard input, as lines of a manifest in its order. Emits {p, e: why, o: as what} for those
// that do not come out as they are.
command("trial", (params, emit) =>
  onTrial(params, async (folder) => {
    const mirror = new Mirror(folder);
    for await (const line of inputLines()) {
      const entry = JSON.parse(line);
      const found = mirror.tried(entry);
      if (found) await emit({ p: entry.p, ...found });
    }
  }),
);
