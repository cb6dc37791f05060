import assert from "node:assert/strict";
import { test } from "node:test";
import type { NodeView } from "../../../clusterd/commands/look.ts";
import type { NodeStatus } from "../../../clusterd/status/control.ts";
import { nagios } from "../../../clusterd/status/nagios.ts";
import { NOW, checked, identity, status, summary } from "./sample.ts";

const view = (of: NodeStatus): NodeView => ({ node: of.node, status: of });
const both = (own: NodeStatus = status(0), peer: NodeStatus = status(1)): ReturnType<typeof nagios> => nagios(view(own), view(peer));

test("a sound pair is OK, and says who holds what", () => {
  assert.deepEqual(both(), { code: 0, line: "CLUSTERD OK - serv1 on serv1, serv2 on serv2 | links=2;;;0;2 references=3;;;0;3 offset=0.000400s jobs_failed=0 mirror_age=0s" });
});

test("what makes it a warning, and what is critical", () => {
  const job = { job: "www", identity: "serv1", lastGood: NOW - 90_000, lastRun: NOW - 90_000, lastResult: "rsync ended with 23" };
  const away = summary(1, { identities: [identity(0, 1, { role: "owner", owner: 1, peerInSync: true }), identity(1, 1)] });
  const cases: readonly (readonly [name: string, verdict: ReturnType<typeof nagios>, code: number, text: RegExp])[] = [
    ["not running", nagios({ node: "serv1", unreachable: "clusterd is not running here" }, view(status(1))), 2, /^CLUSTERD CRITICAL - clusterd is not running here$/],
    ["nobody holds serv1", both(status(0, { core: summary(0, { identities: [identity(0, 0, { role: "standby" }), identity(1, 0)] }) })), 2, /CRITICAL - nobody holds serv1 \|/],
    ["held by both", both(status(0), status(1, { core: away })), 2, /CRITICAL - serv1 is held by both nodes/],
    ["services failed", both(status(0, { core: summary(0, { identities: [identity(0, 0, { services: "failed" }), identity(1, 0)] }) })), 2, /CRITICAL - services of serv1 failed to start on serv1/],
    ["peer cannot be asked", nagios(view(status(0)), { node: "serv2", unreachable: "no sshd" }), 1, /WARNING - serv2 cannot be asked/],
    ["peer dead, its identity here", nagios(view(status(0, { core: summary(0, { peer: { state: "silent", heardAgo: 9e5, sameConfiguration: null, maintenance: false }, problems: ["the peer is silent"], identities: [identity(0, 0), identity(1, 0, { role: "owner", owner: 0 })] }) })), null), 1, /WARNING - .*the peer is silent/],
    ["peer silent, its identity nowhere", nagios(view(status(0, { core: summary(0, { peer: { state: "silent", heardAgo: 9e5, sameConfiguration: null, maintenance: false }, problems: ["the peer is silent"] }) })), null), 2, /CRITICAL - nobody holds serv2/],
    ["a reference host that is away", both(status(0, { core: summary(0, { references: { answered: 2, of: 3, majority: true, ago: 100 } }) })), 1, /WARNING - serv1: only 2 of 3 reference hosts answer.* name another/],
    ["no majority", both(status(0, { core: summary(0, { references: { answered: 1, of: 3, majority: false, ago: 100 } }) })), 1, /WARNING - serv1: 1 of 3 reference hosts answer/],
    ["a service passes its checks", both(status(0, { checks: [checked()] })), 0, /OK/],
    ["a service fails its checks", both(status(0, { checks: [checked({ checks: [{ check: "tcp 10.0.0.1:25", state: "failing", ok: false, row: 3, said: "nobody listens there" }] })] })), 2, /CRITICAL - serv1: www fails its checks: nobody listens there/],
    ["never mirrored", both(status(0, { jobs: [{ ...job, lastGood: null }] })), 1, /WARNING - www was never mirrored/],
    ["last run failed", both(status(0, { jobs: [{ ...job, lastRun: NOW }] })), 1, /WARNING - www: rsync ended with 23/],
    ["a job of the other node's identity is the other node's matter", both(status(1), status(0, { jobs: [job] })), 0, /mirror_age=90s$/],
    ["a reason cannot forge figures or lines", both(status(0, { core: summary(0, { problems: ["bad | links=9\nOK"] }) })), 1, /^CLUSTERD WARNING - serv1: bad {3}links=9 OK \| links=2;;;0;2 .*$/],
  ];
  for (const [name, { code, line }, wanted, text] of cases) {
    assert.equal(code, wanted, `${name}: ${line}`);
    assert.match(line, text, name);
  }
});

test("an identity that is away, and safe there, is OK and said", () => {
  const here = summary(0, { identities: [identity(0, 0), identity(1, 0, { role: "owner", owner: 0, peerInSync: true })] });
  const there = summary(1, { identities: [identity(0, 1), identity(1, 1, { role: "standby", owner: 0 })] });
  const { code, line } = both(status(0, { core: here }), status(1, { core: there }));
  assert.equal(code, 0, line);
  assert.match(line, /serv2 on serv1 \(away\)/);
});
