// A real third machine: the pair's witness on one of the reference hosts, and the partitions that reference hosts cannot judge.
//
// Every link between the nodes is cut, and both still reach the witness: with reference hosts both would be owned twice.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { isWitnessRecord, type WitnessRecord } from "../../clusterd/arbiter/witness-rules.ts";
import { readJournal } from "../../clusterd/journal.ts";
import { changedSample } from "./configuration.ts";
import { settle } from "./home.ts";
import { Lab } from "./lab.ts";
import { needsLab } from "./needs-lab.ts";
import { owners } from "./owners.ts";
import { now, until } from "./processes.ts";
import { identitiesOf, isHome } from "./story/state.ts";

const lab = new Lab(`witness-${process.pid}`);
const home = async (): Promise<boolean> => isHome(await identitiesOf(lab));
const roleAt = async (node: "serv1" | "serv2", identity: 0 | 1): Promise<string> => (await identitiesOf(lab))[node][identity]?.role ?? "off";
const epochAtWitness = (identity: 0 | 1): number => {
  const read = readJournal<WitnessRecord>(`${lab.folder}/witness-state`, isWitnessRecord);
  return read.ok ? read.record.identities[identity].epoch : 0;
};

async function part(): Promise<void> {
  await lab.cut("serv1", "serv2", "all");
  await lab.cut("serv2", "serv1", "all");
}

if (await needsLab(test)) {
  before(async () => {
    await lab.up({ configuration: changedSample(lab, { "cluster.conf": { witness: "192.168.50.253" } }) });
    await settle(lab);
    await until("the witness to have heard of it", 10_000, () => epochAtWitness(0) > 0 && epochAtWitness(1) > 0);
  });
  after(() => lab.down());

  test("all links between the nodes cut, both reach the witness: nothing moves, nobody speaks twice", async () => {
    const since = now();
    await part();
    await sleep(6000);
    assert.equal(await home(), true, "each owner renews its vote at the witness");
    await lab.mend();
    await sleep(1500);
    assert.equal(await home(), true);
    assert.equal((await owners(lab, since)).overlap_ms, 0);
  });

  test("a power cut: the witness's vote carries the takeover, and its file remembers the new owner", async () => {
    const since = now();
    const before = epochAtWitness(0);
    await lab.powerOff("serv1");
    await until("serv2 to own serv1's identity", 15_000, async () => await roleAt("serv2", 0) === "owner");
    assert.ok(epochAtWitness(0) > before && epochAtWitness(0) % 2 === 1, "the epoch's parity is serv2's");
    assert.equal((await owners(lab, since)).overlap_ms, 0);
  });

  test("who comes back alone with older data is refused by the witness, whatever it may reach", async () => {
    await part();
    await lab.powerOn("serv1");
    await sleep(8000);
    assert.notEqual(await roleAt("serv1", 0), "owner");
    assert.equal(await roleAt("serv2", 0), "owner");
    assert.match(await lab.exec("serv1", ["clusterd", "status", "--local"], { reject: false }), /witness +answers: the other node owned later/);
  });

  test("the witness dies while it is the only one left to renew, and comes back: all let go, then each identity has one owner, never two", async () => {
    await lab.mend();
    await until("both nodes to talk", 15_000, async () => await roleAt("serv1", 0) === "standby");
    const since = now();
    await part();
    await sleep(1500);
    await lab.stopWitness();
    await until("both to let go", 10_000, async () => await roleAt("serv2", 0) !== "owner" && await roleAt("serv2", 1) !== "owner");
    await lab.startWitness();
    const owned = async (): Promise<number> => Object.values(await identitiesOf(lab)).flat().filter(({ role }) => role === "owner").length;
    await until("both identities to be owned", 15_000, async () => await owned() === 2);
    assert.equal((await owners(lab, since)).overlap_ms, 0);
  });
}
