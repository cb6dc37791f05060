import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { readTimedatectl, readTracking, checkClock } from "../../../clusterd/timesync/clock-check.ts";
import { checkAndReport, lastClockReport } from "../../../clusterd/timesync/clock-report.ts";
import { askSntp } from "../../../clusterd/timesync/sntp.ts";

// Recorded from chrony 4.3: without a source, with `local stratum 10`, and following a server.
const UNSYNCHRONISED = "00000000,,0,0.000000000,0.000000000,0.000000000,0.000000000,0.000,0.000,0.000,1.000000000,1.000000000,0.0,Not synchronised\n";
const LOCAL = "7F7F0101,,10,1795235278.239331277,0.000000000,0.000000000,0.000000000,0.000,0.000,0.000,0.000000000,0.000000000,0.0,Normal\n";
const FOLLOWING = "7F000001,127.0.0.1,6,1795235425.592658581,-0.000001060,-0.000000284,0.000000895,-0.039,-0.005,0.505,0.000006433,0.000003328,1.0,Normal\n";
const MEASURED = 1_795_235_425_592;

test("chrony that follows a server is disciplined; a negative correction means that our clock is fast", () => {
  const verdict = readTracking(FOLLOWING, MEASURED + 1000)!;
  assert.ok(verdict.disciplined);
  assert.ok(Math.abs(verdict.offset! - -0.00106) < 1e-9);
  assert.equal(verdict.detail, "chrony follows 127.0.0.1 (stratum 6), right to 0.01 ms");
});

test("chrony that runs is not enough: without a source, alone, silent for a day or far off it is not disciplined", () => {
  const wrong: readonly [string, number, RegExp][] = [
    [UNSYNCHRONISED, MEASURED, /no source/],
    [LOCAL, MEASURED, /only its own clock/],
    [FOLLOWING, MEASURED + 25 * 3_600_000, /measured nothing for 25 h/],
    [FOLLOWING.replace("-0.000001060", "-3.5"), MEASURED, /may be wrong by 3\.5 s/],
    [FOLLOWING.replace("0.000003328", "2.0"), MEASURED, /may be wrong by 2 s/],
  ];
  for (const [line, now, why] of wrong) {
    const verdict = readTracking(line, now)!;
    assert.equal(verdict.disciplined, false, line);
    assert.equal(verdict.offset, null);
    assert.match(verdict.detail, why);
  }
});

test("anything else is no answer of chrony", () => {
  for (const line of ["", "506 Cannot talk to daemon", "a,b,c", FOLLOWING.replace("0.000006433", "soon")]) assert.equal(readTracking(line, MEASURED), null);
});

test("timedatectl says yes, no, or nothing", () => {
  assert.equal(readTimedatectl("NTPSynchronized=yes\n")?.disciplined, true);
  assert.equal(readTimedatectl("NTPSynchronized=no\n")?.disciplined, false);
  assert.equal(readTimedatectl("System has not been booted with systemd"), null);
});

interface FakeServer { readonly ahead?: number; readonly stratum?: number; readonly leap?: number; readonly tamper?: (answer: Buffer) => void; readonly silent?: boolean }

