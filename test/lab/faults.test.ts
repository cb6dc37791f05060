// Each fault once, with the real daemons at the default profile: never two owners, and everything at home in the end.
// Times are the benchmark's business; here a generous bound catches what does not recover at all.

import assert from "node:assert/strict";
import { after, beforeEach, test } from "node:test";

import { FAULTS, FAULT_NAMES, freshPair, measure } from "./faults.ts";
import { Lab } from "./lab.ts";
import { needsLab } from "./needs-lab.ts";

const lab = new Lab(`faults-${process.pid}`);

if (await needsLab(test, { alone: true })) {
  // A pair that one fault has left in disorder must not fail the others too.
  let atHome = false;
  beforeEach(async () => {
    if (!atHome) await freshPair(lab);
    atHome = false;
  });
  after(() => lab.down());

  for (const name of FAULT_NAMES) {
    test(`${FAULTS[name].what}: never two owners, and home again`, { timeout: 120_000 }, async (context) => {
      const measured = await measure(lab, name);
      atHome = true;
      context.diagnostic(`gap ${measured.gap_ms} ms, frozen ARP ${measured.gap_frozen_arp_ms} ms, failback ${measured.failback_gap_ms} ms`);
      assert.equal(measured.two_owners_ms, 0, JSON.stringify(measured.owners));
      assert.equal(measured.moved, FAULTS[name].moves, "whether serv2 took over");
      assert.ok(measured.gap_ms < 3000 && measured.gap_frozen_arp_ms < 3000);
    });
  }
}
