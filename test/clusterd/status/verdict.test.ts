import assert from "node:assert/strict";
import { test } from "node:test";
import type { NodeView } from "../../../clusterd/commands/look.ts";
import { verdict } from "../../../clusterd/status/verdict.ts";
import { checked, identity, status, summary } from "./sample.ts";

const view = (self: 0 | 1, ...changes: Parameters<typeof status> extends [unknown, (infer C)?] ? C[] : never): NodeView => ({ node: `serv${self + 1}`, status: status(self, ...changes) });
const gone = (node: string): NodeView => ({ node, unreachable: `${node}: no sshd answers` });
const core = (self: 0 | 1, changes: Parameters<typeof summary>[1]): Parameters<typeof status>[1] => ({ core: summary(self, changes) });
const silent = { state: "silent", heardAgo: 7000, sameConfiguration: true, maintenance: false } as const;
const bothHere = (changes: Parameters<typeof identity>[2] = {}) => [identity(0, 1, { role: "owner", owner: 1, services: "started", peerInSync: false, ...changes }), identity(1, 1)] as const;

const CASES: readonly (readonly [string, readonly NodeView[], string, RegExp, RegExp | null])[] = [
  ["a healthy pair", [view(0), view(1)], "ALL WELL", /both are at home/, null],
  ["the other's power is cut", [view(1, core(1, { peer: silent, identities: bothHere() })), gone("serv1")], "NOT REDUNDANT", /serv2 is alone: serv1 is silent/, /power, console, cables.*failback/],
  ["the other was stopped", [view(0, core(0, { peer: { ...silent, state: "left" } })), gone("serv2")], "NOT REDUNDANT", /clusterd was stopped on serv2/, /systemctl start clusterd/],
  ["two owners", [view(0), view(1, core(1, { identities: bothHere() }))], "NOT SERVED", /serv1 is held by both nodes/, /clusterd stop/],
  ["nobody", [0, 1].map((self) => view(self as 0 | 1, core(self as 0 | 1, { identities: [identity(0, self as 0 | 1, { role: "standby", owner: null, waitsFor: "a person: `clusterd force-own` decides" }), identity(1, self as 0 | 1)] }))),
    "NOT SERVED", /nobody holds serv1/, /waits for a person/],
  ["services that do not start", [view(0, core(0, { identities: [identity(0, 0, { services: "failed" }), identity(1, 0)] })), view(1)], "NOT SERVED", /services of serv1 failed to start on serv1/, /clusterd history.*clusterd reload/],
  ["a service that fails its checks", [view(0, { checks: [checked({ phase: "stuck" })] }), view(1)], "NOT SERVED", /www fails its checks/, /repair it/],
  ["a node that lost a tie", [view(0), view(1, core(1, { identities: [identity(0, 1, { locked: true }), identity(1, 1)] }))], "NOT REDUNDANT", /serv2 has lost a tie for serv1/, /clusterd clear serv1/],
  ["back, and not in sync yet", [view(1, core(1, { identities: bothHere() })), view(0, core(0, { identities: [identity(0, 0, { role: "standby", owner: 1, stale: true }), identity(1, 0)] }))], "NOT REDUNDANT", /lacks files of serv1/, /mirror watch/],
  ["what waiting does not mend", [view(1, { core: summary(1, { identities: bothHere() }), jobs: [{ job: "www", identity: "serv1", lastGood: null, lastRun: 1, lastResult: "refused: /srv/www/ is empty: `mirror mark www`" }] }), gone("serv1")], "NOT REDUNDANT", /lacks files of serv1/, /^www: refused: .*mirror mark www/],
  ["back, in sync, not at home", [view(1, core(1, { identities: bothHere({ peerInSync: true }) })), view(0, core(0, { identities: [identity(0, 0, { role: "standby", owner: 1 }), identity(1, 0)] }))], "SERVED", /serv1 is away, on serv2/, /clusterd failback serv1/],
  ["a node that is worked on", [view(0), view(1, { maintenance: { since: 0, until: null, why: "new disk", by: null } as never })], "NOT REDUNDANT", /serv2 takes nothing over: in maintenance.*new disk/, /clusterd undrain/],
  ["the reference hosts, which nobody has asked yet", [view(0, core(0, { references: { answered: 0, of: 3, majority: false, ago: null } })), view(1)], "ALL WELL", /both are at home/, null],
  ["a link is gone", [view(0, core(0, { problems: ["no heartbeats on the lan link"] })), view(1)], "SERVED", /no heartbeats on the lan link/, /preflight/],
  ["ssh is closed", [view(0), gone("serv2")], "SERVED", /serv2 cannot be asked, though it lives/, /preflight/],
];

for (const [name, views, state, says, next] of CASES)
  test(`verdict: ${name}`, () => {
    const said = verdict(views);
    assert.equal(said?.state, state);
    assert.match(said?.says ?? "", says);
    if (next === null) assert.equal(said?.next, null);
    else assert.match(said?.next ?? "", next);
  });

test("verdict: nobody answers", () => assert.equal(verdict([gone("serv1"), gone("serv2")]), null));
