// What goes on until Ctrl-C: the real program follows the test, which stands in the place of the daemon.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { after, before, test } from "node:test";
import { join } from "node:path";
import fc from "fast-check";
import { EXIT } from "../../../clusterd/commands/exit-codes.ts";
import { decidedSince } from "../../../clusterd/history.ts";
import type { HistoryEntry } from "../../../clusterd/history.ts";
import { status } from "../status/sample.ts";
import { PROJECT, Pair } from "./pair.ts";

let pair: Pair;
before(async () => { pair = await new Pair().start(); });
after(() => pair.close());

const entry = (n: number): HistoryEntry => ({ wall: n, level: "info", event: `event${n}`, identity: null, because: `reason ${n}` });

class Followed {
  readonly child: ChildProcess;
  out = "";
  constructor(...words: string[]) {
    this.child = spawn(join(PROJECT, "clusterd/bin/clusterd"), words, { env: { PATH: process.env["PATH"], ...pair.nodes[0].env }, stdio: ["ignore", "pipe", "inherit"] });
    this.child.stdout?.on("data", (data) => { this.out += data; this.child.emit("said"); });
  }

  /** Resolves once the text is there; a program that ends before is a failure. */
  until(text: RegExp): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = (): void => { if (text.test(this.out)) { this.child.off("said", look); resolve(); } };
      this.child.on("said", look).on("close", () => reject(new Error(`ended before ${text}: ${this.out}`)));
      look();
    });
  }

  end(signal: NodeJS.Signals): Promise<number | null> {
    return new Promise((resolve) => { this.child.removeAllListeners("close").on("close", (code) => resolve(code)); this.child.kill(signal); });
  }
}

test("history --follow --json: one object for each decision, as it is made, and none twice", async () => {
  const [node] = pair.nodes;
  node.status = status(0, { history: [entry(1), entry(2)] });
  const followed = new Followed("history", "--follow", "--json", "--last", "1");
  await followed.until(/event2/);
  node.server?.news();
  node.status = status(0, { history: [entry(1), entry(2), entry(3), entry(4)] });
  node.server?.news();
  await followed.until(/event4/);
  assert.equal(await followed.end("SIGINT"), EXIT.ok);
  const lines = followed.out.trim().split("\n").map((line) => JSON.parse(line) as { version: number; node: string; event: string });
  assert.deepEqual(lines.map(({ version, node: name, event }) => [version, name, event]), [2, 3, 4].map((n) => [1, "serv1", `event${n}`]));
});

test("history --follow outlives the daemon and goes on with the next one", async () => {
  const [node] = pair.nodes;
  node.status = status(0, { history: [entry(1)] });
  const followed = new Followed("history", "--follow", "--last", "1");
  await followed.until(/event1: reason 1/);
  await node.stop();
  node.status = status(0, { history: [entry(2)] });
  await node.start();
  await followed.until(/event2: reason 2/);
  assert.equal(await followed.end("SIGTERM"), EXIT.ok);
});

test("status --watch shows the pair again when something has changed", async () => {
  const [node] = pair.nodes;
  node.status = status(0);
  const watched = new Followed("status", "--watch", "--local");
  await watched.until(/^cluster sample[^]*\n\n$/m);
  assert.doesNotMatch(watched.out, /\x1b/, "into a pipe no colours and no clearing");
  node.holds(1);
  node.server?.news();
  await watched.until(/serv2, as far as serv1 knows/);
  assert.equal(await watched.end("SIGINT"), EXIT.ok);
});

test("--for ends it, and a wrong time is said", async () => {
  const said = await pair.nodes[0].clusterd("status", "--watch", "--local", "--json", "--for", "1s");
  assert.equal(said.code, EXIT.ok);
  for (const line of said.out.trim().split("\n")) assert.equal((JSON.parse(line) as { version: number }).version, 1);
  assert.equal((await pair.nodes[0].clusterd("history", "--follow", "--for", "soon")).code, EXIT.usage);
});

test("of any two looks at a growing history, the later one's new decisions are found, each once", () => {
  fc.assert(fc.property(fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 12 }), fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 4 }), fc.integer({ min: 6, max: 20 }), (old, more, kept) => {
    const before = old.map((n, at) => ({ ...entry(n), wall: at })).slice(-kept);
    const now = [...old.map((n, at) => ({ ...entry(n), wall: at })), ...more.map((n, at) => ({ ...entry(n), wall: 100 + at }))].slice(-kept);
    assert.deepEqual(decidedSince(before, now), now.slice(now.length - Math.min(more.length, now.length)));
  }));
});
