// A stand-in for a model provider: a tiny OpenAI-compatible server on loopback, for the demo and the tests.
// Deterministic: it answers with the last line it was asked and the number of the turn, counted in the
// history that the gateway sent, so an answer of "turn 3" after a move proves that turns 1 and 2 moved.
// "TOOL <name> {json}" in a message makes one real tool call. It ends when its folder (argv 3) goes away.
// It listens on the address in argv 4, else on loopback.
import http from 'node:http';
import fs from 'node:fs';

const [, , port, folder, address = '127.0.0.1'] = process.argv;
// OpenClaw adds user messages of its own; they are not turns of the person.
const INTERNAL = '<<<BEGIN_OPENCLAW_INTERNAL';

const textOf = (content) =>
  typeof content === 'string' ? content : (content ?? []).map((part) => part?.text ?? '').join('\n');

function answerTo(body) {
  const messages = (body.messages ?? []).map((m) => ({ role: m.role, text: textOf(m.content) }));
  const turns = messages.flatMap((m, at) => (m.role === 'user' && !m.text.startsWith(INTERNAL) ? [at] : []));
  const last = turns.at(-1) ?? -1;
  const asked = (messages[last]?.text ?? '').split('\n\nRuntime: ')[0].replace(/^\[[^\]]*UTC\] /, '').trim();
  const tool = messages.slice(last + 1).findLast((m) => m.role === 'tool');
  if (tool) return { text: `turn ${turns.length}: the tool said ${tool.text.slice(0, 80)}` };
  const call = /TOOL (\w+) (\{.*\})/s.exec(asked);
  if (call && (body.tools ?? []).some((t) => t.function?.name === call[1])) return { call };
  return { text: `turn ${turns.length}: ${asked.split('\n').at(-1).slice(-160)}` };
}

let calls = 0;
function complete(body, response) {
  const { text, call } = answerTo(body);
  const id = `chatcmpl-stand-in-${++calls}`;
  const tool_calls = call && [
    { index: 0, id: `call_${calls}`, type: 'function', function: { name: call[1], arguments: call[2] } },
  ];
  const finish_reason = call ? 'tool_calls' : 'stop';
  const usage = { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 };
  const base = { id, created: 1, model: body.model ?? 'stand-in' };
  if (!body.stream) {
    const message = { role: 'assistant', content: text ?? null, tool_calls };
    return sendJson(response, { ...base, object: 'chat.completion', choices: [{ index: 0, message, finish_reason }], usage });
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const send = (choices, more = {}) =>
    response.write(`data: ${JSON.stringify({ ...base, object: 'chat.completion.chunk', choices, ...more })}\n\n`);
  const delta = (piece, reason = null) => send([{ index: 0, delta: piece, finish_reason: reason }]);
  delta({ role: 'assistant', content: '' });
  if (text) delta({ content: text });
  if (tool_calls) delta({ tool_calls });
  delta({}, finish_reason);
  send([], { usage });
  response.end('data: [DONE]\n\n');
}

function sendJson(response, value, status = 200) {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(value));
}

const embedding = (text, index) => ({
  object: 'embedding',
  index,
  embedding: Array.from({ length: 64 }, (_, k) => Math.sin((k + 1) * (String(text).length + 1))),
});

http
  .createServer((request, response) => {
    let raw = '';
    request.on('data', (chunk) => (raw += chunk));
    request.on('end', () => {
      let body;
      try {
        body = JSON.parse(raw || '{}');
      } catch {
        return sendJson(response, { error: { message: 'not JSON' } }, 400);
      }
      const path = request.url.replace(/^\/v1/, '');
      if (path === '/models') return sendJson(response, { object: 'list', data: [{ id: 'stand-in', object: 'model' }] });
      if (path === '/embeddings') {
        const data = [body.input].flat().map(embedding);
        return sendJson(response, { object: 'list', model: body.model, data, usage: { prompt_tokens: 1, total_tokens: 1 } });
      }
      if (path === '/chat/completions') return complete(body, response);
      return sendJson(response, { error: { message: `no route ${request.url}` } }, 404);
    });
  })
  .listen(Number(port), address);

setInterval(() => fs.existsSync(folder) || process.exit(0), 2000);
