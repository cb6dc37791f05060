// The file behind the dirty paths: what is told to a journal that is closed must not reach whichever file has got its number since.

import assert from "node:assert/strict";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

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
  journal.add([["/srv/www/a", "self"], ["/srv/www/b", "self"]], 1);
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
