// Which databases are held open in the trees? A copy of their files, taken one after the other while somebody writes, may be of no use to anybody.
//
// They are told by the names of files that a process has open for writing: the links in /proc/PID/fd (proc(5)), up to a number that takes
// a tenth of a second. What is open by a name of no known database is nothing unusual. Node core only.

import { existsSync, mkdirSync, readFileSync, readdirSync, readlinkSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { RUN } from "../clusterd/base/paths.ts";

interface Kind { readonly name: string; readonly file: RegExp; /** A file that must lie above the path's match; for names that others use, too. */ readonly beside?: string; readonly dump: string }

const KINDS: readonly Kind[] = [
  { name: "SQLite", file: /[^/]-(wal|journal|shm)$|\.sqlite3?$/, dump: `sqlite3 DATABASE ".backup DUMP"` },
  { name: "MySQL or MariaDB", file: /\/(ibdata\d+|ib_logfile\d+|#ib_redo\d+|undo_?\d+|aria_log_control)$/, dump: "mariadb-dump --all-databases --single-transaction --result-file=DUMP" },
  { name: "PostgreSQL", file: /\/pg_wal\/[0-9A-F]{24}$|\/base\/\d+\/\d+$/, beside: "PG_VERSION", dump: "pg_dumpall --file=DUMP" },
  { name: "LMDB", file: /\/(data|lock)\.mdb$|\.mdb-lock$/, dump: "mdb_copy -n DATABASE DUMP (OpenLDAP: slapcat -l DUMP)" },
  { name: "Berkeley DB", file: /\/(__db\.\d{3}|log\.\d{10})$/, dump: "db_hotbackup -h FOLDER -b DUMP" },
  { name: "tdb (Samba)", file: /\.n?tdb$/, dump: "tdbbackup -s .dump DATABASE" },
];

export interface OpenDatabase { readonly kind: string; readonly path: string; readonly pid: number; readonly program: string; /** The command that makes a copy that holds together. */ readonly dump: string }

const LINKS = 50_000;
/** open(2), in fdinfo's `flags`, octal: O_WRONLY or O_RDWR. */
const WRITES = 0o3;

/** One for each kind and folder, at most; `trees` end in a slash. */
export function openDatabases(trees: readonly string[], proc = "/proc"): readonly OpenDatabase[] {
  const found = new Map<string, OpenDatabase>();
  let left = LINKS;
  for (const pid of list(proc).filter((name) => /^\d+$/.test(name))) {
    for (const fd of list(`${proc}/${pid}/fd`)) {
      if ((left -= 1) < 0) return [...found.values()];
      const path = quietly(() => readlinkSync(`${proc}/${pid}/fd/${fd}`));
      const kind = path !== null && trees.some((tree) => path.startsWith(tree)) ? kindOf(path) : undefined;
      if (path === null || kind === undefined || found.has(`${kind.name} ${dirname(path)}`)) continue;
      const flags = /^flags:\s*(\d+)/m.exec(quietly(() => readFileSync(`${proc}/${pid}/fdinfo/${fd}`, "utf8")) ?? "")?.[1];
      if (flags === undefined || (Number.parseInt(flags, 8) & WRITES) === 0) continue;
      const program = quietly(() => readFileSync(`${proc}/${pid}/comm`, "utf8"))?.trim() ?? "";
      found.set(`${kind.name} ${dirname(path)}`, { kind: kind.name, path, pid: Number(pid), program, dump: kind.dump });
    }
  }
  return [...found.values()];
}

export const kindOf = (path: string): Kind | undefined =>
  KINDS.find(({ file, beside }) => { const at = file.exec(path)?.index; return at !== undefined && (beside === undefined || existsSync(`${path.slice(0, at)}/${beside}`)); });

/** Looking costs up to a tenth of a second on a busy machine, a run without changes not much more: runs look every ten minutes. */
const RECENT = 600_000;

export function recentDatabases(job: string, trees: readonly string[], now = Date.now()): readonly OpenDatabase[] {
  const file = `${RUN}/mirror/databases/${job}.json`;
  const known = quietly(() => JSON.parse(readFileSync(file, "utf8")) as { at: number; trees: string; open: readonly OpenDatabase[] });
  if (known !== null && Math.abs(now - known.at) < RECENT && known.trees === trees.join("\n")) return known.open;
  const open = openDatabases(trees);
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(file, JSON.stringify({ at: now, trees: trees.join("\n"), open }), { mode: 0o600 });
  return open;
}

const list = (folder: string): readonly string[] => quietly(() => readdirSync(folder)) ?? [];

function quietly<T>(look: () => T): T | null {
  try { return look(); } catch { return null; } // the process has ended
}
