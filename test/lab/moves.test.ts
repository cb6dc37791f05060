// Planned work on real nodes: maintenance, drain and its way back. One lab for all.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { goHome } from "./faults.ts";
import { Lab } from "./lab.ts";
import { needsLab } from "./needs-lab.ts";
import { owners } from "./owners.ts";
import { until } from "./processes.ts";
import { identitiesOf, isHome } from "./story/state.ts";

const lab = new Lab(`moves-${process.pid}`);
const now = (): number => Number(process.hrtime.bigint()) / 1e6;
const clusterd = (node: string, ...words: string[]): Promise<string> => lab.exec(node, ["clusterd", ...words], { timeout: 120_000, reject: false });
const roles = async (node: "serv1" | "serv2"): Promise<string> => (await identitiesOf(lab))[node].map(({ role }) => role).join(" ");

if (needsLab(test)) {
  before(async () => {
    await lab.up();
    await goHome(lab);
  });
  after(() => lab.down());

  test("a drained node holds nothing, keeps that over a restart of its daemon, takes nothing over, and comes back by a person's word", { timeout: 180_000 }, async () => {
    const since = now();
    await until("the mirror to have made the first copy", 60_000, async () => (await identitiesOf(lab)).serv1[0]?.peerInSync === true);
    const dry = await clusterd("serv1", "drain", "--dry-run");
    assert.match(dry, /serv1 would be asked to hand serv1 over to serv2\n {2}1\. serv1 stops .*\n {2}2\. serv1 mirrors once more: [^]*on eth2[^]*expected: [^]*Nothing was done\./);
    assert.match(await clusterd("serv1", "drain", "--for", "1h", "--why", "new disk"), /takes nothing over for 1 h: new disk\nserv1 is with serv2 now \(\d+ ms\)/);
    assert.equal(await roles("serv1"), "standby standby");

    assert.match(await clusterd("serv2", "status"), /peer {8}serv1 alive, .*in maintenance[^]*problem {5}the peer is in maintenance/);
    assert.match(await clusterd("serv2", "status", "--nagios"), /WARNING - .*serv1: in maintenance for another (1 h|60 min|59 min), begun .* ago: new disk/);
    assert.match(await clusterd("serv1", "preflight", "--quiet"), /serv1: maintenance: in maintenance .*new disk[^]*clusterd maintenance off/);
    assert.match(await clusterd("serv2", "switchover", "serv1"), /serv2: no handover: the peer is in maintenance/);

    await clusterd("serv1", "restart");
    assert.match(await clusterd("serv1", "maintenance", "status"), /serv1: in maintenance for another .*: new disk/);
    await lab.powerOff("serv2");
    await until("serv1 to say why it takes nothing over", 30_000, async () => /no takeover: this node is in maintenance/.test(await clusterd("serv1", "history")));
    assert.equal(await roles("serv1"), "standby standby");
    await clusterd("serv1", "undrain");
    await until("serv1 to take over once it may", 30_000, async () => (await roles("serv1")) === "owner owner");
    await lab.powerOn("serv2");
    await goHome(lab);
    assert.equal((await owners(lab, since)).overlap_ms, 0);
  });

  test("maintenance ends by itself at its time, with a notice, and the next plan knows how long a move takes", { timeout: 90_000 }, async () => {
    await clusterd("serv1", "maintenance", "on", "--for", "3s", "--why", "a look inside");
    assert.ok(isHome(await identitiesOf(lab)));
    await until("its time to be over", 30_000, async () => /the time of the maintenance is over \(a look inside\)/.test(await clusterd("serv1", "history")));
    await until("serv2 to know", 10_000, async () => /the peer's maintenance is over/.test(await clusterd("serv2", "history")));
    assert.match(await clusterd("serv1", "switchover", "--dry-run"), /expected: about .*, as the last time/);
  });
}
