// Single files and folders: read, write, rename, remove. Part of the wizard's helper; see helper.mjs.

function factsOf(full, stat) {
  return {
    kind: kindOf(stat),
    size: Number(stat.size),
    mode: Number(stat.mode & 0o7777n),
    mtime: String(stat.mtimeNs),
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    dev: String(stat.dev),
    ino: String(stat.ino),
    nlink: Number(stat.nlink),
    ...(stat.isSymbolicLink() && { target: base64(fs.readlinkSync(full, { encoding: "buffer" })) }),
  };
}

function lstatOrNull(full) {
  return tolerant(() => fs.lstatSync(full, { bigint: true })) ?? null;
}

function statOf(value) {
  const full = pathOf(value);
  const stat = lstatOrNull(full);
  return stat && factsOf(full, stat);
}

function syncFolder(full) {
  const handle = fs.openSync(full, "r");
  try {
    fs.fsyncSync(handle);
  } catch (error) {
    // Some file systems (network, FUSE) cannot sync a folder; the content is synced all the same.
    if (error.code !== "EINVAL" && error.code !== "ENOTSUP") throw error;
  } finally {
    fs.closeSync(handle);
  }
}

async function writeWhole(full, content, mode) {
  const temp = Buffer.concat([full, Buffer.from(`.tmp-${crypto.randomBytes(6).toString("hex")}`)]);
  const file = await fsp.open(temp, "wx", 0o600);
  try {
    await file.writeFile(content);
    await file.chmod(mode);
    await file.sync();
    await file.close();
    await fsp.rename(temp, full);
  } catch (error) {
    await file.close().catch(() => undefined);
    await fsp.rm(temp, { force: true });
    throw error;
  }
  syncFolder(parentOf(full));
}

// Seconds since the epoch on this host.
command("clock", async () => Date.now() / 1000);

// For each file below a root: the hash of its first `size` bytes and whether it is longer; null where it is not there.
command("beginnings", async ({ root, files }) => {
  const into = Buffer.allocUnsafeSlow(1 << 20);
  return files.map(({ path: value, size }) => {
    const file = tolerant(() => fs.openSync(join(pathOf(root), pathOf(value)), TO_READ));
    if (file === undefined) return null;
    try {
      return { sha256: hashUpTo(file, size, into).sha256, longer: fs.fstatSync(file).size > size };
    } finally {
      fs.closeSync(file);
    }
  });
});

command("stat", async ({ paths }) => paths.map(statOf));

command("exists", async ({ paths }) => paths.map((each) => lstatOrNull(pathOf(each)) !== null));

// The other realpathSync garbles names that are not UTF-8.
function realpath(full) {
  return fs.realpathSync.native(full, { encoding: "buffer" });
}

command("realpath", async ({ paths }) => paths.map((each) => base64(realpath(pathOf(each)))));

