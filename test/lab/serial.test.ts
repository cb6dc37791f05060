// The serial line with the real daemons: with both other links cut it keeps the two in contact, so nothing moves; when a
// LAN is gone for good the identity is handed over on it; noise and a cut line are told and change nothing else.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import type { NodeStatus } from "../../clusterd/status/control.ts";
import { changedSample } from "./configuration.ts";
import { goHome, statusOfBoth } from "./home.ts";
import { Lab } from "./lab.ts";
import { needsLab } from "./needs-lab.ts";
import { owners } from "./owners.ts";
import { now, until } from "./processes.ts";
import { identitiesOf, isHome } from "./story/state.ts";

const lab = new Lab(`serial-${process.pid}`);
async function statusOf(node: string): Promise<NodeStatus> {
  const status = (await statusOfBoth(lab)).find((each) => each?.node === node);
  assert.ok(status != null, `the daemon of ${node} does not answer`);
  return status;
}

const linksOf = ({ core }: NodeStatus): Record<string, string> => Object.fromEntries(core.links.map(({ link, state }) => [link, state]));
const links = async (node: string): Promise<Record<string, string>> => linksOf(await statusOf(node));
const whole = { private: "on-time", lan: "on-time", serial: "on-time" };
/** Late for a moment is a busy machine's, silent is a link's. */
const carries = (state: string | undefined): boolean => state === "on-time" || state === "late";

const parted = async (): Promise<void> => {
  await lab.cut("serv1", "serv2", "all");
  await lab.cut("serv2", "serv1", "all");
};

const decided = async (node: string): Promise<string> => lab.exec(node, ["clusterd", "history"]);

if (await needsLab(test)) {
  before(async () => {
    await lab.up({ configuration: changedSample(lab, { "serv1.conf": { SERIAL_DEVICE: "/dev/ttyS0" }, "serv2.conf": { SERIAL_DEVICE: "/dev/ttyS1" } }) });
    await goHome(lab);
    await until("the mirror to have brought both up to date", 60_000, async () => {
      const { serv1, serv2 } = await identitiesOf(lab);
      return serv1[0]?.peerInSync === true && serv2[1]?.peerInSync === true;
    });
  });
  after(() => lab.down());

  test("all three links carry, and status shows each", { timeout: 60_000 }, async () => {
    for (const node of ["serv1", "serv2"]) await until(`three links at ${node}`, 10_000, async () => Object.values(await links(node)).filter(carries).length === 3);
    assert.match(await lab.exec("serv1", ["clusterd", "status"]), /links +private [a-z-]+.*; lan [a-z-]+.*; serial [a-z-]+/);
  });

  test("LAN and private cable both cut: still in contact, so nobody claims and nothing moves", { timeout: 60_000 }, async () => {
    const since = now();
    const before = [await decided("serv1"), await decided("serv2")];
    await parted();
    await sleep(5000);
    for (const node of ["serv1", "serv2"]) {
      const status = await statusOf(node);
      assert.deepEqual(linksOf(status), { private: "silent", lan: "silent", serial: status.core.links[2]?.state });
      assert.ok(carries(linksOf(status).serial), JSON.stringify(status.core.links));
      assert.ok(["alive", "late"].includes(status.core.peer.state));
    }
    assert.ok(isHome(await identitiesOf(lab)));
    await lab.mend();
    for (const [at, node] of ["serv1", "serv2"].entries()) {
      await until(`three links at ${node}`, 10_000, async () => Object.values(await links(node)).filter(carries).length === 3);
      const said = (await decided(node)).replace(before[at]!, "");
      assert.doesNotMatch(said, /identity\.(claiming|acquiring|releasing)/, said);
    }
    assert.equal((await owners(lab, since)).overlap_ms, 0);
  });

  test("a line that is cut, or full of noise, is told and nothing else; it works again by itself", { timeout: 60_000 }, async () => {
    for (const mode of ["cut", "noise=0.05", "stuck"]) {
      lab.setSerialLine(mode);
      await until(`serv1 to miss the line (${mode})`, 10_000, async () => (await links("serv1")).serial === "silent");
      assert.ok((await statusOf("serv1")).core.problems.includes("no heartbeats on the serial link"));
      assert.ok(isHome(await identitiesOf(lab)));
      lab.setSerialLine("");
      await until(`the line to be well again after ${mode}`, 10_000, async () => carries((await links("serv1")).serial) && carries((await links("serv2")).serial));
    }
    assert.ok(isHome(await identitiesOf(lab)));
  });

  test("only the line is left and the owner's LAN cable is pulled: handed over on it at once, never two owners", { timeout: 90_000 }, async () => {
    const since = now();
    await parted();
    await until("the line to be the last link", 10_000, async () => (await links("serv1")).lan === "silent" && (await links("serv1")).private === "silent");
    await lab.unplug("serv1", "eth0");
    await until("serv2 to own both", 20_000, async () => (await identitiesOf(lab)).serv2.every(({ role }) => role === "owner"));
    assert.match(await decided("serv1"), /identity\.releasing serv1: our LAN is gone and the peer still sees it/);
    assert.doesNotMatch((await decided("serv2")).split("\n").slice(-12).join("\n"), /identity\.claiming/);
    assert.equal((await owners(lab, since)).overlap_ms, 0);
    await lab.mend();
    await goHome(lab);
    assert.deepEqual(Object.keys(await links("serv1")), Object.keys(whole));
  });
}
