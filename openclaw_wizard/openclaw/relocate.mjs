// Absolute paths in a state directory, made right for another home: `oc.relocate`; and what doctor switched off:
// `oc.config-restore-skills`. See queries.mjs; what is rewritten, what is not and why: relocate.py.

// ------------------------------------------------------------------ what becomes of one text

const OC_PATH_KEY =
  /^(?:workspace|store|file|path|paths|dir|dirs|root|cwd|socket|extraDirs)$|(?:Path|Paths|Dir|Dirs|File|Files|Root)$/;
const OC_MORE = /[\s:;,=|]/;
const OC_NOT_MOVING = "it points at something that does not move";

// The places as whole names: /home/al is neither in /home/alice nor in /srv/home/al, nor in ~/home/al.
function ocNaming(places) {
  if (!places.length) return /$^/gu;
  const named = places.map((each) => each.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&")).join("|");
  return new RegExp(`(?<![\\p{L}\\p{N}_.~}-])(?:${named})(?![\\p{L}\\p{N}_-]|\\.[\\p{L}\\p{N}])`, "gu");
}

// judge(text, isPath): {now} for a path that moves, {why} for what a person must look at, undefined for all else. Where
// it is not said to be a path, a text that holds more than one is left. `homes` are places that do not move as a whole.
function ocJudge(pairs, homes) {
  const moving = pairs.filter(([old, now]) => old !== now).map(([old]) => old);
  const places = [...new Set([...moving, ...homes])].filter((each) => each.length > 1);
  const naming = ocNaming(places);
  const names = (text) => typeof text === "string" && places.some((each) => text.includes(each));
  const judge = (text, isPath = false) => {
    if (!names(text) || text.search(naming) < 0) return undefined;
    const fitting = pairs.filter(([old]) => ocUnder(text, old));
    if (!fitting.length) return { why: text.search(naming) ? "it names an old folder inside other text" : OC_NOT_MOVING };
    const plain = path.posix.normalize(text);
    if (fitting.some(([old]) => !ocUnder(plain, old))) return { why: "it leads out of what moves" };
    const results = [...new Set(fitting.map(([old, now]) => now + text.slice(old.length)))];
    if (results.length > 1) return { why: `two rules fit: ${results.join(" or ")}`, conflict: true };
    if (results[0] === text) return undefined;
    const more = isPath ? /[\n\r\0]/ : OC_MORE;
    const [root] = fitting[0];
    return more.test(text.slice(root.length)) ? { why: "it holds more than one path" } : { now: results[0] };
  };
  return { judge, names, count: (text) => text.match(naming)?.length ?? 0 };
}

// ------------------------------------------------------------------ what is told

const OC_SHOWN = 40;
const OC_MOST = 400;
const OC_PLAIN_PATH = /^\/[^\s:=?&@#]{0,300}$/;

// What is found, bounded: of one kind in one file no more than OC_SHOWN are told one by one, the rest as a count.
class OcNotes {
  #changes = new Map();
  #left = new Map();
  #kinds = new Map();
  problems = [];

  #note(map, kind, key, entry, counted) {
    if (map.has(key)) return void (map.get(key).count += counted);
    const seen = (this.#kinds.get(kind) ?? 0) + 1;
    this.#kinds.set(kind, seen);
    if (seen <= OC_SHOWN) map.set(key, entry);
    else if (map.has(kind)) map.get(kind).count += entry.count;
    else map.set(kind, entry);
  }

  changed(file, where, old, now, count = 1, kind = where) {
    const many = (this.#kinds.get(`${file}\0${kind}`) ?? 0) >= OC_SHOWN;
    const entry = { file, where: many ? kind : where, old: old ?? "", new: now, count };
    this.#note(this.#changes, `${file}\0${kind}`, `${file}\0${where}\0${old}`, entry, count);
  }

  // A text that is more than a plain path is not shown: it may hold a secret.
  left(file, where, why, text, kind = where) {
    const old = typeof text === "string" && OC_PLAIN_PATH.test(text) ? text : "";
    this.#note(this.#left, `${file}\0${kind}\0${why}`, `${file}\0${where}\0${why}\0${old}`, { file, where, why, old, count: 1 }, 0);
  }

  problem(text) {
    if (!this.problems.includes(text)) this.problems.push(text);
  }

  get found() {
    return { changes: this.#most(this.#changes), left: this.#most(this.#left), problems: this.problems.slice(0, OC_SHOWN) };
  }

  #most(map) {
    const all = [...map.values()];
    if (all.length <= OC_MOST) return all;
    const count = all.slice(OC_MOST).reduce((sum, each) => sum + each.count, 0);
    return [...all.slice(0, OC_MOST), { ...all[OC_MOST], file: "and in more files", where: "", count }];
  }
}

// ------------------------------------------------------------------ JSON and JSON5

const OC_LOCATION = /<location>([^<]*)<\/location>/g;
const ocLast = (keys) => keys.findLast((key) => typeof key === "string") ?? "";

// What a text is by its keys: "path", "value" (a path or not), "locations" (skills named in a prompt), "look", undefined.
const ocConfigUse = (keys) => (OC_PATH_KEY.test(ocLast(keys)) ? "path" : "value");
const ocApprovalsUse = (keys) => (ocLast(keys) === "path" ? "path" : "look");
const ocJobsUse = (keys) => (OC_PATH_KEY.test(ocLast(keys)) ? "path" : undefined);
function ocSessionsUse(keys) {
  if (ocLast(keys) === "sessionFile") return "path";
  if (!keys.includes("skillsSnapshot")) return undefined;
  return ocLast(keys) === "prompt" ? "locations" : "path";
}

// {now, why} of one text; `now` where it changes.
function ocFate(text, use, { judge }) {
  if (use === "locations") {
    const now = text.replace(OC_LOCATION, (all, file) => (judge(file, true)?.now ? `<location>${judge(file, true).now}</location>` : all));
    return now === text ? undefined : { now, shown: "skill locations in a prompt" };
  }
  const said = use && judge(text, use === "path");
  return use === "look" && said?.now ? { why: "what may be run is a person's decision about that program" } : said;
}

// {text, found}: the text with every value that moves in its place; the rest stays byte for byte. Throws ENOTJSON5.
function ocRewriter(context) {
  return (file, where, text, use, read = new OcJson5(text, context.names), edits = []) => {
    const found = [];
    for (const { start, end, quote, value, keys } of read.texts) {
      const said = ocFate(value, use(keys), context);
      const at = [where, ocKeyPath(keys)].filter(Boolean).join(": ");
      const kind = `*.${ocLast(keys)}`;
      if (said?.why) context.notes.left(file, at, said.why, value, kind);
      if (said?.conflict) context.notes.problem(`${file}, ${at}: ${said.why}`);
      if (said?.now === undefined) continue;
      edits.push({ start, end, put: ocQuoted(said.now, quote) });
      found.push({ where: at, kind, old: said.shown ?? value, now: said.shown ? "the same for NEW" : said.now, count: 1 });
    }
    return { text: ocEdited(text, edits), found };
  };
}

// ------------------------------------------------------------------ files

// What a config includes; none where it cannot be read, which is told when it is rewritten. Not what a comment names.
function ocNamedIncludes(file, text) {
  try {
    const named = new OcJson5(text, () => true).texts.filter(({ keys }) => ocLast(keys) === "$include");
    return named.map(({ value }) => path.resolve(path.dirname(file), value));
  } catch (error) {
    if (error.code !== "ENOTJSON5") throw error;
    return [];
  }
}

// The config with what it includes, as far as that lies in the state directory: names in the order they are read.
function ocConfigFiles({ stateDir, stateDirNew, judge, notes }) {
  const found = new Set();
  const add = (name, above) => {
    if (above.includes(name)) return notes.problem(`${name} includes itself by way of ${above.at(-1)}`);
    const text = ocText(path.join(stateDir, name), OC_CLOSED);
    if (text === undefined) return above.length && notes.left(above.at(-1), "$include", `${name} cannot be read`);
    if (found.has(name)) return undefined;
    found.add(name);
    for (const each of ocNamedIncludes(path.join(stateDirNew, name), text)) {
      const target = judge(each, true)?.now ?? each;
      if (ocUnder(target, stateDirNew)) add(path.relative(stateDirNew, target), [...above, name]);
      else notes.left(name, "$include", "it lies outside of the state directory: neither moved with it nor changed", each);
    }
  };
  for (const name of [...OC_CONFIGS, ...OC_CONFIGS.map((each) => `${each}.last-good`)]) add(name, []);
  return [...found];
}

// The members that the config lacks and needs on NEW, as edits: [{keys, value, why}].
function ocPinned(read, name, { pins = [], notes }) {
  const taken = new Set();
  return pins.flatMap(({ keys, value, why }) => {
    const where = ocKeyPath(keys);
    if (read.texts.some((each) => ocKeyPath(each.keys) === where && each.value === value)) return [];
    const found = ocInserted(read, keys, value);
    // The same member cannot be added twice: the second would hide the first.
    const edit = found && !taken.has(found.member) ? found : undefined;
    taken.add(found?.member);
    if (edit) notes.changed(name, where, why, value);
    else notes.left(name, where, `it should name ${value} and cannot be added: ${why}`);
    return edit ? [edit] : [];
  });
}

function ocConfigText(name, text, context) {
  const { rewritten, names, notes, judge } = context;
  const read = new OcJson5(text);
  for (const keys of read.members) {
    const key = String(keys.at(-1));
    if (names(key) && judge(key)) notes.left(name, ocKeyPath(keys), "a key is not changed");
  }
  const pins = OC_CONFIGS.includes(name) ? ocPinned(read, name, context) : [];
  const after = rewritten(name, "", text, ocConfigUse, read, pins);
  for (const { where, kind, old, now } of after.found) notes.changed(name, where, old, now, 1, kind);
  return after.text;
}

// The program's own files have thousands of one kind: the first is told, with the count.
function ocStateText(name, text, use, { rewritten, notes }) {
  const after = rewritten(name, "", text, use);
  for (const [kind, all] of Map.groupBy(after.found, (each) => each.kind)) {
    notes.changed(name, kind, all[0].old, all[0].now, all.length);
  }
  return after.text;
}

const OC_ENV_LINE = /^(\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*)(["']?)(\/.*?)\3([ \t]*(?:\s#[^\n]*)?)$/gm;

function ocEnvText(name, text, { judge, notes }) {
  return text.replace(OC_ENV_LINE, (line, before, key, quote, value, after) => {
    const said = judge(value);
    if (said?.why) notes.left(name, key, said.why);
    if (said?.now === undefined) return line;
    notes.changed(name, key, value, said.now);
    return `${before}${quote}${said.now}${quote}${after}`;
  });
}

function ocJobs(text, context) {
  context.mentions.add("cron/jobs.json (what jobs are told)", text);
  return ocStateText("cron/jobs.json", text, ocJobsUse, context);
}

// [[name, (text) => text now]] of every file of texts.
function ocTexts(config, context) {
  const of = (name, use) => [name, (text) => ocStateText(name, text, use, context)];
  const agents = ocNames(path.join(context.stateDir, "agents"), OC_CLOSED);
  return [
    ...config.map((name) => [name, (text) => ocConfigText(name, text, context)]),
    ...agents.map((agent) => of(`agents/${agent}/sessions/sessions.json`, ocSessionsUse)),
    of("exec-approvals.json", ocApprovalsUse),
    of("plugins/installs.json", () => "path"),
    ["cron/jobs.json", (text) => ocJobs(text, context)],
    [".env", (text) => ocEnvText(".env", text, context)],
  ];
}

// What an absolute link leads to is not there in the copy, so that no machine can promise what becomes of it.
function ocLeadsAway(file) {
  const target = ocTry(() => fs.readlinkSync(file), new Set([...OC_CLOSED, "EINVAL"]));
  return target !== undefined && path.isAbsolute(target);
}

// The text of a file that can be written back byte for byte. Throws ENOTJSON5 for one that is no UTF-8.
function ocExactText(file) {
  const bytes = ocTry(() => fs.readFileSync(file), OC_CLOSED);
  if (bytes && !Buffer.from(bytes.toString()).equals(bytes)) throw fail("ENOTJSON5", "not UTF-8");
  return bytes?.toString();
}

// The steps that put every text right. One that is no JSON holds the move only where it is the config.
function ocRelocateTexts(context) {
  const config = ocConfigFiles(context);
  return ocTexts(config, context).flatMap(([name, change]) => {
    const file = path.join(context.stateDir, name);
    if (ocLeadsAway(file)) {
      context.notes.left(name, "", "it is a link to another place: what it leads to is not changed");
      return [];
    }
    try {
      const before = ocExactText(file);
      const after = before === undefined ? undefined : change(before);
      if (after === before) return [];
      return [() => writeWhole(Buffer.from(ocReal(file)), Buffer.from(after), fs.statSync(file).mode & 0o7777)];
    } catch (error) {
      if (error.code !== "ENOTJSON5") throw error;
      if (config.includes(name)) context.notes.problem(`${name} is ${error.message}`);
      else context.notes.left(name, "", error.message);
      return [];
    }
  });
}

// ------------------------------------------------------------------ links

function ocRelink(full, target) {
  const temp = Buffer.concat([full, Buffer.from(`.tmp-${crypto.randomBytes(6).toString("hex")}`)]);
  fs.symlinkSync(target, temp);
  fs.renameSync(temp, full);
}

function ocShownIn(tree, relative) {
  return tree.name === "state" ? ocName(relative) : `${tree.old}/${ocName(relative)}`;
}

// A workspace may be a link to its folder; the text of an absolute one names the old home.
function ocRelocateLinks({ trees, judge, notes }) {
  const steps = [];
  for (const tree of trees.filter(({ at }) => ocIsFolder(at))) {
    const rules = ocRules(tree.rules);
    for (const { path: relative, full, reason, stat } of walk(pathOf(tree.at), { rules, refused: () => undefined })) {
      if (reason || !stat.isSymbolicLink()) continue;
      const target = fs.readlinkSync(full, { encoding: "buffer" });
      const said = Buffer.from(target.toString()).equals(target) ? judge(target.toString(), true) : undefined;
      if (said?.why) notes.left(ocShownIn(tree, relative), "link", said.why, target.toString());
      if (said?.now === undefined) continue;
      notes.changed(ocShownIn(tree, relative), "link", target.toString(), said.now);
      steps.push(() => ocRelink(full, said.now));
    }
  }
  return steps;
}

// ------------------------------------------------------------------ what people wrote

const OC_WRITTEN = /\.(?:md|markdown|txt|json5?|jsonl|ya?ml|toml|ini|conf|sh|py|[cm]?[jt]s|html?|csv|org|rst)$|^[^.]+$/i;
const OC_BIGGEST = 1 << 20;
const OC_MOST_FILES = 20_000;
const OC_MOST_BYTES = 1 << 26;
const OC_FIRST = 5;

// How often the old places are named in texts that nobody may rewrite; counted by file, up to a bound.
class OcMentions {
  #counts = new Map();
  #context;
  partial = false;

  constructor(context) {
    this.#context = context;
  }

  add(file, text) {
    const count = this.#context.names(text) ? this.#context.count(text) : 0;
    if (count) this.#counts.set(file, (this.#counts.get(file) ?? 0) + count);
  }

  get found() {
    const counted = [...this.#counts].sort(([, a], [, b]) => b - a);
    const first = counted.slice(0, OC_FIRST).map(([file, count]) => ({ file, count }));
    return { first, files: counted.length, count: counted.reduce((sum, [, n]) => sum + n, 0), partial: this.partial };
  }
}

function ocCountMentions({ trees, workspaces, mentions }) {
  const left = { files: OC_MOST_FILES, bytes: OC_MOST_BYTES };
  const rules = ocRules([["**/node_modules/", "code"], ["**/.git/", "history"]]);
  for (const folder of workspaces) {
    const tree = trees.findLast((each) => ocUnder(folder, each.old));
    const inside = tree && path.relative(tree.old, folder);
    const at = tree && path.join(tree.at, inside);
    if (!tree || !ocIsFolder(at)) continue;
    for (const { path: relative, full, reason, stat } of walk(pathOf(at), { rules, refused: () => undefined })) {
      if (reason || !stat.isFile() || stat.size > OC_BIGGEST || !OC_WRITTEN.test(path.basename(ocName(relative)))) continue;
      left.files -= 1;
      left.bytes -= Number(stat.size);
      if (left.files < 0 || left.bytes < 0) return void (mentions.partial = true);
      mentions.add(ocShownIn(tree, join(Buffer.from(inside), relative)), ocText(full, OC_CLOSED));
    }
  }
}

// ------------------------------------------------------------------ all of it

// {changes, left, problems, mentions}: what was changed, or with `dryRun` what would be. All is worked out first; where
// there is a problem nothing is written. `trees`: {name, old, new, at, real, rules}, the state directory first; `at` is
// where it stands here, `real` what NEW says its place leads to (null: ask this machine). With `onlyKeys` nothing is
// rewritten but what OpenClaw works out from its own place, which no link can stand for.
command("oc.relocate", async ({ trees, pairs, homes = [], workspaces = [], pins = [], onlyKeys = false, dryRun = false, fromOld = false }) => {
  const [state] = trees;
  const context = { trees, pins, onlyKeys, fromOld, stateDir: state.at, stateDirNew: state.new, ...ocJudge(pairs, homes) };
  context.notes = new OcNotes();
  context.moved = (text) => context.judge(text, true)?.now;
  context.rewritten = ocRewriter(context);
  context.mentions = new OcMentions(context);
  const steps = onlyKeys ? [] : [...ocRelocateTexts(context), ...ocRelocateLinks(context)];
  const database = await ocRelocateState(context);
  if (dryRun) ocCountMentions({ ...context, workspaces });
  if (!dryRun && !context.notes.problems.length) {
    for (const step of steps) await step();
    await database?.();
  }
  const { first, files, count, partial } = context.mentions.found;
  return { ...context.notes.found, mentions: { first, files, count, partial } };
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