command("read", async ({ path: value, limit = 1 << 24 }) => {
  const file = await fsp.open(pathOf(value), fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  try {
    const stat = await file.stat({ bigint: true });
    if (!stat.isFile()) throw fail("EINVAL", `not a file: ${pathOf(value)}`);
    const content = Buffer.alloc(Math.min(limit, Number(stat.size)));
    const { bytesRead } = await file.read(content, 0, content.length, 0);
    return {
      content: base64(content.subarray(0, bytesRead)),
      size: Number(stat.size),
      mode: Number(stat.mode & 0o7777n),
      mtime: String(stat.mtimeNs),
      truncated: Number(stat.size) > bytesRead,
    };
  } finally {
    await file.close();
  }
});

command("list", async ({ path: value }) => {
  const folder = pathOf(value);
  const names = fs.readdirSync(folder, { encoding: "buffer" }).sort(Buffer.compare);
  const found = names.map((name) => [name, lstatOrNull(join(folder, name))]);
  return found
    .filter(([, stat]) => stat)
    .map(([name, stat]) => ({ name: base64(name), ...factsOf(join(folder, name), stat) }));
});

// Missing parents get the same mode. The answer tells of the room there too, as `room` does.
command("mkdir", async ({ path: value, mode = 0o700 }) => {
  const full = pathOf(value);
  const created = !lstatOrNull(full);
  fs.mkdirSync(full, { recursive: true, mode });
  if (created) fs.chmodSync(full, mode);
  return { created, room: roomAt(full) };
});

command("write", async ({ path: value, content, mode = 0o600 }) => {
  await writeWhole(pathOf(value), Buffer.from(content, "base64"), mode);
});

// The place of `relative` under `root`, by folders alone: through a link one could leave the root.
function inside(root, relative) {
  const full = join(root, relative);
  const parts = relative.length ? relative.toString("latin1").split("/") : [];
  if (parts.some((part) => part === "" || part === "." || part === "..")) {
    throw fail("EINVAL", `not a path below the root: ${relative}`);
  }
  let folder = root;
  for (const part of parts.slice(0, -1)) {
    folder = join(folder, Buffer.from(part, "latin1"));
    const stat = lstatOrNull(folder);
    if (stat && !stat.isDirectory()) throw fail("ENOTDIR", `not a folder: ${folder}`);
  }
  return full;
}

command("chmod", async ({ root, ops }) => {
  const top = pathOf(root);
  for (const { path: value, mode } of ops) {
    const full = inside(top, pathOf(value));
    if (fs.lstatSync(full).isSymbolicLink()) throw fail("ELOOP", `a link has no mode of its own: ${full}`);
    fs.chmodSync(full, mode);
  }
});

// Never takes the place of something: rename(2) itself would replace a file or an empty folder.
command("rename", async ({ from, to }) => {
  const [source, target] = [pathOf(from), pathOf(to)];
  if (lstatOrNull(target)) throw fail("EEXIST", `something stands there already: ${target}`);
  fs.renameSync(source, target);
  syncFolder(parentOf(target));
  if (!parentOf(source).equals(parentOf(target))) syncFolder(parentOf(source));
});

// Folders without the owner's own permissions (0500 in a copied tree) are opened first.
function removeWhole(full) {
  const stat = lstatOrNull(full);
  if (!stat) return;
  if (!stat.isDirectory()) return fs.unlinkSync(full);
  if ((stat.mode & 0o700n) !== 0o700n) fs.chmodSync(full, 0o700);
  for (const name of fs.readdirSync(full, { encoding: "buffer" })) removeWhole(join(full, name));
  fs.rmdirSync(full);
}

function ownFolder(value, mustContain) {
  const full = pathOf(value);
  const name = full.subarray(full.lastIndexOf(SLASH) + 1);
  if (!mustContain || !name.includes(Buffer.from(mustContain))) {
    throw fail("EPERM", `refused: the name of ${full} does not contain ${mustContain}`);
  }
  const stat = lstatOrNull(full);
  if (stat && !stat.isDirectory()) throw fail("ENOTDIR", `not a folder: ${full}`);
  return { full, stat };
}

command("remove_tree", async ({ path: value, mustContain }) => {
  const { full, stat } = ownFolder(value, mustContain);
  removeWhole(full);
  return { removed: stat !== null };
});

// Readies the wizard's own staging folder for what is to change in it: folders that are closed to their owner are
// opened (the stream sets their modes again), then what is in the way goes.
command("make_way", async ({ root, mustContain, clear, open }) => {
  const { full: top } = ownFolder(root, mustContain);
  for (const name of open) fs.chmodSync(inside(top, Buffer.from(name, "base64")), 0o700);
  for (const name of clear) removeWhole(inside(top, Buffer.from(name, "base64")));
});

function nearestExisting(full) {
  let here = full;
  while (!lstatOrNull(here) && here.length > 1) here = parentOf(here);
  return here;
}

command("free", async ({ path: value }) => {
  const { bavail, bsize } = fs.statfsSync(nearestExisting(pathOf(value)));
  return bavail * bsize;
});

// `inodes` is null where the file system counts none.
function roomAt(full) {
  const here = nearestExisting(full);
  const { bavail, bsize, files, ffree } = fs.statfsSync(here);
  return { bytes: bavail * bsize, inodes: files ? ffree : null, dev: String(lstatOrNull(here).dev) };
}

command("room", async ({ path: value }) => roomAt(pathOf(value)));

const BODY_LIMIT = 1 << 16;

function get(port, where, timeoutMs) {
  return new Promise((done) => {
    const request = http.get({ host: "127.0.0.1", port, path: where, timeout: timeoutMs, agent: false });
    const give = (error) => done({ status: 0, error: error.code ?? error.message });
    const limit = setTimeout(() => request.destroy(fail("ETIMEDOUT", "no answer in time")), timeoutMs);
    request.on("error", give).on("response", (response) => {
      const chunks = [];
      let size = 0;
      const finish = () => {
        clearTimeout(limit);
        const body = Buffer.concat(chunks).subarray(0, BODY_LIMIT).toString();
        done({ status: response.statusCode, body });
        request.destroy();
      };
      response.on("error", give).on("end", finish);
      response.on("data", (chunk) => {
        chunks.push(chunk);
        size += chunk.length;
        if (size >= BODY_LIMIT) finish();
      });
    });
  });
}

command("http", async ({ port, path: where, timeoutMs = 5000 }) => get(port, where, timeoutMs));
