// Fencing real nodes: the agent runs on a node as clusterd starts it, and the power switch behind it kills the other's pid 1.
//
// The frozen node is the case that nothing else solves: its kernel answers ARP, its daemon cannot let go, and it may thaw.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { changedSample } from "./configuration.ts";
import { PowerSwitch } from "./fence/power-switch.ts";
import { Lab } from "./lab.ts";
import { needsLab } from "./needs-lab.ts";
import { owners } from "./owners.ts";
import { now, until } from "./processes.ts";
import { identitiesOf, isHome } from "./story/state.ts";

const lab = new Lab(`fence-${process.pid}`);
const power = new PowerSwitch(lab, ["serv1", "serv2"]);
const home = async (): Promise<boolean> => isHome(await identitiesOf(lab));
const heldByServ2 = async (): Promise<boolean> => (await identitiesOf(lab)).serv2[0]?.role === "owner";
const history = (): Promise<string> => lab.exec("serv2", ["clusterd", "history", "--last", "60"], { reject: false });

/** serv1 comes back, is resynchronised, and gets its identity. */
async function backHome(): Promise<void> {
  if (!lab.isOn("serv1")) await lab.powerOn("serv1");
  await until("serv1 to be standby", 20_000, async () => (await identitiesOf(lab)).serv1[0]?.role === "standby");
  await until("failback", 30_000, async () => { await lab.exec("serv2", ["clusterd", "failback", "serv1"], { reject: false, timeout: 20_000 }); return home(); });
}

if (await needsLab(test)) {
  before(async () => {
    const fence = { FENCE_AGENT: "/usr/lib/clusterd/test/lab/fence/agent", FENCE_TIMEOUT: "4s" };
    const configuration = changedSample(lab, { "serv1.conf": fence, "serv2.conf": fence });
    const parameters = (plug: string): string => `plug=${plug}\npasswd=open-sesame\n`;
    await lab.up({ configuration, secrets: {
      serv1: { "var/lib/clusterd/keys/fence-serv2.conf": parameters("serv2") },
      serv2: { "var/lib/clusterd/keys/fence-serv1.conf": parameters("serv1") },
    } });
    power.start();
    await until("both identities to be at home", 30_000, home);
    for (const node of ["serv1", "serv2"]) await lab.exec(node, ["mirror", "run", "--all"], { timeout: 60_000 });
  });
  after(async () => {
    await power.stop();
    await lab.down();
  });

  test("a frozen owner is switched off for real before anything is taken over: no thaw can come", async () => {
    const since = now();
    await lab.freeze("serv1");
    await until("serv2 to own serv1's identity", 20_000, heldByServ2);
    assert.equal(lab.isOn("serv1"), false, "its pid 1 is dead");
    assert.equal(power.asked, 1);
    assert.equal((await owners(lab, since)).overlap_ms, 0);
    await lab.thaw("serv1");
    await backHome();
  });

  // What refuses or hangs confirms nothing either: test/clusterd/takeover/fence.test.ts has all manners.
  test("a power switch that says done while the power is on is not believed: nothing is taken over from a frozen owner", async () => {
    power.manner = "lies";
    await lab.freeze("serv1");
    await until("the fence to have failed", 45_000, async () => /the power is still on after 4 s/.test(await history()));
    assert.equal(await heldByServ2(), false);
    assert.equal(lab.isOn("serv1"), true);
    assert.doesNotMatch(await history(), /open-sesame/, "a password in a message");
  });

  test("a power cut that takes the switch with it: nobody confirms it, so nothing is taken over until a person does", async () => {
    power.manner = "dark";
    await lab.powerOff("serv1");
    await until("the fence to have failed", 45_000, async () => /its power cannot be read back/.test(await history()));
    assert.equal(await heldByServ2(), false);
    await lab.exec("serv2", ["clusterd", "confirm-dead", "serv1", "--yes-i-have-checked", "serv1"]);
    await until("serv2 to own serv1's identity", 10_000, heldByServ2);
  });
}
