// A file system as some other systems have it, for a test: it takes names that differ in capitals, or in the spelling of é, for one, and gives
// them back in a spelling of its own. In memory, by FUSE (linux/fuse.h, protocol 7.31), without a library.
//
//   folding-fs.ts DIR [nsenter's words]: mounts itself at DIR, says "mounted", and serves until it is unmounted

import { spawnSync } from "node:child_process";
import { openSync, read, writeSync } from "node:fs";
import { promisify } from "node:util";

interface Inode { readonly id: bigint; mode: number; uid: number; gid: number; size: bigint; mtime: bigint; mtimeNs: number; nlink: number; data: Buffer; readonly names: Map<string, { readonly name: string; readonly inode: Inode }> | null }

const [FOLDER, REGULAR] = [0o040000, 0o100000];
const ERRORS = { none: 0, noEntry: -2, exists: -17, notEmpty: -39, noCall: -38 } as const;
const HEADER = 40;

const inodes = new Map<bigint, Inode>();
const make = (mode: number, uid: number, gid: number): Inode => {
  const inode: Inode = { id: BigInt(inodes.size + 1), mode, uid, gid, size: 0n, mtime: 0n, mtimeNs: 0, nlink: 1, data: Buffer.alloc(0), names: (mode & 0o170000) === FOLDER ? new Map() : null };
  inodes.set(inode.id, inode);
  return inode;
};
make(FOLDER | 0o755, 0, 0);

const fold = (name: string): string => name.normalize("NFC").toLowerCase();
const text = (body: Buffer, at: number): string => body.toString("utf8", at, body.indexOf(0, at));

function attributes({ id, size, mtime, mtimeNs, mode, nlink, uid, gid }: Inode): Buffer {
  const out = Buffer.alloc(88);
  for (const [at, value] of [id, size, (size + 511n) / 512n, mtime, mtime, mtime].entries()) out.writeBigUInt64LE(value, at * 8);
  for (const [at, value] of [mtimeNs, mtimeNs, mtimeNs, mode, nlink, uid, gid, 0, 4096, 0].entries()) out.writeUInt32LE(value, 48 + at * 4);
  return out;
}
const entry = (inode: Inode): Buffer => { const out = Buffer.alloc(40); out.writeBigUInt64LE(inode.id, 0); return Buffer.concat([out, attributes(inode)]); };
const alone = (inode: Inode): Buffer => Buffer.concat([Buffer.alloc(16), attributes(inode)]);
const OPENED = Buffer.alloc(16);

function add(folder: Inode, name: string, inode: Inode): Buffer | number {
  if (folder.names?.has(fold(name))) return ERRORS.exists;
  folder.names?.set(fold(name), { name: name.normalize("NFD"), inode });
  return entry(inode);
}

function resize(inode: Inode, size: bigint): void {
  if (size < 1n << 24n) inode.data = Buffer.concat([inode.data.subarray(0, Number(size)), Buffer.alloc(Math.max(0, Number(size) - inode.data.length))]);
  inode.size = size;
}

