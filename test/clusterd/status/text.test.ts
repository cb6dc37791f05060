import assert from "node:assert/strict";
import { test } from "node:test";
import { historyText, statusText } from "../../../clusterd/status/text.ts";
import { NOW, checked, identity, status, summary } from "./sample.ts";

const options = { now: NOW, colour: false, zone: "UTC" };
const line = (text: string, start: string): string => text.split("\n").find((one) => one.trimStart().startsWith(start)) ?? "";

test("a healthy pair: who holds what, since when and why, with nothing red", () => {
  const text = statusText([{ node: "serv1", status: status(0) }, { node: "serv2", status: status(1) }], options);
  assert.deepEqual(text.split("\n").slice(0, 7), [
    "cluster sample, balanced profile, 2026-11-21 04:00:00",
    "",
    "ALL WELL: both are at home, each has the other's files, and the next fault is survived",
    "",
    "IDENTITY  HELD BY  SINCE                            BECAUSE",
    "serv1     serv1    2026-11-21 03:50:00, 10 min ago  both nodes hear each other: the identity goes home",
    "serv2     serv2    2026-11-21 03:50:00, 10 min ago  both nodes hear each other: the identity goes home",
  ]);
  assert.match(text, /^ {2}peer +serv2 alive, heard 12 ms ago$/m);
  assert.match(text, /^ {2}references +3 of 3 answer, asked 400 ms ago$/m);
  assert.match(text, /^ {2}offset +serv2's clock is 0.4 ms ahead$/m);
  assert.match(text, /^ {2}serv1 +owner, epoch 2, services started, lease 412 ms, peer in sync$/m);
  assert.doesNotMatch(text, /problem|nobody|MISSING/);
});

test("an identity that is away is told by the node that holds it", () => {
  const why = "the peer is silent on every link: claim aloud";
  const away = status(1, { core: summary(1, { identities: [identity(0, 1, { role: "owner", owner: 1, because: why }), identity(1, 1)] }) });
  const back = status(0, { core: summary(0, { identities: [identity(0, 0, { role: "standby", owner: 1, because: "the peer knows a newer epoch" }), identity(1, 0)] }) });
  const text = statusText([{ node: "serv1", status: back }, { node: "serv2", status: away }], options);
  assert.match(line(text, "serv1 "), /serv2 \(away\).*claim aloud$/);
});

test("why an owner owns is what began its takeover, not the last step of it", () => {
  const steps = [["releasing", "an older story"], ["standby", "the peer owns it now"], ["claiming", "the peer is silent: claim aloud"], ["acquiring", "the claim is complete"], ["raising", "the epoch is on disk"], ["owner", "it is up"], ["services-started", "1 service"]];
  const history = steps.map(([event, because]) => ({ wall: NOW, level: "info", event: `identity.${event}`, identity: "serv1", because: because ?? "" }));
  const text = (of: typeof history): string => line(statusText([{ node: "serv1", status: status(0, { history: of }) }], options), "serv1 ");
  assert.match(text(history), /the peer is silent: claim aloud$/);
  assert.match(text(history.slice(-2)), /the identity goes home$/, "as the daemon says it, when the beginning is forgotten");
});

test("two holders are shouted, not averaged", () => {
  const both = [0, 1].map((self) => ({ node: `serv${self + 1}`, status: status(self as 0 | 1, { core: summary(self as 0 | 1, { identities: [identity(0, 0), identity(1, 1)] }) }) }));
  assert.match(line(statusText(both, options), "serv1 "), /serv1 AND serv2!/);
});

test("nobody holds what two standbys know no owner of, and what is waited for is said", () => {
  const waiting = (self: 0 | 1) => status(self, { core: summary(self, { identities: [identity(0, self, { role: "waiting", owner: null, waitsFor: "to hear the peer" }), identity(1, self)] }) });
  const text = statusText([{ node: "serv1", status: waiting(0) }, { node: "serv2", status: waiting(1) }], options);
  assert.match(line(text, "serv1 "), /nobody/);
  assert.match(text, /waits for +to hear the peer \(serv1\)/);
});

test("a node that does not answer is named with its reason, and what the other knows is marked as hearsay", () => {
  const text = statusText([{ node: "serv1", status: status(0) }, { node: "serv2", unreachable: "serv2: no sshd answers" }], options);
  assert.match(text, /^serv2: not reachable\n {2}serv2: no sshd answers$/m);
  assert.match(line(text, "serv2 "), /serv2, as far as serv1 knows/);
});

test("each job appears once, with the newest good run of both nodes and its age", () => {
  const run = { job: "www", identity: "serv1", lastRun: NOW - 60_000, lastResult: "unreachable: no link", lastGood: NOW - 360_000 };
  const received = { job: "www", identity: "", lastRun: null, lastResult: null, lastGood: NOW - 300_000 };
  const text = statusText([{ node: "serv1", status: status(0, { jobs: [run] }) }, { node: "serv2", status: status(1, { jobs: [received] }) }], options);
  assert.match(line(text, "www"), /^www {2}serv1 {5}5 min ago {6}unreachable: no link$/);
});

test("problems, a refused configuration and a missing dead-man stand out", () => {
  const ill = status(0, { core: summary(0, { problems: ["no carrier on the main NIC"] }), guards: { deadman: false, kernelLease: false, watchdog: false }, configuration: { digest: "abc", loaded: NOW, problem: "cluster.conf:3: unknown key" } });
  const text = statusText([{ node: "serv1", status: ill }], options);
  assert.match(text, /problem +no carrier on the main NIC/);
  assert.match(text, /problem +new configuration refused: cluster.conf:3: unknown key/);
  assert.match(text, /dead-man MISSING; kernel lease off; watchdog NOT HELD/);
});

test("colours are used when wanted, and never change the words", () => {
  const views = [{ node: "serv1", status: status(0) }, { node: "serv2", unreachable: "gone" }];
  const [plain, coloured] = [statusText(views, options), statusText(views, { ...options, colour: true })];
  assert.notEqual(coloured, plain);
  assert.equal(coloured.replace(/\x1b\[\d+m/g, ""), plain);
});

test("what a program said cannot move the reader's cursor", () => {
  const nasty = "\x1b[2Jgone\x07\nserv2 AND";
  const text = statusText([{ node: "serv1", status: status(0, { core: summary(0, { identities: [identity(0, 0, { because: nasty }), identity(1, 0)] }), jobs: [{ job: "www", identity: "serv1", lastGood: null, lastRun: null, lastResult: nasty }] }) }], options);
  assert.doesNotMatch(text, /[\x00-\x09\x0b-\x1f\x7f]/);
});

test("the history has one line for each decision, with its reason", () => {
  const text = historyText([{ wall: NOW, level: "alarm", event: "takeover", identity: "serv1", because: "the peer is dead" }, { wall: NOW, level: "info", event: "started", identity: null, because: "clean start" }], options);
  assert.equal(text, "2026-11-21 04:00:00  takeover serv1: the peer is dead\n2026-11-21 04:00:00  started: clean start");
  assert.equal(historyText([], options), "nothing has been decided yet");
});

test("each checked service has a line: its checks, what they said last, and when it is tried again", () => {
  const failing = checked({ service: "mail", phase: "stuck", restarts: 2, retryIn: 42_000, checks: [{ check: "tcp 10.0.0.1:25 expect ^220", state: "failing", ok: false, row: 3, said: "nothing was said within 5 s" }] });
  const text = statusText([{ node: "serv1", status: status(0, { checks: [checked(), failing] }) }], options);
  assert.match(text, /^ {2}check www +well; http 192\.168\.50\.101:80\/ status 200: passing \(812 times status 200\)$/m);
  assert.match(text, /^ {2}check mail +STUCK, next try in 42 s; started anew 2 times of late; tcp 10\.0\.0\.1:25 expect \^220: failing \(3 times nothing was said within 5 s\)$/m);
});
