// The three ways for real: a sendmail that writes down what it gets, a web server that does, and where the secret may not be.

import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

const folder = mkdtempSync(join(tmpdir(), "clusterd-ways-"));
process.env["CLUSTERD_STATE"] = folder;
const { mailText, webhookText } = await import("../../../clusterd/notify/message.ts");
const { createNotifier, deliver } = await import("../../../clusterd/notify/notifier.ts");
const { mailWay, readWebhook, webhookWay, WEBHOOK_FILE } = await import("../../../clusterd/notify/ways.ts");
const { post } = await import("../../../clusterd/notify/webhook.ts");
const { collect, leaks } = await import("../../../clusterd/support/collect.ts");

const FROM = { cluster: "sample", node: "serv2" };
const NOTICE = { event: "identity.owner", about: "serv1", because: "the identity is up; as the kernel confirms" };
const servers: Server[] = [];
after(() => { rmSync(folder, { recursive: true }); for (const server of servers) { server.close(); server.closeAllConnections(); } });

/** A real web server; `asked` is what it was told. */
async function server(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<{ readonly url: string; readonly asked: string[] }> {
  const asked: string[] = [];
  const made = createServer((request, response) => {
    let body = "";
    request.on("data", (data: Buffer) => { body += data.toString(); });
    request.on("end", () => { asked.push(body); answer(request, response); });
  });
  servers.push(made);
  await new Promise<void>((resolve) => made.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${(made.address() as AddressInfo).port}/hook/T0PSECRET-T0PSECRET`, asked };
}

function keepAddress(text: string, mode = 0o600): void {
  mkdirSync(join(folder, "keys"), { recursive: true, mode: 0o700 });
  writeFileSync(WEBHOOK_FILE, text);
  chmodSync(WEBHOOK_FILE, mode);
}

const bodyOf = (mail: string): string => Buffer.from(mail.slice(mail.indexOf("\n\n") + 2), "base64").toString("utf8");

test("a mail says in its subject what happened where, and its body survives any mail system", () => {
  const mail = mailText(FROM, ["root", "admin@example.net"], NOTICE, Date.UTC(2026, 10, 21, 4));
  assert.match(mail, /^From: clusterd on serv2 <root>\nTo: root, admin@example\.net\nSubject: \[sample\] serv2: identity\.owner serv1: the identity is up; as the kernel confirms\nDate: Sat, 21 Nov 2026 04:00:00 \+0000\nAuto-Submitted: auto-generated\n/);
  assert.match(bodyOf(mail), /^the identity is up\nas the kernel confirms\n\nevent {4}identity\.owner\nabout {4}serv1\n/);
});

test("what a program said cannot write headers; what is not ASCII is encoded", () => {
  const [head = ""] = mailText(FROM, ["root"], { ...NOTICE, because: "bad\r\nBcc: all@example.net\n\nhello" }, 0).split("\n\n");
  assert.doesNotMatch(head, /^Bcc/m);
  const subject = /^Subject: ((?:.*\n )*.*)$/m.exec(mailText(FROM, ["root"], { ...NOTICE, because: `Größe ${"ü".repeat(300)}` }, 0))?.[1] ?? "";
  assert.ok(subject.split("\n ").every((word) => /^=\?UTF-8\?B\?[A-Za-z0-9+/=]+\?=$/.test(word) && word.length <= 75), subject);
  assert.match(subject.split("\n ").map((word) => Buffer.from(word.slice(10, -2), "base64").toString()).join(""), /^\[sample\] serv2: identity\.owner serv1: Größe ü+ \.\.\.$/);
});

test("sendmail gets the addresses as words and the mail on its standard input", async () => {
  const program = join(folder, "sendmail");
  writeFileSync(program, `#!/bin/sh\n{ printf '<%s>' "$@"; echo; cat; } >${folder}/mail\n`, { mode: 0o755 });
  const ran = await deliver(mailWay(FROM, ["root"], program), NOTICE);
  assert.equal(ran.failure, null);
  const got = readFileSync(join(folder, "mail"), "utf8");
  assert.match(got, /^<-i><--><root>\nFrom: clusterd on serv2/);
  assert.match(bodyOf(got), /clusterd history/);
});

test("the webhook gets one JSON object by a process of its own", async () => {
  const { url, asked } = await server((_request, response) => { response.writeHead(204).end(); });
  keepAddress(`${url}\n`);
  const way = webhookWay(FROM);
  assert.equal((await deliver(way, NOTICE)).failure, null);
  const { at, ...rest } = JSON.parse(asked[0] ?? "") as { at: string };
  assert.deepEqual(rest, { version: 1, cluster: "sample", node: "serv2", ...NOTICE });
  assert.ok(Date.now() - Date.parse(at) < 60_000);
  assert.deepEqual((JSON.parse(webhookText(FROM, { ...NOTICE, about: "-" }, 0)) as { about: null }).about, null);
});

test("an address is in no log, whatever becomes of it: refused, redirected, unreachable, hanging, not trusted", async () => {
  const refusing = await server((_request, response) => { response.writeHead(403).end("no T0PSECRET-T0PSECRET here"); });
  keepAddress(refusing.url);
  const warned: string[] = [];
  const notifier = createNotifier([webhookWay(FROM)], { warn: (event, fields) => warned.push(`${event} ${JSON.stringify(fields)}`) });
  notifier.tell(NOTICE);
  await notifier.idle();
  assert.match(warned[0] ?? "", /notify\.failed.*the webhook was not told: HTTP 403/);
  assert.equal(refusing.asked.length, 1, "its own fault is not tried again");
  const moved = await server((_request, response) => { response.writeHead(307, { location: "http://127.0.0.1:1/T0PSECRET-T0PSECRET" }).end(); });
  const hanging = await server(() => undefined);
  const said = [
    await post(new URL(moved.url), "{}"), await post(new URL("http://127.0.0.1:1/T0PSECRET-T0PSECRET"), "{}"), await post(new URL(hanging.url), "{}", 50),
    await post(new URL((await server((_request, response) => { response.writeHead(503).end(); })).url), "{}"),
  ];
  assert.deepEqual(said, [{ reason: "HTTP 307", final: true }, said[1], { reason: "no answer within 50 ms", final: false }, { reason: "HTTP 503", final: false }]);
  assert.equal(said[1]?.final, false);
  for (const text of ["ftp://x/T0PSECRET-T0PSECRET", "T0PSECRET-T0PSECRET"]) { keepAddress(text); said.push({ reason: JSON.stringify(readWebhook()), final: true }); }
  keepAddress(refusing.url, 0o644);
  said.push({ reason: JSON.stringify(readWebhook()), final: true });
  assert.match(said.at(-1)?.reason ?? "", /mode 644, and the address in it is a secret: chmod 600/);
  assert.doesNotMatch(JSON.stringify([said, warned]), /T0PSECRET|127\.0\.0\.1/);
});

test("a support bundle holds no part of it", async () => {
  const { url } = await server((_request, response) => { response.end(); });
  keepAddress(url);
  const parts = await collect([{ path: "status.json", text: `somebody wrote ${url} into a reason` }]);
  assert.deepEqual(leaks(parts), []);
  assert.ok(parts.every(({ text }) => !text.includes("T0PSECRET")));
});
