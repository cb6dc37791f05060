// failback = auto with the real daemons, mirror and services: home by itself after a power cut, and not after a switchover.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { changedSample } from "./configuration.ts";
import { goHome } from "./home.ts";
import { Lab } from "./lab.ts";
import { needsLab } from "./needs-lab.ts";
import { owners } from "./owners.ts";
import { now, until } from "./processes.ts";
import { identitiesOf, isHome } from "./story/state.ts";

const lab = new Lab(`failback-${process.pid}`);
const history = (node: string): Promise<string> => lab.exec(node, ["clusterd", "history"]);
const inSync = async (): Promise<boolean> => {
  const { serv1, serv2 } = await identitiesOf(lab);
  return serv1[0]?.peerInSync === true && serv2[1]?.peerInSync === true;
};

if (await needsLab(test)) {
  before(async () => {
    await lab.up({ configuration: changedSample(lab, { "cluster.conf": { failback: "auto", failback_delay: "4s" } }) });
    await goHome(lab);
    await until("the mirror to have brought both up to date", 60_000, inSync);
    await sleep(3000); // initdead
  });
  after(() => lab.down());

  test("serv1 returns from a power cut and gets its identity without a word, with what was written meanwhile", { timeout: 120_000 }, async () => {
    const since = now();
    await lab.powerOff("serv1");
    await until("serv2 to stand in", 10_000, async () => (await identitiesOf(lab)).serv2.every(({ role, services }) => role === "owner" && services !== "starting"));
    await lab.exec("serv2", ["sh", "-c", "echo written-while-away >/srv/www/new.html"]);
    await lab.powerOn("serv1");
    await until("serv2 to say what it waits for", 60_000, async () => (await identitiesOf(lab)).serv2[0]?.waitsFor === "failback_delay before it goes home by itself");
    await until("both to be at home", 60_000, async () => isHome(await identitiesOf(lab)));
    assert.match(await history("serv2"), /identity\.freezing serv1: failback = auto: its home has been well for failback_delay/);
    assert.equal(await lab.exec("serv1", ["cat", "/srv/www/new.html"]), "written-while-away");
    assert.equal((await owners(lab, since)).overlap_ms, 0);
  });

  test("what a person moved stays, although its home is well and in sync", { timeout: 90_000 }, async () => {
    await until("both in sync", 60_000, inSync);
    await lab.exec("serv1", ["clusterd", "switchover"], { timeout: 30_000 });
    await lab.exec("serv2", ["mirror", "run", "--all"], { timeout: 60_000, reject: false });
    await sleep(8000);
    const { serv2 } = await identitiesOf(lab);
    assert.equal(serv2[0]?.role, "owner");
    assert.match(serv2[0]?.waitsFor ?? "", /a person moved it here/);
    await goHome(lab);
  });
}
