// The files of /etc/cluster.d, and the crontab beside them.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { validate as cronAccepts } from "node-cron";
import type { Problem } from "../../../clusterd/base/errors.ts";
import { parseIni } from "../../../clusterd/base/ini.ts";
import { whyNoPath } from "../../../clusterd/config/kinds.ts";
import { loadConfig } from "../../../clusterd/config/load.ts";
import { parseDescription } from "../../../clusterd/config/mirror-description.ts";
import { FILES } from "../../../clusterd/config/options.ts";
import type { Options } from "../../../clusterd/config/options.ts";
import { parseCrontab } from "../../../mirror/schedule.ts";
import { folderOf } from "../../clusterd/config/cases.ts";
import type { Target } from "../target.ts";

const tables = Object.values(FILES).flatMap((file) => Object.entries(file as Record<string, Options>));
const WORDS = tables.flatMap(([section, options]) => [`[${section}]\n`, ...Object.entries(options).flatMap(([key, { example }]) => [key, example, `${key} = ${example}\n`, `${key}[] = ${example}\n`])]);

/** Words, not pages: a problem quotes no more of a file than a person can read. */
function sayWhatAndWhere(problems: readonly Problem[], lines: number): void {
  for (const { file, line, message, hint } of problems) {
    assert.ok(file !== "" && message !== "" && message.length < 1500 && (hint ?? "").length < 1500, `a problem that says nothing, or too much: ${message.slice(0, 200)}`);
    assert.ok(line === null || (line >= 1 && line <= lines), `line ${line} of ${lines}`);
    assert.doesNotMatch(message + (hint ?? ""), /[\0-\x08\x0b-\x1f\x7f]/, "control characters reach the terminal");
  }
}

const linesOf = (text: string): number => text.split(/\r\n|\n/).length;

const ini: Target = {
  name: "ini", what: "sections and keys of a configuration file", words: WORDS, largest: 300_000, inUnit: 1500,
  judge(input) {
    const text = input.toString("utf8");
    for (const style of ["sections", "flat"] as const) {
      const { sections, keys, problems } = parseIni(text, "f", style);
      sayWhatAndWhere(problems, linesOf(text));
      for (const { name } of sections) assert.match(name, /^[A-Za-z][A-Za-z0-9_-]*$/);
      for (const { key, values, line } of keys) {
        assert.ok(line >= 1 && values.length > 0 && Object.hasOwn({ [key]: 1 }, key));
        for (const { text: value, words } of values) assert.doesNotMatch([value, ...words].join(""), /[\0-\x08\x0a-\x1f\x7f]/);
      }
      assert.equal(new Set(keys.map(({ section, key }) => `${section}.${key}`)).size, keys.length, "a key twice");
    }
  },
};

const PLAIN = folderOf(new Map());
const ROLES = ["cluster.conf", "serv1.conf", "serv1/www.conf", "serv1/Fhome", "serv2/files.conf"] as const;
let etc: string | null = null;
let replaced: string | null = null;

const write = (path: string, content: string | Buffer): void => {
  mkdirSync(dirname(join(etc as string, path)), { recursive: true });
  writeFileSync(join(etc as string, path), content, { mode: 0o644 });
};

/** The plain pair, in which each input takes the place of one file, chosen by its first byte. */
function place(input: Buffer): string {
  if (etc === null) {
    etc = mkdtempSync(join(tmpdir(), "clusterd-fuzz-"));
    for (const [path, text] of PLAIN) write(path, text);
  }
  if (replaced !== null && PLAIN.has(replaced)) write(replaced, PLAIN.get(replaced) as string);
  else if (replaced !== null) rmSync(join(etc, replaced));
  replaced = ROLES[(input[0] ?? 0) % ROLES.length] as string;
  write(replaced, input.subarray(1));
  return replaced;
}

const config: Target = {
  name: "config", what: "the configuration folder with one file replaced (the first byte says which)", words: WORDS, largest: 200_000, inUnit: 120,
  judge(input) {
    const role = place(input);
    const loaded = loadConfig({ etc: etc as string, self: "serv1" });
    const problems = loaded.ok ? loaded.warnings : [...loaded.problems, ...loaded.warnings];
    assert.ok(loaded.ok || loaded.problems.length > 0, "neither a configuration nor a reason");
    sayWhatAndWhere(problems.filter(({ file }) => file === role), linesOf(input.subarray(1).toString("utf8")));
    if (!loaded.ok) return;
    for (const { entries } of loaded.config.jobs) for (const { path } of entries) assert.equal(whyNoPath(path), null);
    assert.match(loaded.config.digest, /^[0-9a-f]{16}$/);
  },
  close() {
    if (etc !== null) rmSync(etc, { recursive: true });
    etc = replaced = null;
  },
};

const description: Target = {
  name: "description", what: "a mirror description of 1999", words: ["/srv/www/", "/etc/printcap", "..", "/../", "//", "# ", "./"], largest: 300_000, inUnit: 1500,
  judge(input) {
    const problems: Problem[] = [];
    const text = input.toString("utf8");
    const entries = parseDescription(text, "serv1/Fx", problems);
    sayWhatAndWhere(problems, linesOf(text));
    assert.ok(entries.length + problems.length > 0, "nothing was read and nothing was said");
    for (const { path } of entries) {
      const parts = path.replace(/\/$/, "").split("/").slice(1);
      assert.ok(path.startsWith("/") && (path === "/" || parts.every((part) => part !== "" && part !== "." && part !== ".." && !/\p{Cc}/u.test(part))), path);
    }
  },
};

const crontab: Target = {
  name: "crontab", what: "lines of the crontab, as the built-in scheduler takes them", words: ["*/5", "* * * * *", "0-59/2", "1,2,3", "root", "mirror run --all", "/usr/sbin/mirror", "7", "60", "24", "a-b", "1-", "*/0", "SHELL=/bin/sh\n", "@reboot", "%", ";id", "$(id)"], largest: 200_000, inUnit: 1000,
  judge(input) {
    const text = input.toString("utf8");
    const { lines, problems } = parseCrontab(text);
    sayWhatAndWhere(problems, text.split("\n").length);
    for (const { line, when, command } of lines.slice(0, 200)) {
      assert.ok(line >= 1 && cronAccepts(when), `node-cron does not take ${when}`);
      assert.match(command[0]?.split("/").at(-1) ?? "", /^(mirror|clusterd)$/);
      for (const word of command) assert.match(word, /^[A-Za-z0-9_.,:/=@+-]+$/);
    }
  },
};

export const CONFIGURATION_TARGETS: readonly Target[] = [ini, config, description, crontab];
