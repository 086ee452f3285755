// JSON5 read with the place of every text in it, so that single values can be replaced and all else stays byte for byte.
// See queries.mjs; why it is done so: relocate.py.

const OC_BLANK = /(?:\s|\/\/[^\n\r\u2028\u2029]*|\/\*[^]*?\*\/)*/y;
const OC_TEXT = /"(?:[^"\\\n\r]|\\\r\n|\\[^])*"|'(?:[^'\\\n\r]|\\\r\n|\\[^])*'/y;
const OC_BARE_KEY = /(?:[\p{L}\p{Nl}$_]|\\u[0-9a-fA-F]{4})(?:[\p{L}\p{Nl}\p{Mn}\p{Mc}\p{Nd}\p{Pc}$_\u200c\u200d]|\\u[0-9a-fA-F]{4})*/uy;
const OC_LITERAL = /true|false|null|[+-]?(?:Infinity|NaN|0[xX][0-9a-fA-F]+|(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)/y;
const OC_ESCAPES = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v", 0: "\0" };
const OC_CONTINUED = new Set(["\n", "\r", "\r\n", "\u2028", "\u2029"]);
const OC_DEEPEST = 500;

function ocUnescaped(text) {
  return text.replace(/\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|\r\n|[^])/g, (_, what) => {
    if (OC_CONTINUED.has(what)) return "";
    return what.length > 2 ? String.fromCharCode(parseInt(what.slice(1), 16)) : (OC_ESCAPES[what] ?? what);
  });
}

function ocQuoted(value, quote = '"') {
  const text = JSON.stringify(value);
  return quote === '"' ? text : `'${text.slice(1, -1).replace(/\\"/g, '"').replace(/'/g, "\\'")}'`;
}

// `a.b.0`, as the wizard names a value; a key with a dot in it is quoted.
function ocKeyPath(keys) {
  return keys.map((key) => (String(key).includes(".") ? `"${key}"` : String(key))).join(".");
}

class OcJson5 {
  #text;
  #keep;
  #at = 0;
  // {start, end, quote, value, keys}: the texts that are values and are kept, in the order of the file.
  texts = [];
  // {at, empty, keys}: where every object begins, behind its brace; without those of a long list of the program's own.
  objects = [];
  // The keys that lead to each member of these objects.
  members = [];

  // `keep(text)`: whether a text is wanted; with it no objects are noted. Throws ENOTJSON5.
  constructor(text, keep) {
    this.#text = text;
    this.#keep = keep;
    this.#value([]);
    this.#blank();
    if (this.#at < text.length) throw this.#wrong();
  }

  #wrong() {
    // The line is told, its text is not: it may hold a secret.
    return fail("ENOTJSON5", `not JSON5 at line ${this.#text.slice(0, this.#at).split("\n").length}`);
  }

  #match(pattern) {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #blank() {
    this.#match(OC_BLANK);
  }

  #take(character) {
    this.#blank();
    const isThere = this.#text[this.#at] === character;
    if (isThere) this.#at += 1;
    return isThere;
  }

  #value(keys) {
    if (keys.length > OC_DEEPEST) throw this.#wrong();
    if (this.#take("{")) return void this.#object(keys);
    if (this.#take("[")) return void this.#list(keys);
    const start = this.#at;
    const quoted = this.#match(OC_TEXT);
    if (quoted === undefined) {
      if (this.#match(OC_LITERAL) === undefined) throw this.#wrong();
      return;
    }
    const value = ocUnescaped(quoted.slice(1, -1));
    if (this.#keep?.(value) ?? true) this.texts.push({ start, end: this.#at, quote: quoted[0], value, keys });
  }

  #object(keys) {
    const here = { at: this.#at, keys, empty: true };
    if (!this.#keep) this.objects.push(here);
    while (!this.#take("}")) {
      if (!here.empty && !this.#take(",")) throw this.#wrong();
      if (!here.empty && this.#take("}")) break;
      here.empty = false;
      const key = this.#key();
      if (!this.#keep) this.members.push([...keys, key]);
      if (!this.#take(":")) throw this.#wrong();
      this.#value([...keys, key]);
    }
  }

  #key() {
    this.#blank();
    const quoted = this.#match(OC_TEXT);
    if (quoted !== undefined) return ocUnescaped(quoted.slice(1, -1));
    const bare = this.#match(OC_BARE_KEY);
    if (bare === undefined) throw this.#wrong();
    return ocUnescaped(bare);
  }

  #list(keys) {
    for (let count = 0; !this.#take("]"); count += 1) {
      if (count && !this.#take(",")) throw this.#wrong();
      if (count && this.#take("]")) break;
      this.#value([...keys, count]);
    }
  }
}

// The text with each {start, end, put} in its place.
function ocEdited(text, edits) {
  const parts = [];
  let from = 0;
  for (const { start, end, put } of edits.toSorted((a, b) => a.start - b.start)) {
    parts.push(text.slice(from, start), put);
    from = end;
  }
  return parts.join("") + text.slice(from);
}

// The edit that gives the object at `keys` a member that it lacks, with the objects above it that are missing too;
// undefined where something else stands on the way.
function ocInserted(read, keys, value) {
  for (let depth = keys.length - 1; depth >= 0; depth -= 1) {
    const above = ocKeyPath(keys.slice(0, depth));
    const holder = read.objects.find((each) => ocKeyPath(each.keys) === above);
    if (!holder) continue;
    const isThere = read.members.some((each) => ocKeyPath(each) === ocKeyPath(keys.slice(0, depth + 1)));
    if (isThere || keys.slice(depth).some((key) => typeof key === "number")) return undefined;
    const inner = keys.slice(depth + 1).reduceRight((made, key) => ({ [key]: made }), value);
    const put = `${JSON.stringify(keys[depth])}: ${JSON.stringify(inner)}${holder.empty ? "" : ","}`;
    const member = ocKeyPath(keys.slice(0, depth + 1));
    return { start: holder.at, end: holder.at, member, put: holder.empty ? put : `${put} ` };
  }
  return undefined;
}
