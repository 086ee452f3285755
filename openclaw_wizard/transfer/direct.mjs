// Where the packed stream goes; part of the wizard's helper, see pack.mjs.
//
// As frames to the wizard, or with `to` into a program of this host that leads on to NEW: {argv, first: what it is given
// before the stream (base64), limit: bytes a second or null}. That program is OpenSSH's client.
import { setTimeout as sleep } from "node:timers/promises";

const SSH_FAILED = 255;
const LONGEST_NAP_MS = 500;
const TRIAL_CHUNK = 1 << 16;

class Line {
  #began = 0;
  #passed = 0;

  constructor({ argv, first, limit }) {
    this.stage = new Stage(argv);
    this.sink = this.stage.child.stdin;
    this.limit = limit;
    // The far end says its pid when it begins; nothing else is expected.
    this.answered = once(this.stage.child.stdout, "data").catch(() => undefined);
    this.stage.child.stdout.resume();
    if (first) this.sink.write(Buffer.from(first, "base64"));
  }

  // `tell` is called while a limit is waited for, so that nobody takes that for silence.
  async write(chunk, tell) {
    this.#began ||= Date.now();
    if (this.sink.writable && !this.sink.write(chunk)) await roomIn(this.sink);
    if (!this.sink.writable) throw await this.#broken("it ended before it had read everything");
    this.#passed += chunk.length;
    for (let rest; (rest = this.#due() - Date.now()) > 0; ) {
      await sleep(Math.min(rest, LONGEST_NAP_MS));
      await tell();
    }
  }

  #due() {
    return this.limit ? this.#began + (this.#passed / this.limit) * 1000 : 0;
  }

  async end() {
    this.sink.end();
    const status = await this.#status();
    if (status !== 0) throw await this.#broken();
  }

  #status() {
    return this.stage.ended.catch((error) => error.message);
  }

  async #broken(nothing = "") {
    const status = await this.#status();
    const said = this.stage.said.trim() || nothing;
    // A program that OpenSSH's client could not start, a signal, or its own status: NEW was not asked.
    if (typeof status !== "number" || status === SSH_FAILED) return fail("ELINK", said || `ssh ended with ${status}`);
    return fail("EUNPACK", `${status}: ${said}`);
  }
}

function lineTo(to, tell) {
  return async (stream) => {
    const line = to && new Line(to);
    for await (const chunk of stream) {
      await (line ? line.write(chunk, tell) : data(chunk));
      await tell();
    }
    await line?.end();
  };
}

// How many seconds it takes until so many bytes that cannot be compressed have arrived at the end of the line.
command("trial", async ({ to, bytes }) => {
  const line = new Line(to);
  await Promise.race([line.answered, line.stage.ended.catch(() => undefined)]);
  const began = performance.now();
  for (let left = bytes; left > 0; left -= TRIAL_CHUNK) {
    await line.write(crypto.randomBytes(Math.min(left, TRIAL_CHUNK)), () => undefined);
  }
  await line.end();
  return { seconds: (performance.now() - began) / 1000 };
});
