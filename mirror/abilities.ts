// What can a file system carry? Tried with a few small files, and remembered for as long as it is the same mount.
//
// A name in mountinfo says little: the same ext4 may fold case, a network's file system may have any set of abilities. So each is tried, in
// `.clusterd-partial`, which no run carries over and no watcher tells of. Everything is done below opened folders that belong to us: whoever
// may write in the tree can put a link in a folder's place and gets nothing made where it leads. Node core only.

import { closeSync, constants, existsSync, fstatSync, ftruncateSync, linkSync, mkdirSync, mkdtempSync, openSync, readFileSync, readdirSync, rmSync, rmdirSync, statSync, unlinkSync, utimesSync, writeFileSync, chmodSync, chownSync, renameSync } from "node:fs";
import { createHash } from "node:crypto";
import { spawnSync } from "node:child_process";
import { dirname } from "node:path";
import { STATE } from "../clusterd/base/paths.ts";
import { mountPoints, mountsOf } from "./tree.ts";
import { readReport, reportFile } from "./report.ts";
import { setTime } from "./receive-folders.ts";
import { PARTIAL_DIR } from "./rsync-args.ts";

/** Each: true = it can. An ability that could not be tried is absent. */
export const ABILITIES = ["case", "spelling", "names", "owners", "times", "hardLinks", "holes", "large", "acl", "xattr"] as const;
export type Ability = (typeof ABILITIES)[number];
export type Abilities = Readonly<Partial<Record<Ability, boolean>>>;

/** In a folder of its own: files beside it are the reports of jobs. */
const MEMORY = `${STATE}/mirror/file-systems/abilities.json`;
const FOUR_GB = 2 ** 32;

interface Known { readonly mount: string; readonly abilities: Abilities }

/** Of the file system that `path` is on, or would be. Empty when nothing can be written there. */
export function abilitiesOf(path: string): Abilities {
  const folder = existing(path);
  const mount = mountOf(folder);
  const memory = readMemory();
  const known = memory[path];
  if (known !== undefined && known.mount === mount) return known.abilities;
  const abilities = tried(folder);
  if (Object.keys(abilities).length > 0) remember({ ...memory, [path]: { mount, abilities } });
  return abilities;
}

function existing(path: string): string {
  for (let folder = path.replace(/(?<=.)\/$/, ""); ; folder = dirname(folder)) if (folder === "/" || existsSync(folder)) return folder;
}

/** Another word when it is mounted anew, or otherwise, or when the machine has booted. */
function mountOf(folder: string): string {
  const info = readFileSync("/proc/self/mountinfo", "utf8");
  const [point] = mountsOf(folder, mountPoints(info));
  const line = info.split("\n").filter((one) => mountPoints(one)[0] === point).at(-1) ?? "";
  const { dev, ino } = statSync(folder);
  return createHash("sha256").update(`${readFileSync("/proc/sys/kernel/random/boot_id", "utf8")} ${dev} ${ino} ${line}`).digest("hex").slice(0, 16);
}

function readMemory(): Readonly<Record<string, Known>> {
  try {
    const value: unknown = JSON.parse(readFileSync(MEMORY, "utf8"));
    return typeof value === "object" && value !== null ? value as Record<string, Known> : {};
  } catch {
    return {}; // never tried here
  }
}

/** Lost at worst: then it is tried again. */
function remember(memory: Readonly<Record<string, Known>>): void {
  if (readReport("abilities") === null) rmSync(reportFile("abilities"), { force: true }); // where it was before: as if a job were called so
  mkdirSync(dirname(MEMORY), { recursive: true, mode: 0o700 });
  writeFileSync(`${MEMORY}.${process.pid}`, JSON.stringify(memory), { mode: 0o600 });
  renameSync(`${MEMORY}.${process.pid}`, MEMORY);
}

