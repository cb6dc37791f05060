// The file behind the dirty paths: what is told to a journal that is closed must not reach whichever file has got its number since.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { needsRoot } from "../needs.ts";

function scratch(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "clusterd-dirty-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test("a push that ends after its job was given up writes nowhere (chaos 44/5)", async (t) => {
  const folder = scratch(t);
  process.env["CLUSTERD_STATE"] = folder;
  const { DirtyJournal, readDirty } = await import("../../mirror/dirty-journal.ts");
  const journal = new DirtyJournal("www");
  journal.add([["/srv/www/a", "self"], ["/srv/www/b", "self"]], 1, 1);
  const batch = new Map([...journal.paths].slice(0, 1));
  journal.close();
  const other = join(folder, "other");
  writeFileSync(other, "another's\n");
  const fd = openSync(other, "a"); // the lowest free number: the journal's
  t.after(() => closeSync(fd));
  assert.equal(journal.sent(batch).length, 1);
  journal.sent(new Map(journal.paths)); // nothing is left: the file would be emptied
  journal.forget();
  journal.close();
  assert.equal(readFileSync(other, "utf8"), "another's\n");
  assert.deepEqual([...readDirty("www").keys()], ["/srv/www/a", "/srv/www/b"], "it is sent once more, which is no harm");
});

test("a full disk stops nothing: it is said, and what waits is written anew as soon as there is room", { skip: needsRoot("to mount a small disk") }, (t) => {
  const script = `
    import { appendFileSync, rmSync } from "node:fs";
    const { DirtyJournal, readDirty } = await import(${JSON.stringify(join(import.meta.dirname, "../../mirror/dirty-journal.ts"))});
    const fill = () => { try { for (;;) appendFileSync("filler", "x".repeat(4096)); } catch { /* full */ } };
    const journal = new DirtyJournal("www");
    journal.add([["/srv/www/first", "self"]], 1, 1);
    fill();
    journal.add(Array.from({ length: 3000 }, (_, n) => ["/srv/www/" + "long".repeat(20) + n, "self"]), 2, 2);
    console.log(journal.torn, journal.paths.size);
    new DirtyJournal("other").add([["/srv/other/x", "self"]], 1, 1);
    rmSync("filler");
    journal.add([["/srv/www/last", "self"]], 3, 3);
    console.log(journal.torn, journal.paths.size, readDirty("www").size);`;
  const said = execFileSync("unshare", ["--mount", "sh", "-eu", "-c", 'mount -t tmpfs -o size=1m none "$1"; cd "$1"; CLUSTERD_STATE="$1" exec "$2" --disable-warning=ExperimentalWarning --input-type=module -e "$3"', "sh", scratch(t), process.execPath, script], { encoding: "utf8" });
  assert.match(said, /^ENOSPC: no space left on device.* 3001\nnull 3002 3002\n$/);
});
