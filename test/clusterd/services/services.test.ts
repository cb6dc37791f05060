import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Log } from "../../../clusterd/base/log.ts";
import type { Action, Config, NodeConfig, ServiceConfig } from "../../../clusterd/config/config.ts";
import { UNCHECKED } from "../takeover/sample.ts";
import type { State } from "../../../clusterd/core/state.ts";
import { follow } from "../../../clusterd/services/follow.ts";
import { createServices, type Services } from "../../../clusterd/services/services.ts";

const quiet = { debug() {}, info() {}, warn() {}, error() {}, alarm() {}, say() {}, flush: async () => {} } as Log;

interface Scene {
  readonly dir: string;
  services(...services: readonly ServiceConfig[]): Services;
  /** An init script; its words are written to the story, then `body` runs with $verb. */
  script(name: string, body?: string): string;
  /** What was called, in order. */
  story(): readonly string[];
  /** Process ids that scripts wrote into a file, one a line. */
  pids(file: string): readonly number[];
}

function scene(t: TestContext): Scene {
  const dir = mkdtempSync(join(tmpdir(), "clusterd-services-"));
  const pids = (file: string): readonly number[] => existsSync(join(dir, file)) ? readFileSync(join(dir, file), "utf8").trim().split("\n").map(Number) : [];
  t.after(() => {
    for (const pid of pids("left").filter(lives)) process.kill(pid, "SIGKILL");
    rmSync(dir, { recursive: true });
  });
  for (const folder of ["init.d", "resource.d", "bin"]) mkdirSync(join(dir, folder));
  return {
    dir,
    pids,
    story: () => existsSync(join(dir, "story")) ? readFileSync(join(dir, "story"), "utf8").trim().split("\n") : [],
    script: (name, body = "") => {
      const path = join(dir, name);
      writeFileSync(path, `#!/bin/sh\ncd ${dir}\necho "${name.split("/").at(-1)} $*" >>story\nfor verb; do :; done\n${body}\n`, { mode: 0o755 });
      return path;
    },
    services: (...services) => createServices(
      { services, nodes: [{ name: "serv1" } as NodeConfig, { name: "serv2" } as NodeConfig] } satisfies Pick<Config, "services" | "nodes">,
      quiet,
      { path: `${join(dir, "bin")}:/usr/bin:/bin`, initFolders: [join(dir, "init.d"), join(dir, "resource.d")], outputs: join(dir, "outputs"), grace: 300 },
    ),
  };
}

const service = (name: string, action: Action | null, change: Partial<ServiceConfig> = {}): ServiceConfig =>
  ({ name, home: 0, order: 10, action, startTimeout: 10_000, stopTimeout: 10_000, addresses: [], alias: null, checking: UNCHECKED, ...change });
const init = (script: string, ...args: readonly string[]): Action => ({ kind: "init", script, args });

function lives(pid: number): boolean {
  try {
    // proc_pid_stat(5); a zombie is dead, and a container's first process may never bury it.
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let tries = 0; tries < 500; tries += 1) {
    if (condition()) return;
    await sleep(10);
  }
  assert.fail(`waited 5 s in vain: ${what}`);
}

test("starts by order, then name, and stops the other way; the other identity's services are left alone", async (t) => {
  const { services, script, story } = scene(t);
  const all = services(
    service("web", init(script("init.d/web")), { order: 20 }), service("b", init(script("init.d/b"))), service("a", init(script("init.d/a"))),
    service("other", init(script("init.d/other")), { home: 1 }), service("files-only", null),
  );
  const started = await all.start(0);
  assert.ok(started.ok, started.detail);
  assert.match(started.detail, /^4 services started in /);
  assert.deepEqual(story(), ["a start", "b start", "web start"]);
  assert.ok((await all.stop(0)).ok);
  assert.deepEqual(story().slice(3), ["web stop", "b stop", "a stop"]);
  assert.deepEqual((await all.start(1)).each.map(({ service, ok }) => [service, ok]), [["other", true]]);
});

test("arguments stand before the verb, as in maid::vacuum, and pass through no shell", async (t) => {
  const { services, script, story } = scene(t);
  await services(service("maid", init(script("init.d/maid"), "vacuum", "$(id) ; x"))).start(0);
  assert.deepEqual(story(), ["maid vacuum $(id) ; x start"]);
});

test("finds a script of the same name in the other script folders, and says when there is none", async (t) => {
  const { dir, services, script, story } = scene(t);
  script("resource.d/Filesystem");
  const found = await services(service("disk", init(join(dir, "init.d/Filesystem")))).start(0);
  assert.ok(found.ok, found.detail);
  assert.deepEqual(story(), ["Filesystem start"]);

  const missing = services(service("ghost", init(join(dir, "init.d/ghost"))));
  const started = await missing.start(0);
  assert.ok(!started.ok);
  assert.match(started.detail, /ghost: there is no executable init script .*init\.d\/ghost\. Install the service/);
  assert.ok((await missing.stop(0)).ok, "what is not installed does not run");
  assert.ok(!(await services(service("far", init("/opt/none/Filesystem"))).start(0)).ok, "a script elsewhere is not guessed");
});

