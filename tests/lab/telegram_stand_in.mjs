// A stand-in for Telegram's Bot API: what OpenClaw needs of it, and one truth about two gateways.
//
// As the real one it lets a single caller wait in getUpdates and ends the other with 409; every such meeting is
// kept in `conflicts`, so that an empty list proves that two gateways never polled at once.
//   POST /lab/inject {"from": 777, "text": "hi"}   a message of that user to the bot
//   GET  /lab/log                                   {polls, sent, conflicts}
import http from 'node:http';

const [, , host, port] = process.argv;
const WAIT_SECONDS = 25;
const bot = { id: 123456789, is_bot: true, first_name: 'Stand-in', username: 'stand_in_bot', can_join_groups: true };
const log = { polls: {}, sent: [], conflicts: [] };
let updates = [];
let waiting = null;
// They grow for ever, as the real ones: a gateway remembers the last that it saw.
let nextUpdate = Math.floor(Date.now() / 1000);
let nextMessage = 1;

const now = () => Math.floor(Date.now() / 1000);
const send = (response, status, value) => {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(value));
};
const ok = (response, result) => send(response, 200, { ok: true, result });

function deliver() {
  const ready = waiting ? updates.filter(({ update_id: id }) => id >= waiting.offset) : [];
  if (ready.length) release((response) => ok(response, ready));
}

function release(answer) {
  const { response, timer } = waiting;
  waiting = null;
  clearTimeout(timer);
  answer(response);
}

function poll(from, { offset = 0, timeout = 0 }, response) {
  log.polls[from] = (log.polls[from] ?? 0) + 1;
  if (waiting) {
    if (waiting.from !== from) log.conflicts.push({ at: now(), first: waiting.from, second: from });
    const description = 'Conflict: terminated by other getUpdates request; make sure that only one bot instance is running';
    release((other) => send(other, 409, { ok: false, error_code: 409, description }));
  }
  if (Number(offset) > 0) updates = updates.filter(({ update_id: id }) => id >= Number(offset));
  const wait = Math.min(Number(timeout), WAIT_SECONDS) * 1000;
  const timer = setTimeout(() => waiting?.response === response && release((own) => ok(own, [])), wait || 10);
  waiting = { from, offset: Number(offset), response, timer };
  response.on('close', () => waiting?.response === response && release(() => {}));
  deliver();
}

function inject({ from = 777, text = 'hi' }) {
  const person = { id: from, is_bot: false, first_name: `Person ${from}`, username: `person${from}`, language_code: 'en' };
  const chat = { id: from, type: 'private', first_name: person.first_name };
  const id = nextUpdate++;
  updates.push({ update_id: id, message: { message_id: id, date: now(), chat, from: person, text } });
  deliver();
  return id;
}

function call(from, method, body, response) {
  const message = () => ({ date: now(), chat: { id: Number(body.chat_id), type: 'private' }, from: bot, text: body.text });
  switch (method) {
    case 'getUpdates':
      return poll(from, body, response);
    case 'getMe':
      return ok(response, bot);
    case 'sendMessage':
    case 'editMessageText':
      log.sent.push({ from, chat: body.chat_id, text: body.text });
      return ok(response, { message_id: Number(body.message_id ?? nextMessage++), ...message() });
    case 'getWebhookInfo':
      return ok(response, { url: '', has_custom_certificate: false, pending_update_count: updates.length });
    case 'getMyCommands':
      return ok(response, []);
    default:
      return ok(response, true);
  }
}

function parsed(text) {
  try {
    return JSON.parse(text || '{}');
  } catch {
    // multipart/form-data, as old versions send it
    return Object.fromEntries([...text.matchAll(/name="(\w+)"\r\n\r\n([^\r]*)\r\n/g)].map(([, name, value]) => [name, value]));
  }
}

http
  .createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const url = new URL(request.url, 'http://stand-in');
      const body = { ...Object.fromEntries(url.searchParams), ...parsed(Buffer.concat(chunks).toString()) };
      const from = request.socket.remoteAddress.replace('::ffff:', '');
      if (url.pathname === '/lab/inject') return ok(response, inject(body));
      if (url.pathname === '/lab/log') return send(response, 200, log);
      const [, , method] = /^\/bot([^/]+)\/(\w+)$/.exec(url.pathname) ?? [];
      return method ? call(from, method, body, response) : send(response, 404, { ok: false, error_code: 404 });
    });
  })
  .listen(Number(port), host);
