import assert from "node:assert/strict";
import { test } from "node:test";
import { checkCommand } from "../../../clusterd/config/check-command.ts";
import { changed, folderOf, inFolder } from "./cases.ts";

const plain = folderOf(new Map());

test("a sound folder: exit code 0, one line; with show the effective configuration before it", () => {
  inFolder(plain, (etc) => {
    assert.deepEqual(checkCommand({ etc, self: "serv1" }), { exitCode: 0, out: `${etc}: sound\n` });
    assert.match(checkCommand({ etc, self: "serv1", show: true }).out, /^cluster test\n[^]*deadtime +300 ms[^]*: sound\n$/);
  });
});

test("problems: exit code 2, every one with file and line, and the count", () => {
  inFolder(folderOf(changed("serv1.conf", "MAIN_MACADDR", "MAIN_MACADR")), (etc) => {
    const { exitCode, out } = checkCommand({ etc, self: "serv1", show: true });
    assert.equal(exitCode, 2);
    assert.match(out, /^serv1\.conf:4: unknown key MAIN_MACADR\n {4}Did you mean MAIN_MACADDR\?$/m);
    assert.match(out, /: 2 problems: not usable\n$/);
  });
});

test("warnings alone do not fail", () => {
  inFolder(folderOf(changed("serv1.conf", "ADMIN_IPADDR=192.168.50.11\n", "")), (etc) => {
    const { exitCode, out } = checkCommand({ etc, self: "serv1" });
    assert.equal(exitCode, 0);
    assert.match(out, /^warning: serv1\.conf: no ADMIN_IPADDR[^]*sound, 1 warning\n$/);
  });
});

test("json says the same to programs", () => {
  inFolder(plain, (etc) => {
    const answer = JSON.parse(checkCommand({ etc, self: "serv1", json: true, show: true }).out);
    assert.deepEqual([answer.ok, answer.problems, answer.warnings, answer.config.cluster.name, answer.digest === answer.config.digest], [true, [], [], "test", true]);
    const { ok, problems } = JSON.parse(checkCommand({ etc, self: "nobody", json: true }).out);
    assert.deepEqual([ok, problems[0].file, problems[0].line], [false, "cluster.conf", 3]);
  });
});
