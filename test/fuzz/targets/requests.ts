// What others may say to the programs: over the control socket, over ssh, and rsync's own output.

import assert from "node:assert/strict";
import { understand } from "../../../clusterd/commands/answer.ts";
import { readRequest } from "../../../clusterd/status/control.ts";
import { OutputReader, judgeExit } from "../../../mirror/rsync-outcome.ts";
import { parseRequest } from "../../../mirror/request.ts";
import { parseServerWords, serverArgs } from "../../../mirror/rsync-args.ts";
import type { Target } from "../target.ts";

const control: Target = {
  name: "control", what: "requests on the control socket", words: ["\"follow\":true", "\"ask\":\"command\"", "\"verb\":\"force-own\"", "\"verb\":\"constructor\"", "\"node\":null", "\"epoch\":1e999", "\"inSync\":true", "\"ask\":\"mirror-report\"", "\"__proto__\":{}"], largest: 65_000, inUnit: 3000,
  judge(input) {
    let value: unknown;
    try { value = JSON.parse(input.toString("utf8")); } catch { return; }
    const request = readRequest(value);
    if (typeof request === "string") return assert.ok(request.length > 10 && request.length < 500, request.slice(0, 200));
    // Nothing is in it that was not asked for, and every part is of its kind.
    const kinds: Readonly<Record<string, string>> = { ask: "string", verb: "string", identity: "string", job: "string", detail: "string", epoch: "number", inSync: "boolean", ok: "boolean", follow: "boolean" };
    for (const [key, part] of Object.entries(request)) assert.ok(key === "node" ? part === null || typeof part === "string" : typeof part === kinds[key], key);
  },
};

/** Every argument that rsync's receiving half may ever get. */
const ARGUMENT = /^(--server|-n?blHogD?tpAXrSe\.[A-Za-z]{0,20}|--log-format=%i|--timeout=60|--backup-dir|\/backups|--delete-delay|--max-delete=(-1|\d{1,9})|--fsync|--specials|--chmod=Fug-s|--filter=-x security\.capability|--stats|-@-1|--partial-dir|\/proc\/self\/cwd\/\.clusterd-partial|--numeric-ids|\.|\/tree\/)$/;

const forced: Target = {
  name: "forced", what: "the line that sshd gives to the forced commands", largest: 10_000, inUnit: 6000,
  words: ["clusterd-mirror", " v1 ", "push", "check", "commit", "--server", "--sender", "-e.LsfxCIvu", "--daemon", "--delete-delay", "--numeric-ids", "--log-file=/etc/x", " . entry", " . /etc", "..", "normal", "final", "recovery", ";id", "$(id)", "clusterd v1 handover serv1", "clusterd v1 status"],
  judge(input) {
    const line = input.toString("utf8");
    const question = understand(line);
    if (question !== null) assert.match(line, /^clusterd v1 (status|handover [A-Za-z0-9-]+)$/);
    const parsed = parseRequest(line);
    if (!parsed.ok) return assert.ok(parsed.because.length > 5 && parsed.because.length < 200);
    const { request } = parsed;
    assert.match(line, /^[\x21-\x7e]+( [\x21-\x7e]+)*$/);
    assert.match(request.job, /^[A-Za-z0-9][A-Za-z0-9._-]*$/);
    if (request.verb === "kept") return;
    assert.match(request.run, /^[0-9TZ.a-f-]+$/);
    if (request.verb === "fetch") return;
    assert.ok(Number.isSafeInteger(request.epoch) && request.epoch > 0);
    if (request.verb !== "push") return;
    const server = parseServerWords(request.server);
    if (!server.ok) return assert.ok(server.because.length > 5 && server.because.length < 200);
    for (const word of serverArgs(server.request, { path: "/tree/", kind: server.request.deletes ? "tree" : "file", backupDir: "/backups" })) assert.match(word, ARGUMENT);
  },
};

const rsyncOutput: Target = {
  name: "rsync-output", what: "what rsync prints, in pieces of any size", words: ["*deleting   ", "<f+++++++++ ", "<f.st...... ", "Number of files: 1,234 (reg: 1)\n", "Total transferred file size: 99 bytes\n", "\r  1,234  52%  1.2MB/s  0:00:03", "\\#012"], largest: 200_000, inUnit: 800,
  judge(input) {
    const text = input.toString("utf8");
    const whole = new OutputReader();
    whole.read(text);
    const counts = whole.end();
    const pieces = new OutputReader(({ percent, bytes }) => assert.ok(Number.isFinite(percent) && Number.isFinite(bytes)));
    const size = 1 + (input.length % 997);
    for (let at = 0; at < text.length; at += size) pieces.read(text.slice(at, at + size));
    assert.deepEqual(pieces.end(), counts, "the pieces in which it comes make a difference");
    for (const count of [counts.files, counts.transferred, counts.bytes]) assert.ok(Number.isFinite(count) && count >= 0);
    for (const code of [null, 0, 23, 255]) assert.equal(typeof judgeExit(code, text.split("\n").slice(-20)).kind, "string");
  },
};

export const REQUEST_TARGETS: readonly Target[] = [control, forced, rsyncOutput];
