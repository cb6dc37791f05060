// What `status` lists as jobs: those of the configuration that have run, whatever else lies where the reports are.

import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

const home = mkdtempSync(join(tmpdir(), "clusterd-report-"));
// Before anything that looks where the reports are.
process.env["CLUSTERD_STATE"] = home;
const { readReports, reportFile, writeReceived, writeReport } = await import("../../mirror/report.ts");
const { newRunId } = await import("../../mirror/backup-names.ts");
const { abilitiesOf } = await import("../../mirror/abilities.ts");
after(() => rmSync(home, { recursive: true }));

const report = (job: string) => ({ version: 1, job, identity: "serv1", lastRun: null, lastGood: null, lastRecovery: null, pending: null, approved: null }) as const;
/** What abilities.ts remembered, as it was kept beside the reports. */
const LEFTOVER = JSON.stringify({ "/srv/www": { mount: "0123456789abcdef", abilities: { case: true } } });

test("only configured jobs are listed, sent or received; what else lies there is none", () => {
  for (const job of ["www", "gone"]) writeReport(report(job));
  writeReceived({ job: "mail", run: newRunId(5), kind: "normal", epoch: 1, at: 5, kept: 0 });
  writeFileSync(reportFile("abilities"), LEFTOVER);
  assert.deepEqual(readReports(["www", "never", "mail", "abilities"]).map(({ job, lastGood }) => [job, lastGood]), [["mail", 5], ["www", null]]);
});

test("the memory of file systems that an older version kept there goes; the report of a job of that name stays", () => {
  const tree = join(home, "tree");
  mkdirSync(tree);
  writeFileSync(reportFile("abilities"), LEFTOVER);
  assert.ok(Object.keys(abilitiesOf(tree)).length > 0);
  assert.equal(existsSync(reportFile("abilities")), false);
  writeReport(report("abilities"));
  abilitiesOf(`${tree}/another`);
  assert.equal(existsSync(reportFile("abilities")), true);
});