/** A small time server on loopback whose clock is `ahead` ms of ours. */
async function timeServer(t: TestContext, { ahead = 0, stratum = 2, leap = 0, tamper, silent = false }: FakeServer): Promise<number> {
  const socket = createSocket("udp4");
  t.after(() => { socket.close(); });
  socket.on("message", (question, { port, address }) => {
    if (silent) return;
    const answer = Buffer.alloc(48);
    answer[0] = (leap << 6) | 0x24;
    answer[1] = stratum;
    answer.write("RATE", 12);
    question.copy(answer, 24, 40, 48);
    const seconds = (Date.now() + ahead) / 1000 + 2_208_988_800;
    for (const at of [32, 40]) {
      answer.writeUInt32BE(Math.floor(seconds) % 2 ** 32, at);
      answer.writeUInt32BE(Math.floor((seconds % 1) * 2 ** 32), at + 4);
    }
    tamper?.(answer);
    socket.send(answer, port, address);
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return socket.address().port;
}

test("an SNTP question finds out how far our clock is off", async (t) => {
  for (const ahead of [0, 90_000, -7_200_000, 20 * 365 * 86_400_000]) {
    const answer = await askSntp("127.0.0.1", { port: await timeServer(t, { ahead }) });
    assert.ok(answer.ok, answer.ok ? "" : answer.reason);
    // Half the delay and the milliseconds of Date.now(), whatever the machine was busy with.
    assert.ok(Math.abs(answer.sample.offset - ahead) <= answer.sample.delay / 2 + 2, `${answer.sample.offset} for ${ahead}`);
  }
});

test("a server that refuses, is lost itself, is silent or answers somebody else's question is no help", async (t) => {
  const cases: readonly [FakeServer, RegExp][] = [
    [{ stratum: 0 }, /refuses to answer \(RATE\)/],
    [{ leap: 3 }, /not synchronised itself/],
    [{ stratum: 16 }, /not synchronised itself/],
    [{ silent: true }, /no answer within 300 ms/],
    [{ tamper: (answer) => { answer[24]! ^= 1; } }, /no answer within 300 ms/],
    [{ tamper: (answer) => { answer[0] = 0x23; } }, /no answer within 300 ms/],
  ];
  for (const [server, why] of cases) {
    const answer = await askSntp("127.0.0.1", { port: await timeServer(t, server), timeout: 300 });
    assert.ok(!answer.ok);
    assert.match(answer.reason, why);
  }
});

/** Programs of our own in front of the system's: no test may ask or set the clocks of the machine that it runs on. */
function programs(t: TestContext, scripts: Readonly<Record<string, string>>): string {
  const dir = mkdtempSync(join(tmpdir(), "clusterd-clock-"));
  for (const [name, body] of Object.entries(scripts)) writeFileSync(join(dir, name), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  const path = process.env["PATH"];
  process.env["PATH"] = `${dir}:${path}`;
  t.after(() => {
    process.env["PATH"] = path;
    rmSync(dir, { recursive: true });
  });
  return dir;
}
const NO_DAEMONS = { chronyc: "echo '506 Cannot talk to daemon'; exit 1", timedatectl: "echo 'no systemd' >&2; exit 1" };
const fresh = (): string => FOLLOWING.replace("1795235425.592658581", String(Date.now() / 1000)).trim();

test("chrony is asked first, then systemd, then the servers in turn", async (t) => {
  const dir = programs(t, { chronyc: `echo '${fresh()}'`, timedatectl: "echo NTPSynchronized=no" });
  assert.equal((await checkClock()).source, "chrony");
  writeFileSync(join(dir, "chronyc"), "#!/bin/sh\nexit 1\n");
  assert.deepEqual(await checkClock(), { disciplined: false, source: "timedatectl", offset: null, detail: "timedatectl says that the clock is not synchronised" });
  const [lost, good, wrong] = [await timeServer(t, { leap: 3 }), await timeServer(t, {}), await timeServer(t, { ahead: 90_000 })];
  const byServer = await checkClock({ servers: [`127.0.0.1:${lost}`, `127.0.0.1:${good}`] });
  assert.deepEqual([byServer.source, byServer.disciplined], ["sntp", true]);
  const byWrong = await checkClock({ servers: [`127.0.0.1:${wrong}`] });
  assert.equal(byWrong.disciplined, false);
  assert.match(byWrong.detail, /this clock is 1.5 min behind 127\.0\.0\.1:\d+ \(stratum 2\)/);
});

test("the answer is written down for status, and the hardware clock set only when it is good", async (t) => {
  const dir = programs(t, { chronyc: `echo '${fresh()}'`, hwclock: `echo "$*" >>"$(dirname "$0")/set"` });
  const report = join(dir, "state", "clock.json");
  const good = await checkAndReport({ report, setHardwareClock: true });
  assert.equal(good.exitCode, 0);
  assert.match(good.notes.join(), /hwclock --systohc succeeded/);
  assert.equal(readFileSync(join(dir, "set"), "utf8"), "--systohc\n");
  const { notes: _notes, exitCode: _exitCode, ...written } = good;
  assert.deepEqual(lastClockReport(report), written);
  assert.deepEqual(readdirSync(join(dir, "state")), ["clock.json"], "no draft is left");

  writeFileSync(join(dir, "chronyc"), `#!/bin/sh\necho '${UNSYNCHRONISED.trim()}'\n`);
  const bad = await checkAndReport({ report, setHardwareClock: true });
  assert.equal(bad.exitCode, 1);
  assert.match(bad.notes.join(), /hardware clock was left alone/);
  assert.equal(readFileSync(join(dir, "set"), "utf8"), "--systohc\n", "not set again");
  assert.equal(lastClockReport(report)?.disciplined, false);
});

test("when nobody can say, that is said, and is not the same as a bad clock", async (t) => {
  const dir = programs(t, NO_DAEMONS);
  const unknown = await checkAndReport({ report: join(dir, "clock.json") });
  assert.deepEqual([unknown.exitCode, unknown.source, unknown.offset], [3, "none", null]);
  assert.match(unknown.detail, /nobody could say: chronyc ended with exit code 1; timedatectl .*no systemd.*Install chrony/);
});

test("a dry run writes and sets nothing", async (t) => {
  const dir = programs(t, { chronyc: `echo '${fresh()}'`, hwclock: "touch \"$(dirname \"$0\")/set\"" });
  const report = join(dir, "clock.json");
  const dry = await checkAndReport({ report, setHardwareClock: true, dryRun: true });
  assert.deepEqual(dry.notes, ["would run: hwclock --systohc"]);
  assert.deepEqual([existsSync(report), existsSync(join(dir, "set")), lastClockReport(report)], [false, false, null]);
});
