// The transition table is data, so it can be walked: no dead rows, no dead roles, a reason for everything.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ACTIONS } from "../../../clusterd/core/actions.ts";
import { GUARDS } from "../../../clusterd/core/guards.ts";
import { ROLES, type Role } from "../../../clusterd/core/model.ts";
import { TABLE, type Cell, type Row } from "../../../clusterd/core/table.ts";

const cells = ROLES.flatMap((role) => Object.entries(TABLE[role] as Record<string, Cell>).map(([signal, cell]) => ({ role, signal, cell })));
const rows: { readonly role: Role; readonly signal: string; readonly row: Row; readonly last: boolean }[] = cells.flatMap(({ role, signal, cell }) =>
  "ignored" in cell ? [] : cell.map((row, index) => ({ role, signal, row, last: index === cell.length - 1 })));

test("whatever happens in whatever role: the last row of a cell always holds, and none is hidden behind one that always holds", () => {
  for (const { role, signal, row, last } of rows) assert.equal(row.when === "otherwise", last, `${role}, ${signal}, ${row.when}`);
});

test("every row and every ignored signal has a reason that a person can read", () => {
  for (const { role, signal, cell } of cells) {
    const reasons = "ignored" in cell ? [cell.ignored] : cell.map((row) => row.because);
    for (const reason of reasons) assert.match(reason, /^[a-zA-Z].{7,}[^.]$/, `${role}, ${signal}`);
  }
});

test("every role is reached from the daemon's start, and every role but failed is left again", () => {
  const reached = new Set<Role>(["waiting"]);
  for (let grown = true; grown;) {
    const before = reached.size;
    for (const { role, row } of rows) if (reached.has(role)) reached.add(row.to);
    grown = reached.size > before;
  }
  assert.deepEqual([...ROLES].filter((role) => !reached.has(role)), []);
  for (const role of ROLES.filter((each) => each !== "failed"))
    assert.ok(rows.some((each) => each.role === role && each.row.to !== role), `${role} is never left`);
});

test("every action and every guard is used", () => {
  const used = new Set(rows.flatMap(({ row }) => row.do));
  assert.deepEqual(Object.keys(ACTIONS).filter((name) => !used.has(name as keyof typeof ACTIONS)), []);
  const asked = new Set<string>(rows.map(({ row }) => row.when));
  assert.deepEqual(Object.keys(GUARDS).filter((name) => !asked.has(name)), []);
});

test("nothing is raised but by a persisted epoch, and whoever lets go says so", () => {
  for (const { role, signal, row } of rows) {
    if ((row.do as readonly string[]).includes("raise")) assert.deepEqual([role, signal], ["acquiring", "persisted"]);
    if (row.to === "releasing" && role !== "releasing") assert.ok((["release", "send"] as const).every((action) => row.do.includes(action)), `${role}, ${signal}`);
  }
});
