import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseIni } from "../../../clusterd/base/ini.ts";
import { whyNoPath } from "../../../clusterd/config/kinds.ts";
import { FILES } from "../../../clusterd/config/options.ts";
import type { Options } from "../../../clusterd/config/options.ts";
import { folderOf, load } from "./cases.ts";
import type { Loaded } from "../../../clusterd/config/load.ts";

const plain = folderOf(new Map());
const names = Object.values(FILES).flatMap((tables) => Object.values(tables as Record<string, Options>).flatMap((table) => Object.keys(table)));
const examples = Object.values(FILES).flatMap((tables) => Object.values(tables as Record<string, Options>).flatMap((table) => Object.values(table).map(({ example }) => example)));

/** Lines that look much like ours, and lines that do not. */
const word = fc.oneof(fc.constantFrom(...examples, "", "#", ";", "\"", "'", "\\", "[]", "=", "none", "/", "__proto__", "true", "constructor"), fc.string({ unit: "binary", maxLength: 12 }));
const key = fc.oneof(fc.constantFrom(...names, "__proto__", "toString", "constructor"), fc.string({ maxLength: 8 }));
const line = fc.oneof(
  fc.tuple(key, fc.constantFrom("", "[]", " "), fc.constantFrom("=", " = ", ""), fc.array(word, { maxLength: 3 })).map(([k, list, equals, words]) => `${k}${list}${equals}${words.join(" ")}`),
  fc.constantFrom("[cluster]", "[timing]", "[service]", "[mirror]", "[__proto__]", "[a.b]", "[", "[]", "# x"),
  fc.string({ unit: "binary", maxLength: 30 }),
);
const text = fc.tuple(fc.array(line, { maxLength: 15 }), fc.constantFrom("\n", "\r\n", "\r")).map(([lines, end]) => lines.join(end));
const file = fc.constantFrom("cluster.conf", "serv1.conf", "serv1/www.conf", "serv1/Fhome", "serv2/files.conf");

function saidAnything(loaded: Loaded): boolean {
  return loaded.ok ? loaded.config.nodes.length === 2 : loaded.problems.length > 0 && loaded.problems.every(({ message, line: at }) => message !== "" && (at === null || at > 0));
}

test("whatever a file holds, the loader answers: a configuration, or problems in words", () => {
  fc.assert(fc.property(file, text, fc.boolean(), (path, content, after) => {
    const before = after ? plain.get(path) ?? "" : "";
    assert.ok(saidAnything(load(new Map<string, string>([...plain, [path, `${before}${content}`]]))));
  }), { numRuns: 400 });
});

test("whatever bytes a file holds, the loader answers", () => {
  fc.assert(fc.property(file, fc.uint8Array({ maxLength: 200 }), (path, bytes) => {
    assert.ok(saidAnything(load(new Map<string, string | Buffer>([...plain, [path, Buffer.from(bytes)]]))));
  }), { numRuns: 150 });
});

test("a value in single quotes arrives as it stands, or its line is refused", () => {
  fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 30 }), (value) => {
    const { keys, problems } = parseIni(`[s]\nk = '${value}'\n`, "f", "sections");
    if (problems.length > 0) assert.match(value, /['\p{Cc}\u2028\u2029]/u);
    else assert.equal(keys[0]?.values[0]?.text, value);
  }), { numRuns: 2000 });
});

test("a value in double quotes arrives with its quotes and backslashes, or its line is refused", () => {
  fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 30 }), (value) => {
    const { keys, problems } = parseIni(`[s]\nk[] = "${value.replaceAll(/["\\]/g, "\\$&")}"\n`, "f", "sections");
    if (problems.length > 0) assert.match(value, /[\p{Cc}\u2028\u2029]/u);
    else assert.equal(keys[0]?.values[0]?.text, value);
  }), { numRuns: 2000 });
});

test("an unquoted value arrives as it stands but for spaces around it, or its line is refused", () => {
  fc.assert(fc.property(fc.string({ maxLength: 30 }), (value) => {
    const { keys, problems } = parseIni(`[s]\nk = ${value}\n`, "f", "sections");
    if (problems.length > 0) assert.match(value, /["'#;\\\p{Cc}]/u);
    else if (!/["']/.test(value)) assert.equal(keys[0]?.values[0]?.text, value.trim());
  }), { numRuns: 2000 });
});

test("a path that is accepted begins with / and has no part that walks", () => {
  fc.assert(fc.property(fc.array(fc.constantFrom("", ".", "..", "a", "b c", "…", "...", "\n"), { maxLength: 6 }), (parts) => {
    const path = `/${parts.join("/")}`;
    if (whyNoPath(path) !== null) return;
    const inner = path.replace(/\/$/, "").split("/").slice(1);
    assert.ok(path === "/" || inner.every((part) => part !== "" && part !== "." && part !== ".." && !/\p{Cc}/u.test(part)), path);
  }), { numRuns: 2000 });
});

test("the largest files end in seconds, whatever they repeat", () => {
  const fill = (one: (n: number) => string): string => { let all = ""; for (let n = 0; all.length < 900_000; n += 1) all += one(n); return all; };
  const began = process.hrtime.bigint();
  for (const [path, content] of [["serv1/Fhome", fill((n) => `/d${n}/\n`)], ["serv1/www.conf", `[mirror]\n${fill((n) => `path[] = /d${n}/\n`)}`], ["serv1.conf", fill((n) => `K${n}=1\n`)],
    ["serv1.conf", fill(() => "K=1\n")], ["serv1/www.conf", `[service]\n${fill((n) => `address[] = 10.${n >> 16 & 255}.${n >> 8 & 255}.${n & 255}/8\n`)}`], ["serv1.conf", `K=${"a".repeat(900_000)}`], ["serv1/Fhome", `/${"a/".repeat(450_000)}`]] as const) {
    assert.ok(saidAnything(load(new Map([...plain, [path, content]]))), path);
  }
  assert.ok(Number(process.hrtime.bigint() - began) / 1e9 < 60);
});