test("a failing start is reported with its last words, and the others still have their turn", async (t) => {
  const { services, script, story } = scene(t);
  const outcome = await services(
    service("bad", init(script("init.d/bad", "echo 'no such disk' >&2; exit 5")), { order: 1 }), service("good", init(script("init.d/good"))),
  ).start(0);
  assert.ok(!outcome.ok);
  assert.match(outcome.detail, /^1 of 2 services started in .*; bad: .*bad start ended with exit code 5: no such disk/);
  assert.deepEqual(story(), ["bad start", "good start"]);
});

test("a hanging start is ended with its whole process group, also one that ignores SIGTERM", async (t) => {
  const { services, script, pids } = scene(t);
  const hang = script("init.d/hang", "trap '' TERM\necho $$ >>left\nsh -c 'trap \"\" TERM; echo $$ >>left; sleep 60' &\nsleep 60");
  const outcome = await services(service("hang", init(hang), { startTimeout: 1500 })).start(0);
  assert.ok(!outcome.ok);
  assert.match(outcome.detail, /hang start took longer than 1.5 s and was ended/);
  assert.equal(pids("left").length, 2);
  await until(() => !pids("left").some(lives), "both processes gone");
});

test("a hanging stop is ended after its time and reported as failed", async (t) => {
  const { services, script, pids } = scene(t);
  const hang = script("init.d/hang", "[ $verb = status ] && exit 0\necho $$ >>left\nsleep 60");
  const outcome = await services(service("hang", init(hang), { stopTimeout: 300 })).stop(0);
  assert.ok(!outcome.ok);
  assert.match(outcome.detail, /hang stop took longer than 300 ms/);
  await until(() => !pids("left").some(lives), "gone");
});

test("a daemon that has forked away, and lives on after a stop that says done, is named; ended, the stop is one", async (t) => {
  const { dir, services, script, pids } = scene(t);
  // Twice, into a session of its own, so that neither group nor parent leads to it.
  const daemon = script("init.d/forks", `[ $verb = start ] && { (setsid sh -c 'echo $$ >>left; exec sleep 60' & ) & }
    [ $verb = stop ] && [ -e thorough ] && kill $(cat left)
    exit 0`);
  const forks = services(service("forks", init(daemon)), service("other", init(script("init.d/other"))));
  assert.ok((await forks.start(0)).ok);
  await until(() => pids("left").some(lives), "the daemon is there");
  const outcome = await forks.stop(0);
  assert.equal(outcome.ok, false);
  const [other, left] = outcome.each;
  assert.ok(other?.service === "other" && other.ok, "what belongs to another service is not counted");
  assert.match(left?.detail ?? "", new RegExp(`^a process goes on after the stop: sleep \\(${pids("left")[0]}\\)\\. Its stop command has to end it too$`));
  writeFileSync(join(dir, "thorough"), "");
  assert.ok((await forks.stop(0)).ok);
});

test("a daemon that keeps its output open neither holds up the start nor dies of writing later", async (t) => {
  const { dir, services, script, pids } = scene(t);
  const daemon = script("init.d/daemon", `[ $verb = start ] || exit 0
    (for i in 1 2 3 4 5 6 7 8 9 10; do echo talk; echo talk >&2; [ -e go ] && touch survived; sleep 0.1; done; sleep 30) & echo $! >>left`);
  const outcome = await services(service("daemon", init(daemon))).start(0);
  assert.ok(outcome.ok, outcome.detail);
  assert.ok(outcome.each[0]!.took < 900, `the start took ${outcome.each[0]!.took} ms`);
  writeFileSync(join(dir, "go"), "");
  await until(() => existsSync(join(dir, "survived")), "the daemon has written after its start script ended");
  assert.ok(pids("left").every(lives));
});

test("a stop cancels the start that runs, and then stops everything", async (t) => {
  const { services, script, story, pids } = scene(t);
  const slow = script("init.d/slow", "[ $verb = start ] || exit 0\necho $$ >>left\nsleep 60");
  const all = services(service("slow", init(slow), { order: 1 }), service("later", init(script("init.d/later"))));
  const starting = all.start(0);
  await until(() => pids("left").length === 1, "the start has begun");
  const began = Date.now();
  const [started, again, stopped] = await Promise.all([starting, all.start(0), all.stop(0)]);
  assert.ok(Date.now() - began < 5000);
  assert.ok(!started.ok && !again.ok);
  assert.match(started.each[0]!.detail, /slow start was cancelled/);
  assert.match(started.each[1]!.detail, /a stop came first/);
  assert.ok(stopped.ok, stopped.detail);
  assert.deepEqual(story(), ["slow start", "later stop", "slow stop"]);
  assert.ok(!pids("left").some(lives));
});

