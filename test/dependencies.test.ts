// What we run of others is what we chose: exact versions, each with its hash, and none of them runs a program when it is installed.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const PROJECT = new URL("..", import.meta.url).pathname;

interface Package {
  readonly version?: string;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly link?: boolean;
  readonly hasInstallScript?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly scripts?: Readonly<Record<string, string>>;
}
interface Lock { readonly lockfileVersion: number; readonly packages: Readonly<Record<string, Package>> }

const json = <T>(path: string): T => JSON.parse(readFileSync(PROJECT + path, "utf8")) as T;
const own = json<Package>("package.json");
const { packages, lockfileVersion } = json<Lock>("package-lock.json");
const others = Object.entries(packages).filter(([path]) => path !== "");
const KINDS = ["dependencies", "devDependencies", "optionalDependencies"] as const;

/** Their scripts build native parts that we do without. Whatever joins them is looked at by a person first. */
const WITH_INSTALL_SCRIPT = ["node_modules/cpu-features", "node_modules/ssh2"];

test("what we ask for is one exact version each, and the lock has just that", () => {
  assert.equal(lockfileVersion, 3);
  for (const kind of KINDS) {
    assert.deepEqual(packages[""]?.[kind] ?? {}, own[kind] ?? {}, kind);
    for (const [name, version] of Object.entries(own[kind] ?? {})) {
      assert.match(version, /^\d+\.\d+\.\d+$/, name);
      assert.equal(packages[`node_modules/${name}`]?.version, version, name);
    }
  }
});

test("each package is told by its hash, comes from the registry, and is what is installed", () => {
  assert.ok(others.length > 20);
  const installed = json<Lock>("node_modules/.package-lock.json").packages;
  for (const [path, { version, integrity, resolved, link }] of others) {
    assert.match(integrity ?? "", /^sha512-[A-Za-z0-9+/]{86}==$/, path);
    assert.equal(link, undefined, path);
    assert.ok(resolved === undefined || resolved.startsWith("https://registry.npmjs.org/"), `${path}: ${resolved}`);
    const there = installed[path];
    // An optional one of another machine's kind is not installed.
    if (there !== undefined) assert.deepEqual([there.version, there.integrity], [version, integrity], path);
  }
  for (const path of Object.keys(installed)) assert.ok(packages[path] !== undefined, `${path} is installed and not in the lock`);
});

test("nothing runs when packages are installed, and whatever would is known by name", () => {
  assert.match(readFileSync(`${PROJECT}.npmrc`, "utf8"), /^ignore-scripts=true$/m);
  assert.deepEqual(others.filter(([, { hasInstallScript }]) => hasInstallScript === true).map(([path]) => path).sort(), WITH_INSTALL_SCRIPT);
  for (const hook of ["preinstall", "install", "postinstall", "prepare", "prepublish"]) assert.equal(own.scripts?.[hook], undefined, hook);
});
