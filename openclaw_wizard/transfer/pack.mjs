// A tar of named entries, as a stream of frames or as a file; part of the wizard's helper, see helper.mjs.
//
// Node stands between tar and the compressor, so that progress counts what tar has really read. tar lists every
// entry on its stderr when it begins it (-v); `raw` are the bytes of tar so far, `begun` those when the last entry
// began, `entries` how many have begun.
import { once } from "node:events";
import { spawn } from "node:child_process";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

const SAID_LIMIT = 4096;
const TELL_EVERY_MS = 100;
const CLOSED_EARLY = new Set(["EPIPE", "ERR_STREAM_PREMATURE_CLOSE"]);
const LISTED = /^(a )?\.(\/|$)/;

class Stage {
  constructor(argv) {
    this.name = argv[0];
    this.said = "";
    // COPYFILE_DISABLE keeps the tar of macOS from adding `._` files of its own.
    const env = { ...process.env, COPYFILE_DISABLE: "1" };
    this.child = spawn(argv[0], argv.slice(1), { env, stdio: ["pipe", "pipe", "pipe"] });
    // Whoever closes early is judged by its exit status, not by the broken pipe of the other one.
    this.child.stdin.on("error", () => undefined);
    this.ended = once(this.child, "close").then(([status, signal]) => signal ?? status);
    this.ended.catch(() => undefined);
  }

  note(line) {
    this.said = `${this.said}${line}\n`.slice(-SAID_LIMIT);
  }

  async listen(onLine) {
    let rest = "";
    for await (const chunk of this.child.stderr.setEncoding("latin1")) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop();
      lines.forEach(onLine);
    }
    if (rest) onLine(rest);
  }

  // What is wrong with how it ended, if anything.
  async problem(accepted) {
    const status = await this.ended;
    if (accepted.includes(status)) return undefined;
    const said = Buffer.from(this.said, "latin1").toString().trim();
    const error = fail("EPACK", `${this.name} ended with ${status}: ${said || "it said nothing"}`);
    return Object.assign(error, { consequence: status === "SIGPIPE" });
  }
}

// Where several ended badly, the one whose reader went away is not to blame.
async function check(stages, flows, accepted = () => [0]) {
  const found = await Promise.all(stages.map((stage) => stage.problem(accepted(stage))));
  const bad = found.filter(Boolean);
  const culprit = bad.find((error) => !error.consequence);
  if (culprit) throw culprit;
  const broken = flows.map(({ reason }) => reason).find(Boolean);
  if (CLOSED_EARLY.has(broken?.code)) throw fail("EPACK", `${stages.at(-1).name} stopped reading before the end`);
  if (broken ?? bad[0]) throw broken ?? bad[0];
}

function counted(progress) {
  return async function* (source) {
    for await (const chunk of source) {
      progress.raw += chunk.length;
      yield chunk;
    }
  };
}

function listening(tar, progress) {
  return tar.listen((line) => {
    if (!LISTED.test(line)) return tar.note(line);
    progress.entries += 1;
    progress.begun = progress.raw;
  });
}

// Runs `tar` on the NUL-separated `names`, or where it is null packs them itself (see tar.mjs), through `compress` where
// there is one, into `sink(stream)`. `accept` are the exit statuses of tar that are no error.
async function packInto({ tar, compress, names, accept = [0], ...own }, progress, sink) {
  const packer = tar && new Stage(tar);
  const stages = packer ? [packer] : [];
  const heard = packer ? [listening(packer, progress)] : [];
  const flows = [];
  packer?.child.stdin.end(Buffer.from(names, "base64"));
  const packed = packer ? packer.child.stdout : Readable.from(tarOf({ names, ...own }, progress));
  const count = counted(progress);
  if (compress) {
    const squeezer = new Stage(compress);
    stages.push(squeezer);
    heard.push(squeezer.listen((line) => squeezer.note(line)));
    flows.push(pipeline(packed, count, squeezer.child.stdin), sink(squeezer.child.stdout));
  } else flows.push(sink(count(packed)));
  // A sink that failed ends the programs before it; else a dead program explains more than its broken flow.
  const results = await Promise.allSettled([flows.pop(), ...flows, ...heard]);
  if (results[0].reason) throw results[0].reason;
  await check(stages, results, (stage) => (stage === packer ? accept : [0]));
}

function fresh() {
  return { raw: 0, begun: 0, entries: 0 };
}

function teller(progress, emit) {
  let told = 0;
  return async () => {
    if (Date.now() - told < TELL_EVERY_MS) return;
    told = Date.now();
    await emit({ ...progress });
  };
}

command(
  "pack",
  async (params, emit) => {
    const progress = fresh();
    const tell = teller(progress, emit);
    await packInto(params, progress, async (stream) => {
      for await (const chunk of stream) {
        await put(frame("D", chunk));
        await tell();
      }
    });
    return progress;
  },
  { framed: true },
);

// ------------------------------------------------------------------ into a file

function roomIn(sink) {
  return new Promise((done) => {
    const go = () => done(sink.off("drain", go).off("close", go));
    sink.on("drain", go).on("close", go);
  });
}

// Reads `source` to its end even where `sink` has gone: tar stops at its own end mark, while what comes before it
// (the decompressor with its checksum) has to be read whole.
async function drainInto(source, sink) {
  for await (const chunk of source) {
    if (!sink.writable || sink.write(chunk)) continue;
    await roomIn(sink);
  }
  sink.end();
}

async function countLines(stream) {
  let lines = 0;
  for await (const chunk of stream) for (const byte of chunk) lines += byte === 10;
  return lines;
}

async function listed(list, decompress, full) {
  const stages = [decompress, list].filter(Boolean).map((argv) => new Stage(argv));
  const [first, last] = [stages[0], stages.at(-1)];
  const counting = countLines(last.child.stdout);
  const flows = stages.map((stage) => stage.listen((line) => stage.note(line)));
  flows.push(drainInto(fs.createReadStream(full), first.child.stdin), counting);
  if (first !== last) flows.push(drainInto(first.child.stdout, last.child.stdin));
  await check(stages, await Promise.allSettled(flows));
  return counting;
}

async function packFile(params, temp, emit) {
  const file = await fsp.open(temp, "wx", 0o600);
  const progress = fresh();
  const tell = teller(progress, emit);
  try {
    await packInto(params, progress, async (stream) => {
      for await (const chunk of stream) {
        await file.writeFile(chunk);
        await tell();
      }
    });
    await file.sync();
  } finally {
    await file.close();
  }
  return progress;
}

// `list` and `decompress` read the finished file back; they must find `lines` lines.
command("archive", async (params, emit) => {
  const full = pathOf(params.path);
  const temp = Buffer.concat([full, Buffer.from(".partial")]);
  process.umask(0o077);
  fs.rmSync(temp, { force: true });
  try {
    const progress = await packFile(params, temp, emit);
    const found = await listed(params.list, params.decompress, temp);
    if (found !== params.lines) throw fail("EVERIFY", `read back, it lists ${found} lines instead of ${params.lines}`);
    const { sha256, stat } = await sha256File(temp);
    fs.renameSync(temp, full);
    syncFolder(parentOf(full));
    await emit({ ...progress, sha256, size: Number(stat.size), mode: Number(stat.mode & 0o7777n) });
  } finally {
    fs.rmSync(temp, { force: true });
  }
});

command("digest", async ({ path: value }) => {
  const { sha256, stat } = await sha256File(pathOf(value));
  return { sha256, size: Number(stat.size), mode: Number(stat.mode & 0o7777n) };
});