test("a start after a stop waits for its end", async (t) => {
  const { services, script, story } = scene(t);
  const all = services(service("web", init(script("init.d/web", "[ $verb = stop ] && sleep 0.3; echo \"web did $verb\" >>story"))));
  const outcomes = await Promise.all([all.stop(0), all.start(0)]);
  assert.ok(outcomes.every(({ ok }) => ok));
  assert.deepEqual(story(), ["web stop", "web did stop", "web start", "web did start"]);
});

test("stopping what does not run is a success when the script says so, and only then", async (t) => {
  const { services, script } = scene(t);
  const failing = (status: number): Promise<boolean> => services(service("web", init(script("init.d/web", `[ $verb = status ] && exit ${status}; exit 1`))))
    .stop(0).then(({ ok }) => ok);
  assert.equal(await failing(3), true, "not running");
  assert.equal(await failing(0), false, "still running");
  assert.equal(await failing(1), false, "unclear");
});

test("programs get a clean environment and no secrets", async (t) => {
  const { dir, services, script } = scene(t);
  process.env["CLUSTERD_TEST_SECRET"] = "hidden";
  t.after(() => { delete process.env["CLUSTERD_TEST_SECRET"]; });
  await services(service("web", init(script("init.d/web", "env >env; pwd -P >where")), { home: 1 })).start(1);
  const env = new Map(readFileSync(join(dir, "env"), "utf8").trim().split("\n").map((line) => line.split("=", 2) as [string, string]));
  assert.equal(env.get("CLUSTERD_SERVICE"), "web");
  assert.equal(env.get("CLUSTERD_IDENTITY"), "serv2");
  assert.equal(env.get("LANG"), "C.UTF-8");
  // PWD, OLDPWD and _ are the script's own shell's.
  const given = [...env.keys()].filter((name) => !["PWD", "OLDPWD", "_", "SHLVL"].includes(name));
  assert.deepEqual(given.toSorted(), ["CLUSTERD_IDENTITY", "CLUSTERD_SERVICE", "HOME", "LANG", "PATH"]);
});

test("commands are run as they are; one that is not configured has nothing to do; a missing program is a failure", async (t) => {
  const { services, script, story } = scene(t);
  const program = script("bin/program");
  const all = services(service("own", { kind: "command", start: [program, "go", "two words"], stop: [], check: ["/nonexistent/check"] }));
  assert.ok((await all.start(0)).ok);
  assert.match((await all.stop(0)).each[0]!.detail, /has no stop command/);
  assert.deepEqual(story(), ["program go two words"]);
  const checked = await all.check(0);
  assert.ok(!checked.ok);
  assert.match(checked.detail, /gives no clear answer: \/nonexistent\/check was not found/);
});

test("systemd units are started, stopped and asked by systemctl", async (t) => {
  const { services, script, story } = scene(t);
  // At the edge: no test may start units on the machine that it runs on.
  script("bin/systemctl", "[ \"$1\" = is-active ] && { cat state; [ \"$(cat state)\" = active ]; exit; }\n[ -e broken ] && { echo 'Unit not found.' >&2; exit 5; }\necho $([ $1 = start ] && echo active || echo inactive) >state");
  const all = services(service("web", { kind: "systemd", unit: "lighttpd.service" }));
  assert.ok((await all.start(0)).ok);
  assert.equal((await all.check(0)).detail.split(" in ")[0], "1 service running");
  assert.ok((await all.stop(0)).ok);
  const checked = await all.check(0);
  assert.match(checked.detail, /0 of 1 service running.*web: does not run/);
  assert.deepEqual(story(), ["systemctl start lighttpd.service", "systemctl is-active lighttpd.service", "systemctl stop lighttpd.service", "systemctl is-active lighttpd.service"]);
});

const configured = (...services: readonly ServiceConfig[]): Pick<Config, "services" | "nodes"> => ({ services, nodes: [{ name: "serv1" } as NodeConfig, { name: "serv2" } as NodeConfig] });

test("a new configuration is used at once; a stop still cancels the start from before, and ends what that began", async (t) => {
  const { services, script, story, pids } = scene(t);
  const all = services(service("slow", init(script("init.d/slow", "[ $verb = start ] || exit 0; echo $$ >>left\nsleep 60"))));
  const starting = all.start(0);
  await until(() => pids("left").length === 1, "the start has begun");
  all.use(configured(service("new", init(script("init.d/new")))));
  const [started, stopped] = await Promise.all([starting, all.stop(0)]);
  assert.deepEqual([started.ok, stopped.ok], [false, true]);
  assert.deepEqual(story(), ["slow start", "slow stop", "new stop"]);
});