/** Tries all of them in a folder that exists. */
export function tried(folder: string): Abilities {
  const open: number[] = [];
  const enter = (path: string): string => {
    const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    open.push(fd);
    return `/proc/self/fd/${fd}`;
  };
  try {
    const top = enter(folder);
    const { mtimeNs } = fstatSync(open[0] as number, { bigint: true });
    const made = makeOwn(`${top}/${PARTIAL_DIR}`);
    const partial = enter(`${top}/${PARTIAL_DIR}`);
    if (fstatSync(open[1] as number).uid !== process.geteuid?.()) return {};
    const name = mkdtempSync(`${partial}/abilities-`);
    try {
      return tryAll(enter(name), open[2] as number);
    } finally {
      for (const file of readdirSync(name, { encoding: "buffer" })) unlinkSync(Buffer.concat([Buffer.from(`${name}/`), file]));
      rmdirSync(name);
      if (made) { rmdirSync(`${top}/${PARTIAL_DIR}`); setTime(`/proc/self/fd/${open[0]}`, mtimeNs); }
    }
  } catch {
    return {}; // read-only, full, or somebody else's folder is in the way: other guards tell of these
  } finally {
    for (const fd of open) closeSync(fd);
  }
}

function makeOwn(path: string): boolean {
  try {
    mkdirSync(path, { mode: 0o700 });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    return false;
  }
}

function tryAll(at: string, fd: number): Abilities {
  const file = `${at}/file`;
  writeFileSync(file, "x", { mode: 0o600 });
  const can = (act: () => boolean): boolean => { try { return act(); } catch { return false; } };
  const holes = can(() => withHole(`${at}/hole`));
  return {
    case: can(() => { writeFileSync(`${at}/CASE`, ""); return !existsSync(`${at}/case`); }),
    spelling: can(() => spelled(at)),
    names: can(() => { for (const odd of [Buffer.from("a:b?*\\ ."), Buffer.from([0x66, 0xff])]) writeFileSync(Buffer.concat([Buffer.from(`${at}/`), odd]), ""); return true; }),
    owners: can(() => { chownSync(file, 1, 1); chmodSync(file, 0o641); const { uid, gid, mode } = statSync(file); return uid === 1 && gid === 1 && (mode & 0o7777) === 0o641; }),
    times: can(() => { utimesSync(file, 1_000_000_001, 1_000_000_001.5); return statSync(file, { bigint: true }).mtimeNs === 1_000_000_001_500_000_000n; }),
    hardLinks: can(() => { linkSync(file, `${at}/link`); return statSync(file).nlink === 2; }),
    holes,
    // Without holes it would write four gigabytes of zeros before it says that they are too many.
    ...(holes ? { large: can(() => { sized(`${at}/hole`, FOUR_GB); return true; }) } : {}),
    ...attributes(fd),
  };
}

/** é as one character and as two: two names, and given back as they were written. */
function spelled(at: string): boolean {
  const [one, two] = ["\u00e9", "e\u0301"];
  writeFileSync(`${at}/${one}`, "");
  return !existsSync(`${at}/${two}`) && readdirSync(at).includes(one);
}

const HOLE = 4 * 1024 * 1024;

function withHole(path: string): boolean {
  writeFileSync(path, "");
  sized(path, HOLE);
  return statSync(path).blocks * 512 < HOLE / 2;
}

function sized(path: string, size: number): void {
  const fd = openSync(path, "r+");
  try { ftruncateSync(fd, size); } finally { closeSync(fd); }
}

/** setxattr(2) by number: Node has no such call, and setfattr(1) is not everywhere; perl is needed by the dead-man in any case. */
const SETXATTR: Readonly<Partial<Record<NodeJS.Architecture, number>>> = { x64: 188, arm64: 5, riscv64: 5, loong64: 5, ia32: 226, arm: 226, ppc64: 209, s390x: 224 };
/** acl(5) as the kernel takes it (version 2): rw for the owner, r for user 1. */
const ACL = `pack("V(vvV)*", 2, 1, 6, -1, 2, 4, 1, 4, 0, -1, 16, 4, -1, 32, 0, -1)`;
const SCRIPT = `for (["acl", "system.posix_acl_access", ${ACL}], ["xattr", "user.clusterd", "x"]) { my ($what, $name, $value) = @$_; my $file = "file"; print "$what ", (syscall($ARGV[0], $file, $name, $value, length($value), 0) == 0 ? 1 : 0), "\\n" }`;

function attributes(fd: number): Abilities {
  const number = SETXATTR[process.arch];
  if (number === undefined) return {};
  const { stdout, status } = spawnSync("perl", ["-e", SCRIPT, String(number)], { cwd: `/proc/self/fd/${fd}`, encoding: "utf8", timeout: 5000, env: { PATH: "/usr/bin:/bin" } });
  return status === 0 ? Object.fromEntries(stdout.trim().split("\n").map((line) => line.split(" ")).map(([what, can]) => [what, can === "1"])) : {};
}
