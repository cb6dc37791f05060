import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { understand } from "../../../clusterd/commands/answer.ts";
import { run } from "./pair.ts";

test("two questions are understood, nothing else", () => {
  assert.deepEqual(understand("clusterd v1 status"), { ask: "status" });
  assert.deepEqual(understand("clusterd v1 handover serv1"), { ask: "command", verb: "handover", node: "serv1" });
  const others = ["", "status", "sh", "clusterd v1", "clusterd v1 status ", "clusterd v1 status;id", "clusterd v2 status", "clusterd  v1 status", "clusterd v1 handover", "clusterd v1 handover a b",
    "clusterd v1 handover $(id)", "clusterd v1 handover ../x", "clusterd v1 handover -x", "clusterd v1 handover serv1\n", "clusterd v1 force-own serv1", "clusterd v1 leave", "rsync --server . /"];
  for (const line of others) assert.equal(understand(line), null, JSON.stringify(line));
});

test("no words whatever ask for more than status or handover", () => {
  fc.assert(fc.property(fc.array(fc.constantFrom("clusterd", "v1", "status", "handover", "serv1", "force-own", ";", "--", "\n", "")).map((words) => words.join(" ")), (line) => {
    const request = understand(line);
    assert.ok(request === null || request.ask === "status" || request.verb === "handover");
    if (request?.ask === "command") assert.equal(line, `clusterd v1 handover ${request.node}`);
  }));
});

test("the forced command ends with 126 and starts nothing for anything else", async () => {
  const said = await run(["answer"], { SSH_ORIGINAL_COMMAND: "cat /etc/shadow" });
  assert.equal(said.code, 126);
  assert.equal(said.out, "");
  assert.match(said.err, /refused/);
});