test("what a new configuration has more is started, what it has no more is stopped as it was started, and only that, once", async (t) => {
  const { services, script, story } = scene(t);
  const [web, mail, shop] = [service("web", init(script("init.d/web"))), service("mail", init(script("init.d/mail"))), service("shop", init(script("init.d/shop")))];
  const all = services(web, mail);
  await all.start(0);
  assert.equal(await all.follow(0), null);
  all.use(configured(web, shop, service("files", null), service("other", init(script("init.d/other")), { home: 1 })));
  const done = await all.follow(0);
  assert.deepEqual([done?.stopped?.each.map(({ service }) => service), done?.started?.each.map(({ service }) => service)], [["mail"], ["shop"]]);
  assert.equal(await all.follow(0), null, "again: nothing");
  await all.stop(0);
  assert.deepEqual(story(), ["mail start", "web start", "mail stop", "shop start", "web stop", "shop stop"]);
});

test("another script under the same name: the old one is stopped, the new one started; another stop command only is used", async (t) => {
  const { services, script, story } = scene(t);
  const own = (stop: string): Action => ({ kind: "command", start: [script("own"), "start"], stop: [script(stop), "stop"], check: [] });
  const all = services(service("web", init(script("init.d/web"))), service("own", own("old")));
  await all.start(0);
  all.use(configured(service("web", init(script("init.d/nginx"))), service("own", own("new"))));
  await all.follow(0);
  await all.stop(0);
  assert.deepEqual(story(), ["own start", "web start", "web stop", "nginx start", "nginx stop", "new stop"]);
});

test("what has left the configuration and does not stop is told, and tried again when the identity leaves", async (t) => {
  const { services, script, story } = scene(t);
  const all = services(service("web", init(script("init.d/web", '[ $verb = stop ] && [ ! -e fixed ] && exit 1; exit 0'))));
  await all.start(0);
  all.use(configured());
  const done = await all.follow(0);
  assert.equal(done?.stopped?.ok, false);
  assert.match(done?.stopped?.detail ?? "", /^0 of 1 service stopped in .*web: /);
  script("fixed");
  assert.ok((await all.stop(0)).ok);
  assert.ok((await all.stop(0)).ok);
  assert.equal(story().filter((line) => line === "web stop").length, 2, "and then it is forgotten");
});

test("a reload looks again at what had failed to start: it is started where it does not run, and what runs is left alone", async (t) => {
  const { dir, services, script, story } = scene(t);
  const here = (name: string): ServiceConfig => service(name, init(script(`init.d/${name}`, `case $verb in start) [ -e mended ] && touch ${name}-up ;; status) [ -e ${name}-up ] || exit 3 ;; esac`)));
  const config = configured(here("mail"), here("web"));
  const all = services(...config.services);
  const holding = { role: "owner", services: "failed" };
  const [told, stood]: [string[], boolean[]] = [[], []];
  const reload = (): Promise<void> => follow({
    addresses: async () => null, services: all, state: () => ({ holdings: [holding, holding] }) as unknown as State,
    stand: (_identity, ok) => { stood.push(ok); holding.services = ok ? "started" : "failed"; },
    tell: (level, event, _identity, because) => told.push(`${level} ${event} ${because}`),
  }, config as Config, [0]);
  assert.equal((await all.start(0)).ok, false);
  await reload();
  assert.deepEqual(stood, [], "it fails again");
  assert.match(told.at(-1) ?? "", /^alarm service\.started-again mail: 0 of 1 service started.*; web: 0 of 1/);
  writeFileSync(join(dir, "mended"), "");
  writeFileSync(join(dir, "web-up"), "");
  const before = story().length;
  await reload();
  assert.deepEqual(stood, [true]);
  assert.deepEqual(story().slice(before).filter((line) => !line.endsWith("status")), ["mail stop", "mail start"]);
  assert.match(told.at(-1) ?? "", /^info service\.started-again mail: 1 service started/);
});

test("restart stops and starts that one service, in its turn; a stop that comes meanwhile cancels its start", async (t) => {
  const { services, script, story } = scene(t);
  const all = services(service("web", init(script("init.d/web", 'case $verb in stop) sleep 0.2;; esac'))), service("mail", init(script("init.d/mail"))));
  const [started, again] = await Promise.all([all.start(0), all.restart(0, "web")]);
  assert.ok(started.ok && again.ok, again.detail);
  assert.deepEqual(story(), ["mail start", "web start", "web stop", "web start"]);
  const cancelled = all.restart(0, "web");
  await until(() => story().length === 5, "the restart's stop");
  assert.ok((await all.stop(0)).ok);
  assert.match((await cancelled).detail, /web: was not started: a stop came first/);
  assert.deepEqual(story().slice(4), ["web stop", "web stop", "mail stop"]);
});
