// What a new configuration does to the services that are here, and not to those that have gone meanwhile.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { State } from "../../../clusterd/core/state.ts";
import { follow } from "../../../clusterd/services/follow.ts";
import type { Services, ServicesOutcome } from "../../../clusterd/services/services.ts";
import { sampleConfig } from "../takeover/sample.ts";

const outcome = (ok: boolean): ServicesOutcome => ({ ok, detail: "", each: [{ service: "www", ok, detail: "", took: 0 }] });

/** A reload on a node whose service www of identity 0 has failed; `meanwhile`: while it is looked at. What was started again. */
async function reload(meanwhile: (holding: { role: string; services: string }) => void): Promise<readonly string[]> {
  const holding = { role: "owner", services: "failed" };
  const started: string[] = [];
  const services: Services = {
    use: () => {}, follow: async () => null, start: async () => assert.fail("start"), stop: async () => assert.fail("stop"),
    check: async () => { meanwhile(holding); return outcome(false); },
    restart: async (_, service) => { started.push(service); return outcome(true); },
  };
  const state = (): State => ({ holdings: [holding, { role: "standby", services: "stopped" }], config: { hasServices: [true, true] } }) as unknown as State;
  await follow({ addresses: async () => null, services, state, stand: () => {}, tell: () => {} }, sampleConfig(), [0]);
  return started;
}

test("a reload starts anew what had failed", async () => {
  assert.deepEqual(await reload(() => {}), ["www"]);
});

test("a service whose identity was handed over while a reload asked how it is is not started here any more: it runs on the other node", async () => {
  assert.deepEqual(await reload((holding) => { Object.assign(holding, { role: "releasing", services: "stopping" }); }), []);
  assert.deepEqual(await reload((holding) => { Object.assign(holding, { role: "standby", services: "stopped" }); }), []);
});
