// Planned work: when people are reminded, when it ends by itself, and that neither restart nor nonsense on disk confuses it.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, beforeEach, test } from "node:test";

const state = mkdtempSync(join(tmpdir(), "clusterd-maintenance-"));
process.env["CLUSTERD_STATE"] = state;
const { beginMaintenance, dueAt, endMaintenance, MaintenanceKeeper, maintenanceText, readMaintenance } = await import("../../clusterd/maintenance.ts");

const HOUR = 3_600_000;
const FILE = join(state, "maintenance.json");
after(() => rmSync(state, { recursive: true }));
beforeEach(endMaintenance);

test("it is over at its time, and people are reminded every hour until then", () => {
  const order = { since: 0, until: 5 * HOUR, why: "disk", told: 0 };
  assert.deepEqual([1, HOUR, 5 * HOUR, 9 * HOUR].map((now) => dueAt(order, now)), ["nothing", "reminder", "over", "over"]);
  assert.equal(dueAt({ ...order, until: null, told: 8 * HOUR }, 8.5 * HOUR), "nothing");
  assert.equal(dueAt({ ...order, until: null }, 1e12), "reminder");
});

test("it is said in words with what is left, since when, and why", () => {
  assert.equal(maintenanceText({ since: 0, until: 2 * HOUR, why: "new disk" }, 80 * 60_000), "for another 40 min, begun 1.33 h ago: new disk");
  assert.equal(maintenanceText({ since: 0, until: null, why: "" }, 12_400), "until it is ended, begun 12 s ago");
});

test("changed while on it keeps its beginning; ended it is gone; what is not ours on disk is none", () => {
  beginMaintenance(null, "one", 1000);
  assert.deepEqual(beginMaintenance(HOUR, "two", 5000), { since: 1000, until: 5000 + HOUR, why: "two", told: 5000 });
  assert.deepEqual(readMaintenance(), { since: 1000, until: 5000 + HOUR, why: "two", told: 5000 });
  for (const text of ["", "{}", "null", "{\"since\":\"x\"}", "[1]"]) { writeFileSync(FILE, text); assert.equal(readMaintenance(), null, text); }
});

test("the daemon's keeper: takes up what is on disk, reminds once an hour, ends it in time and says so", () => {
  const said: string[] = [];
  const keeper = new MaintenanceKeeper((on) => said.push(on ? "on" : "off"), ({ level, event }) => said.push(`${level} ${event}`));
  beginMaintenance(2 * HOUR, "disk", 0);
  keeper.take(1);
  keeper.look(HOUR - 1);
  assert.deepEqual(said.splice(0), ["on", "warn maintenance.on"]);
  keeper.look(HOUR);
  keeper.look(HOUR + 2000);
  assert.deepEqual(said.splice(0), ["warn maintenance.still-on"]);
  assert.equal((JSON.parse(readFileSync(FILE, "utf8")) as { told: number }).told, HOUR);
  keeper.look(2 * HOUR);
  keeper.look(2 * HOUR + 2000);
  assert.deepEqual(said.splice(0), ["off", "warn maintenance.over"]);
  assert.deepEqual([keeper.now, readMaintenance()], [null, null]);
});

test("a daemon that starts after its time was over ends it, and one whose disk takes nothing does not fall over", () => {
  const said: string[] = [];
  const keeper = new MaintenanceKeeper((on) => said.push(on ? "on" : "off"), ({ event }) => said.push(event));
  beginMaintenance(HOUR, "", 0);
  keeper.take(3 * HOUR);
  assert.deepEqual(said.splice(0), ["on", "maintenance.on", "off", "maintenance.over"]);
  beginMaintenance(null, "", 0);
  keeper.take(1);
  writeFileSync(`${FILE}.new-${process.pid}`, ""); // writing durably begins with a new file of that name
  keeper.look(2 * HOUR);
  keeper.look(2 * HOUR + 1);
  assert.deepEqual(said.splice(0), ["on", "maintenance.on", "maintenance.still-on"]);
});
