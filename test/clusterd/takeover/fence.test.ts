// Only a power state read back as off is an off: real agents as programs, working, slow, failing, hanging and lying.

import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createFence, readParameters, withoutSecrets } from "../../../clusterd/takeover/fence.ts";
import type { Fence } from "../../../clusterd/takeover/fence.ts";
import { sampleConfig } from "./sample.ts";

const PARAMETERS = "# the switch in the cellar\nip=10.9.9.9\nusername=admin\n\npassword=open sesame\nplug=serv1\n";

interface Agent { readonly off: string; readonly status: string; readonly timeout?: number }

/** An agent that keeps what it was told in `said`, and does `off` and `status` in the words of a shell; $power is its switch. */
async function withFence({ off, status, timeout = 3000 }: Agent, use: (fence: Fence, folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "fence-"));
  try {
    const agent = join(folder, "agent");
    writeFileSync(agent, `#!/bin/sh\nfolder=${folder}; power=$folder/power; told=$(cat)\necho "$told" >>$folder/said\n` +
      `case $told in *action=off*) ${off} ;; *action=status*) ${status} ;; esac\n`, { mode: 0o755 });
    writeFileSync(join(folder, "parameters"), PARAMETERS, { mode: 0o600 });
    const [first] = sampleConfig({ plain: true }).nodes;
    const fence = createFence({ ...first, fence: { agent, timeout } }, join(folder, "parameters"));
    assert.ok(fence !== null);
    await use(fence, folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const fencing = (agent: Agent, judge: (outcome: { ok: boolean; reason: string }, folder: string) => void): Promise<void> =>
  withFence(agent, async (fence, folder) => judge(await fence.off(), folder));

const BY_FILE = "[ -e $power ] && exit 2; exit 0";

test("switched off and read back as off: confirmed; the agent was told by its standard input", () =>
  fencing({ off: "echo off >$power", status: BY_FILE }, (outcome, folder) => {
    assert.deepEqual(outcome, { ok: true, reason: "" });
    assert.equal(readFileSync(join(folder, "said"), "utf8"), ["off", "status"].map((action) => `action=${action}\nip=10.9.9.9\nusername=admin\npassword=open sesame\nplug=serv1\n`).join(""));
  }));

test("a power that takes its time to go is looked at until it has gone", () =>
  fencing({ off: "(sleep 0.7; echo off >$power) >/dev/null 2>&1 &", status: BY_FILE }, (outcome) => assert.deepEqual(outcome, { ok: true, reason: "" })));

test("an agent that says off while the power is on is not believed", () =>
  fencing({ off: "exit 0", status: "exit 0", timeout: 1500 }, ({ ok, reason }) => {
    assert.equal(ok, false);
    assert.match(reason, /the power is still on after 1\.5 s$/);
  }));

test("an agent that fails leaves the node alive, and its reason is told without the password", () =>
  fencing({ off: 'echo "login failed for admin with open sesame" >&2; exit 1', status: "exit 0" }, ({ ok, reason }) => {
    assert.equal(ok, false);
    assert.match(reason, /the power is still on; off ended with exit code 1: login failed for admin with \[secret\]/);
  }));

test("an agent that fails on a node that is off already: what is read back counts", () =>
  fencing({ off: "exit 1", status: "exit 2" }, (outcome) => assert.deepEqual(outcome, { ok: true, reason: "" })));

test("a status that cannot be had confirms nothing", () =>
  fencing({ off: "exit 0", status: 'echo "no route" >&2; exit 1', timeout: 1500 }, ({ ok, reason }) => {
    assert.equal(ok, false);
    assert.match(reason, /its power cannot be read back: status ended with exit code 1: no route/);
  }));

test("an agent that hangs is ended, and nothing is confirmed", () =>
  fencing({ off: "trap '' TERM; sleep 60", status: "sleep 60", timeout: 800 }, ({ ok, reason }) => {
    assert.equal(ok, false);
    assert.match(reason, /off was ended after|timed out|took longer/);
  }));

test("parameters that others may read, that are a link, or that name an action are refused", () => {
  const folder = mkdtempSync(join(tmpdir(), "fence-"));
  const path = join(folder, "parameters");
  const refusal = (): string => {
    const read = readParameters(path);
    return read.ok ? "read" : read.reason.replace(path, "");
  };
  try {
    assert.match(refusal(), /are not there/);
    writeFileSync(path, PARAMETERS, { mode: 0o600 });
    assert.equal(refusal(), "read");
    chmodSync(path, 0o640);
    assert.match(refusal(), /may be read by others/);
    chmodSync(path, 0o600);
    writeFileSync(path, "ip=1\naction=on\n");
    assert.match(refusal(), /names an action/);
    writeFileSync(path, "ip 10.9.9.9\n");
    assert.match(refusal(), /no key=value/);
    rmSync(path);
    symlinkSync("/etc/passwd", path);
    assert.match(refusal(), /cannot be opened/);
    assert.ok(existsSync(folder));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("whatever is named like a secret does not reach a message", () => {
  assert.equal(withoutSecrets("said abc and def to ghi", ["passwd=abc", "snmp_community=def", "ip=ghi"]), "said [secret] and [secret] to ghi");
});

test("a look switches nothing, and says what is in the way", async () => {
  for (const [status, said] of [["exit 0", /^$/], ["exit 2", /switched off$/], ["echo open sesame >&2; exit 1", /^(?!.*sesame).*ended with exit code 1/]] as const)
    await withFence({ off: "exit 9", status }, async (fence, folder) => {
      assert.match(await fence.look() ?? "", said);
      assert.doesNotMatch(readFileSync(join(folder, "said"), "utf8"), /action=off/);
    });
});

test("without FENCE_AGENT there is no fence", () => assert.equal(createFence(sampleConfig().nodes[0]), null));
