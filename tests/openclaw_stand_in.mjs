// What the wizard asks of `openclaw`, answered without the program: enough of it that a whole move runs
// between practice hosts. A gateway holds its lock, its port and a database, as the real one does.
import fs from "node:fs";
import http from "node:http";
import { DatabaseSync } from "node:sqlite";

const VERSION = "2026.9.6";
const words = process.argv.slice(2);
const profile = words[0] === "--profile" ? words.splice(0, 2)[1] : "";
const usual = `${process.env.HOME}/.openclaw${profile && `-${profile}`}`;
const state = process.env.OPENCLAW_STATE_DIR ?? usual;
const port = () => JSON.parse(fs.readFileSync(`${state}/openclaw.json`, "utf8")).gateway.port;

function gateway() {
  process.title = "openclaw-gateway";
  const db = new DatabaseSync(`${state}/state/openclaw.sqlite`);
  db.exec("SELECT count(*) FROM sqlite_master");
  const folder = `${state}/tmp/openclaw-${process.getuid()}`;
  const lock = `${folder}/gateway.state.lock`;
  fs.mkdirSync(folder, { recursive: true });
  const server = http.createServer((_, answer) => answer.end("<title>OpenClaw Control</title>"));
  server.listen(port(), "127.0.0.1", () => {
    const stat = fs.readFileSync("/proc/self/stat", "utf8");
    const startTime = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]);
    const places = { configPath: `${state}/openclaw.json`, stateDir: state };
    fs.writeFileSync(lock, JSON.stringify({ pid: process.pid, ...places, port: port(), startTime }));
  });
  process.on("SIGTERM", () => {
    fs.rmSync(lock);
    process.exit(0);
  });
}

const answers = {
  "--version": () => console.log(`OpenClaw ${VERSION}`),
  "config validate": () => console.log('{"valid": true}'),
  "doctor --lint": () => console.log('{"findings": []}'),
  "doctor --fix": () => console.log("doctor: nothing to repair"),
  "gateway status": () => console.log(JSON.stringify({ rpc: { ok: true }, gateway: { version: VERSION } })),
  "channels status": () => console.log('{"channelAccounts": {}}'),
  "gateway call": () => console.log(`{"sessions": [{"key": "agent:main:${profile || "default"}"}]}`),
  "gateway run": gateway,
};
const answer = answers[words.slice(0, 2).join(" ")];
if (answer === undefined) {
  console.error(`the stand-in knows no ${words.join(" ")}`);
  process.exitCode = 64;
} else {
  answer();
}