function list({ names }: Inode, offset: number, room: number): Buffer {
  const parts: Buffer[] = [];
  for (const [at, { name, inode }] of [...names?.values() ?? []].entries()) {
    if (at < offset) continue;
    const bytes = Buffer.from(name);
    const part = Buffer.alloc(Math.ceil((24 + bytes.length) / 8) * 8);
    part.writeBigUInt64LE(inode.id, 0);
    part.writeBigUInt64LE(BigInt(at + 1), 8);
    part.writeUInt32LE(bytes.length, 16);
    part.writeUInt32LE((inode.mode & 0o170000) >> 12, 20);
    bytes.copy(part, 24);
    if (parts.reduce((sum, one) => sum + one.length, part.length) > room) break;
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/** What is answered to a request: its body, or an error. Null: nothing is. */
function answer(call: number, node: Inode, body: Buffer, uid: number, gid: number): Buffer | number | null {
  const u32 = (at: number): number => body.readUInt32LE(at);
  const u64 = (at: number): bigint => body.readBigUInt64LE(at);
  switch (call) {
    case 26: { const out = Buffer.alloc(64); out.writeUInt32LE(7, 0); out.writeUInt32LE(31, 4); out.writeUInt32LE(65536, 8); out.writeUInt32LE(65536, 20); out.writeUInt32LE(1, 24); return out; } // INIT
    case 1: { const found = node.names?.get(fold(text(body, 0)))?.inode; return found === undefined ? ERRORS.noEntry : entry(found); } // LOOKUP
    case 2: case 36: case 42: return null; // FORGET, INTERRUPT, BATCH_FORGET
    case 3: return alone(node); // GETATTR
    case 4: { // SETATTR
      const valid = u32(0);
      if (valid & 1) node.mode = (node.mode & 0o170000) | (u32(68) & 0o7777);
      if (valid & 2) node.uid = u32(76);
      if (valid & 4) node.gid = u32(80);
      if (valid & 8) resize(node, u64(16));
      if (valid & 32) [node.mtime, node.mtimeNs] = [u64(40), u32(60)];
      return alone(node);
    }
    case 8: return add(node, text(body, 16), make(u32(0), uid, gid)); // MKNOD
    case 9: return add(node, text(body, 8), make(FOLDER | (u32(0) & 0o7777), uid, gid)); // MKDIR
    case 10: case 11: { // UNLINK, RMDIR
      const found = node.names?.get(fold(text(body, 0)))?.inode;
      if (found === undefined) return ERRORS.noEntry;
      if ((found.names?.size ?? 0) > 0) return ERRORS.notEmpty;
      found.nlink -= 1;
      node.names?.delete(fold(text(body, 0)));
      return Buffer.alloc(0);
    }
    case 13: { const old = inodes.get(u64(0)); if (old === undefined) return ERRORS.noEntry; const added = add(node, text(body, 8), old); if (typeof added === "number") return added; old.nlink += 1; return entry(old); } // LINK
    case 14: case 27: return OPENED; // OPEN, OPENDIR
    case 15: return node.data.subarray(Number(u64(8)), Number(u64(8)) + u32(16)); // READ
    case 16: { // WRITE
      const [offset, size] = [Number(u64(8)), u32(16)];
      if (BigInt(offset + size) > node.size) resize(node, BigInt(offset + size));
      body.copy(node.data, offset, 40, 40 + size);
      const out = Buffer.alloc(8);
      out.writeUInt32LE(size, 0);
      return out;
    }
    case 17: { const out = Buffer.alloc(80); for (const at of [0, 8, 16]) out.writeBigUInt64LE(1n << 28n, at); for (const at of [24, 32]) out.writeBigUInt64LE(1n << 20n, at); for (const at of [40, 48]) out.writeUInt32LE(4096, at); out.writeUInt32LE(255, 44); return out; } // STATFS
    case 18: case 20: case 25: case 29: case 30: case 34: return Buffer.alloc(0); // RELEASE, FSYNC, FLUSH, RELEASEDIR, FSYNCDIR, ACCESS
    case 28: return list(node, Number(u64(8)), u32(16)); // READDIR
    case 35: { const made = add(node, text(body, 16), make(REGULAR | (u32(4) & 0o7777), uid, gid)); return typeof made === "number" ? made : Buffer.concat([made, OPENED]); } // CREATE
    default: return ERRORS.noCall;
  }
}

const device = openSync("/dev/fuse", "r+");
const [folder = "", ...inside] = process.argv.slice(2);
const words = [...inside, "mount", "-i", "-t", "fuse", "-o", "fd=3,rootmode=40000,user_id=0,group_id=0,allow_other", "folding", folder];
const mounted = spawnSync(words[0] ?? "", words.slice(1), { stdio: ["ignore", "inherit", "inherit", device] });
if (mounted.status !== 0) process.exit(1);
process.stdout.write("mounted\n");
await serve();

async function serve(): Promise<void> {
  const buffer = Buffer.alloc(1 << 18);
  for (;;) {
    const bytesRead = await promisify(read)(device, buffer, 0, buffer.length, null).then((got) => got.bytesRead, (error: NodeJS.ErrnoException) => { if (error.code === "ENODEV") return 0; throw error; });
    if (bytesRead === 0) return; // unmounted
    const request = Buffer.from(buffer.subarray(0, bytesRead));
    const node = inodes.get(request.readBigUInt64LE(16)) ?? inodes.get(1n) as Inode;
    const said = answer(request.readUInt32LE(4), node, request.subarray(HEADER), request.readUInt32LE(24), request.readUInt32LE(28));
    if (said === null) continue;
    const out = Buffer.alloc(16);
    const body = typeof said === "number" ? Buffer.alloc(0) : said;
    out.writeUInt32LE(16 + body.length, 0);
    out.writeInt32LE(typeof said === "number" ? said : 0, 4);
    request.copy(out, 8, 8, 16);
    writeSync(device, Buffer.concat([out, body]));
  }
}
