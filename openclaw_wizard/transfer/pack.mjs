// A tar of wanted entries, as a stream of frames or as a file; part of the wizard's helper, see tar.mjs.
//
// `compress` and `decompress` say how: {argv} a program, {zlib: name, options} what Node brings, or null.
import { once } from "node:events";
import { spawn } from "node:child_process";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

const SAID_LIMIT = 4096;
const TELL_EVERY_MS = 100;
const CLOSED_EARLY = new Set(["EPIPE", "ERR_STREAM_PREMATURE_CLOSE"]);

class Stage {
  constructor(argv) {
    this.name = argv[0];
    this.said = "";
    this.child = spawn(argv[0], argv.slice(1), { stdio: ["pipe", "pipe", "pipe"] });
    // Whoever closes early is judged by its exit status, not by the broken pipe of the other one.
    this.child.stdin.on("error", () => undefined);
    this.child.stderr.setEncoding("utf8").on("data", (text) => {
      this.said = (this.said + text).slice(-SAID_LIMIT);
    });
    this.ended = once(this.child, "close").then(([status, signal]) => signal ?? status);
    this.ended.catch(() => undefined);
  }

  // What is wrong with how it ended, if anything.
  async problem() {
    const status = await this.ended;
    if (status === 0) return undefined;
    const error = fail("EPACK", `${this.name} ended with ${status}: ${this.said.trim() || "it said nothing"}`);
    return Object.assign(error, { consequence: status === "SIGPIPE" });
  }
}

// Where several ended badly, the one whose reader went away is not to blame.
async function check(stages, flows) {
  const found = await Promise.all(stages.map((stage) => stage.problem()));
  const bad = found.filter(Boolean);
  const culprit = bad.find((error) => !error.consequence);
  if (culprit) throw culprit;
  const broken = flows.map(({ reason }) => reason).find(Boolean);
  if (CLOSED_EARLY.has(broken?.code)) throw fail("EPACK", `${stages.at(-1)?.name} stopped reading before the end`);
  if (broken ?? bad[0]) throw broken ?? bad[0];
}

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

function zlibStream({ zlib: name, options }) {
  return zlib[name](options);
}

// Runs `source` through a filter into `sink(stream)`. A sink or source that failed ends the program between them.
async function through(filter, source, sink) {
  if (!filter) return sink(source);
  if (filter.zlib) return pipeline(Readable.from(source, { objectMode: false }), zlibStream(filter), sink);
  const stage = new Stage(filter.argv);
  let failed;
  const noticed = async function* () {
    try {
      yield* source;
    } catch (error) {
      failed = error;
      throw error;
    }
  };
  const flows = [pipeline(Readable.from(noticed()), stage.child.stdin), sink(stage.child.stdout)];
  const results = await Promise.allSettled(flows);
  // A program that stops reading ends its source too; its own status then says why.
  if (failed && !CLOSED_EARLY.has(failed.code)) throw failed;
  if (results[1].reason) throw results[1].reason;
  return check([stage], results);
}

function teller(progress, emit) {
  let told = 0;
  return async () => {
    if (Date.now() - told < TELL_EVERY_MS) return;
    told = Date.now();
    await emit({ within: progress.within });
  };
}

async function* wantedNames() {
  for await (const line of inputLines()) yield Buffer.from(line, "base64");
}

// Packs the entries that are named on standard input, one base64 path a line, as they come; says each when it is packed.
command(
  "send",
  async ({ compress, to, ...params }, emit) => {
    const progress = { within: 0 };
    const tell = teller(progress, emit);
    await through(compress, tarOf(params, wantedNames(), progress, emit), lineTo(to, tell));
  },
  { framed: true },
);

// Unpacks standard input with the host's own tar, for who has no program that decompresses; it fails as tar would.
command("unpack", async ({ tar, decompress }) => {
  const stage = new Stage(tar);
  stage.child.stdout.resume();
  const unpacked = (stream) => drainInto(stream, stage.child.stdin);
  const flow = pipeline(Readable.from(input, { objectMode: false }), zlibStream(decompress), unpacked);
  try {
    await check([stage], await Promise.allSettled([flow]));
  } catch (error) {
    fs.writeSync(2, `${error.message}\n`);
    process.exit(1);
  }
});

// ------------------------------------------------------------------ into a file

async function countLines(stream) {
  let lines = 0;
  for await (const chunk of stream) for (const byte of chunk) lines += byte === 10;
  return lines;
}

async function listed(list, decompress, full) {
  const last = new Stage(list);
  const counting = countLines(last.child.stdout);
  const reading = through(decompress, fs.createReadStream(full), (stream) => drainInto(stream, last.child.stdin));
  const results = await Promise.allSettled([reading, counting]);
  const [{ reason }] = results;
  if (reason && !reason.consequence) throw reason;
  await check([last], results);
  return counting;
}

async function packFile({ compress, ...params }, temp, emit) {
  const file = await fsp.open(temp, "wx", 0o600);
  const progress = { within: 0, bytes: 0 };
  const tell = teller(progress, () => emit({ bytes: progress.bytes + progress.within }));
  const count = async (entry) => {
    if (entry.e) await emit({ lost: entry.p });
    progress.bytes += entry.s;
  };
  try {
    await through(compress, tarOf(params, wantedNames(), progress, count), async (stream) => {
      for await (const chunk of stream) {
        await file.writeFile(chunk);
        await tell();
      }
    });
    await file.sync();
    await emit({ bytes: progress.bytes });
  } finally {
    await file.close();
  }
}

// Packs what is named on standard input; says what of it the disk cannot read ({lost}). `list` and `decompress` read the finished file back; they must find as many
// lines as are said to be there.
command("archive", async (params, emit) => {
  const full = pathOf(params.path);
  const temp = Buffer.concat([full, Buffer.from(".partial")]);
  process.umask(0o077);
  fs.rmSync(temp, { force: true });
  try {
    await packFile(params, temp, emit);
    const found = await listed(params.list, params.decompress, temp);
    if (found !== params.lines) throw fail("EVERIFY", `read back, it lists ${found} lines instead of ${params.lines}`);
    const { sha256, stat } = await sha256File(temp);
    fs.renameSync(temp, full);
    syncFolder(parentOf(full));
    await emit({ sha256, size: Number(stat.size), mode: Number(stat.mode & 0o7777n) });
  } finally {
    fs.rmSync(temp, { force: true });
  }
});

command("digest", async ({ path: value }) => {
  const { sha256, stat } = await sha256File(pathOf(value));
  return { sha256, size: Number(stat.size), mode: Number(stat.mode & 0o7777n) };
});
