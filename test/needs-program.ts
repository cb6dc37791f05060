// Whether a test's program is on this machine. test/lab/packages names its Debian package, so under CI it must be.

import { existsSync } from "node:fs";

const FOLDERS = ["/usr/bin", "/usr/sbin", "/bin", "/sbin", "/usr/local/bin"];

/** False when all are there, so that it can be given as `skip`; else why not, in a sentence. Under CI that is a failure. */
export function lacks(...programs: readonly string[]): string | false {
  const missing = programs.filter((program) => !FOLDERS.some((folder) => existsSync(`${folder}/${program}`)));
  if (missing.length === 0) return false;
  const why = `needs ${missing.join(", ")}: test/lab/setup tests installs it, as root`;
  if (process.env["CI"] === "true") throw new Error(`must not be skipped under CI: ${why}`);
  return why;
}

/** The same for what only root may do. */
export function needsRoot(what: string): string | false {
  if (process.getuid?.() === 0) return false;
  if (process.env["CI"] === "true") throw new Error(`must not be skipped under CI: needs root ${what}`);
  return `needs root ${what}`;
}
