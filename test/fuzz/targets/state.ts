// What the programs left on disk for themselves: journal, restart state, keys, the mirror's reports.

import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadKey } from "../../../clusterd/heartbeat/key.ts";
import { readBundle } from "../../../clusterd/install/keys.ts";
import { decodeJournal, encodeSlot } from "../../../clusterd/journal.ts";
import { decodeState } from "../../../clusterd/restart.ts";
import { pinnedKeys } from "../../../clusterd/status/peer.ts";
import { beatOf } from "../../../clusterd/core/beat.ts";
import { lastClockReport } from "../../../clusterd/timesync/clock-report.ts";
import { readTracking } from "../../../clusterd/timesync/clock-check.ts";
import { next } from "../../../mirror/book.ts";
import { toReceived, toReport } from "../../../mirror/report.ts";
import { statusText } from "../../../mirror/text.ts";
import { fstabPoints, mountPoints, mountsOf, parseMarker, toKnown } from "../../../mirror/tree.ts";
import { corpusOf } from "../target.ts";
import type { Target } from "../target.ts";

let folder: string | null = null;
function file(name: string, input: Buffer): string {
  folder ??= mkdtempSync(join(tmpdir(), "clusterd-fuzz-state-"));
  const path = join(folder, name);
  writeFileSync(path, input, { mode: 0o600 });
  return path;
}
const close = (): void => { if (folder !== null) rmSync(folder, { recursive: true, force: true }); folder = null; };
const inWords = (reason: string): void => assert.ok(reason.length > 10 && reason.length < 1000, reason.slice(0, 200));

const journal: Target = {
  name: "journal", what: "the journal's two slots", words: ["{\"format\":1,", "\"identities\":[]", "\"epoch\":1e99", "\"owner\":null"], largest: 20_000, inUnit: 3000,
  judge(input) {
    const read = decodeJournal(input);
    if (!read.ok) return inWords(read.reason);
    // What was taken can be written again, and reads the same.
    const again = decodeJournal(Buffer.concat([encodeSlot(read.record, read.counter), Buffer.alloc(8192)]));
    assert.ok(again.ok && again.counter === read.counter);
    assert.deepEqual(again.record, read.record);
    for (const { epoch, owner } of read.record.identities) assert.ok(Number.isSafeInteger(epoch) && epoch >= 0 && [0, 1, null].includes(owner));
  },
};

const restart: Target = {
  name: "restart", what: "the state that a daemon leaves for the next one", words: [], largest: 50_000, inUnit: 2000,
  judge(input) {
    const state = decodeState(input);
    if (state === null) return;
    beatOf(state, state.seq, 0);
    assert.ok(corpusOf(restart).some((left) => left.input.equals(input)), "a state that no daemon has left");
  },
};

const keyFile: Target = {
  name: "key-file", what: "the heartbeat key's file", words: ["00", "ff", "\r\n", "\n", " "], largest: 4096, inUnit: 500,
  judge(input) {
    const path = file("key", input);
    const read = loadKey(path);
    if (!read.ok) return inWords(read.reason);
    assert.equal(read.key.length, 32);
    assert.ok(input.equals(read.key) || input.toString("latin1").toLowerCase().startsWith(read.key.toString("hex")));
    chmodSync(path, 0o640);
    assert.equal(loadKey(path).ok, false, "a key that others may read");
    chmodSync(path, 0o600);
  },
  close,
};

const bundle: Target = {
  name: "bundle", what: "the bundle of `clusterd keys export`", words: ["\"clusterd\":\"keys\"", "\"version\":1", "{\"toString\":1,\"valueOf\":1}", "\"hostKeys\":[]", "ssh-ed25519 ", "\\n", "command=\\\"id\\\" "], largest: 20_000, inUnit: 2000,
  judge(input) {
    const read = readBundle(input.toString("utf8"));
    if (!read.ok) return inWords(read.text);
    const { node, mirror, control, hostKeys, heartbeat } = read.bundle;
    assert.match(node, /^[A-Za-z0-9-]{1,63}$/);
    for (const key of [mirror, control, ...hostKeys]) assert.match(key, /^[a-z0-9-]+ [A-Za-z0-9+/=]+$/, "more than one key would stand in authorized_keys");
    assert.match(heartbeat, /^[0-9a-f]{64}$/);
  },
};

const knownHosts: Target = {
  name: "known-hosts", what: "the pinned host keys", words: ["serv2 ssh-ed25519 ", "serv2", " ", "\t", "\n"], largest: 100_000, inUnit: 1000,
  judge(input) {
    for (const { type, key } of pinnedKeys(file("known_hosts", input), "serv2")) assert.ok(type !== "" && Buffer.isBuffer(key));
  },
  close,
};

const json = (input: Buffer): unknown => { try { return JSON.parse(input.toString("utf8")); } catch { return undefined; } };

const report: Target = {
  name: "report", what: "the mirror's reports and its memory of trees", words: ["\"lastRun\":null", "\"version\":1", "\"ended\":1e400", "\"mounts\":[1]", "\"because\":{}", "\"keptFiles\":[null]", "\"__proto__\":{}"], largest: 50_000, inUnit: 2000,
  judge(input) {
    const value = json(input);
    const read = toReport(value);
    const received = toReceived(value);
    for (const tree of Object.values(toKnown(value))) assert.ok(typeof tree.id === "string" && tree.mounts.every((point) => typeof point === "string"));
    if (read !== null) assert.deepEqual(toReport(JSON.parse(JSON.stringify(read))), read);
    if (read?.lastRun != null) next(read, { report: read.lastRun, deletions: [], approvalHash: null });
    if (read !== null || received !== null) assert.equal(typeof statusText([{ job: "www", owner: "serv1", report: read, received, lastGood: read?.lastGood?.ended ?? received?.at ?? null, live: null }], 0), "string");
  },
};

const trees: Target = {
  name: "trees", what: "a tree's marker, mount table and fstab", words: ["job www\n", "id 0123456789abcdef\n", "\\040", "/srv/www", "\\777", "/ /srv ext4 rw"], largest: 100_000, inUnit: 1500,
  judge(input) {
    const text = input.toString("utf8");
    const marker = parseMarker(text);
    if (marker !== null) assert.match(marker.id, /^[0-9a-f]{16}$/);
    mountsOf("/srv/www/", mountPoints(text));
    for (const point of fstabPoints(text)) assert.ok(point.startsWith("/"));
  },
};

const clock: Target = {
  name: "clock", what: "what chronyc says, and the last check's file", words: ["7F7F0101", "Normal", ",", "NaN", "1e309", "\"checked\":1", "\"disciplined\":true"], largest: 20_000, inUnit: 1000,
  judge(input) {
    const verdict = readTracking(input.toString("utf8"), 1_795_235_300_000);
    if (verdict !== null) assert.ok(verdict.offset === null || Number.isFinite(verdict.offset), verdict.detail);
    const last = lastClockReport(file("clock.json", input));
    if (last !== null) assert.ok(Number.isFinite(last.checked) && readFileSync(join(folder as string, "clock.json")).equals(input));
  },
  close,
};

export const STATE_TARGETS: readonly Target[] = [journal, restart, keyFile, bundle, knownHosts, report, trees, clock];
