import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { EXIT } from "../../../clusterd/commands/exit-codes.ts";
import { FILES } from "../../../clusterd/config/options.ts";
import { completionFor, manualFiles, pages, programTrees } from "../../../clusterd/manual/manual.ts";
import { everyNode } from "../../../clusterd/manual/tree.ts";
import { lacks } from "../../needs.ts";
import { run } from "../cli/pair.ts";

const nodes = programTrees().flatMap(everyNode);
const leaves = nodes.filter(({ commands }) => commands.length === 0);

/** What a Tab offers behind each of these lines, in one bash that runs here. */
function tabs(lines: readonly (readonly string[])[]): readonly (readonly string[])[] {
  const each = lines.map((words) => `COMPREPLY=(); COMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${words.length - 1}; _${words[0]}; printf '%s\\n' "\${COMPREPLY[@]}" ====`);
  const said = spawnSync("bash", ["-s"], { input: `${completionFor("bash")}\n${each.join("\n")}\n`, encoding: "utf8" });
  assert.equal(said.stderr, "");
  return said.stdout.split("====\n").slice(0, -1).map((offered) => offered.split("\n").filter((line) => line !== ""));
}
const tab = (...words: readonly string[]): readonly string[] => tabs([words])[0]!;

test("every command of both programs has examples and exit codes", () => {
  assert.ok(leaves.length > 35, String(leaves.length));
  for (const { path, examples, exits } of leaves) {
    assert.ok(examples.length > 0, `${path.join(" ")} has no example`);
    assert.ok(exits.length > 0, path.join(" "));
    for (const [line] of examples) assert.match(line, new RegExp(`\\b${path[0]}\\b`), "an example is of its own program");
  }
});

test("README's table has every command", () => {
  const rows = readFileSync(new URL("../../../README.md", import.meta.url), "utf8").split("\n").filter((line) => line.startsWith("|"));
  const named = new Set(rows.flatMap((row) => { let program = ""; return [...row.matchAll(/`([a-z -]+)`/g)].map(([, words = ""]) => { const [first = "", ...rest] = words.split(" "); if (first !== "clusterd" && first !== "mirror") return `${program} ${words}`; program = first; return `${program} ${rest.join(" ")}`; }); }));
  assert.deepEqual(leaves.map(({ path }) => path.join(" ")).filter((path) => !named.has(path)), []);
});

test("bash: commands, their commands, their options, and words that are known", () => {
  assert.deepEqual(tab("clusterd", "swi"), ["switchover"]);
  assert.deepEqual(tab("clusterd", "keys", ""), ["export", "import", "certify", "--help"]);
  assert.deepEqual(tab("clusterd", "keys", "import", "--rep"), ["--replace-heartbeat-key"]);
  assert.deepEqual(tab("clusterd", "switchover", "--dry-run", "--j"), ["--json"]);
  assert.deepEqual(tab("clusterd", "completion", "z"), ["zsh"]);
  assert.deepEqual(tab("clusterd", "install", "--root", "/etc/host"), spawnSync("bash", ["-c", "compgen -f /etc/host"], { encoding: "utf8" }).stdout.trim().split("\n"));
  assert.deepEqual(tab("mirror", "ru"), ["run"]);
  assert.ok(!tab("mirror", "").includes("receive"), "the forced command is for sshd");
});

test("bash: every command is offered, with every long option", () => {
  const [names, long] = [tabs(leaves.map(({ path }) => path)), tabs(leaves.map(({ path }) => [...path, "--"]))];
  for (const [at, { path, options }] of leaves.entries()) {
    assert.ok(names[at]!.includes(path.at(-1) ?? ""), path.join(" "));
    assert.deepEqual([...long[at]!].sort(), options.flatMap(({ long }) => (long === null ? [] : [long])).sort(), path.join(" "));
  }
});

test("zsh reads its script", { skip: lacks("zsh") }, () => {
  const folder = mkdtempSync(join(tmpdir(), "clusterd-zsh-"));
  try {
    writeFileSync(join(folder, "_clusterd"), completionFor("zsh"));
    const said = spawnSync("zsh", ["-n", join(folder, "_clusterd")], { encoding: "utf8" });
    assert.deepEqual([said.stderr, said.status], ["", 0]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("fish completes", { skip: lacks("fish") }, () => {
  const folder = mkdtempSync(join(tmpdir(), "clusterd-fish-"));
  try {
    writeFileSync(join(folder, "clusterd.fish"), completionFor("fish"));
    const said = (line: string): readonly string[] => spawnSync("fish", ["--no-config", "-c", `source ${folder}/clusterd.fish; complete -C '${line}'`], { encoding: "utf8" }).stdout.trim().split("\n").map((row) => row.split("\t")[0] ?? "");
    assert.deepEqual(said("clusterd swi"), ["switchover"]);
    assert.deepEqual(said("clusterd keys "), ["certify", "export", "import"]);
    assert.deepEqual(said("clusterd keys import --rep"), ["--replace-heartbeat-key"]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("the pages tell of every command, option and key", () => {
  const page = (name: string): string => pages().find((one) => one.name === name)?.text.replaceAll("\\-", "-") ?? "";
  for (const { path, options, summary } of leaves) {
    const text = page(path[0] ?? "");
    assert.ok(text.includes(`.SS ${path.join(" ")}`), path.join(" "));
    assert.ok(text.includes(summary.slice(1, 20).replaceAll("'", "\\(aq").replaceAll("`", "\\(ga")), summary);
    for (const { flags } of options) if (!flags.includes("--help")) assert.ok(text.includes(`.B ${flags}`), flags);
  }
  for (const tables of Object.values(FILES)) for (const options of Object.values(tables)) for (const key of Object.keys(options)) assert.match(page("cluster.conf"), new RegExp(`^\\.B ${key}(\\[\\])?$`, "m"));
});

test("groff has nothing to complain of, and what a person would copy is plain ASCII", { skip: lacks("groff") }, () => {
  for (const { name, text } of pages()) {
    assert.doesNotMatch(text, /[^\x00-\x7f]/);
    const said = spawnSync("groff", ["-ww", "-man", "-Tutf8", "-P-cbou", "-rLL=200n"], { input: text, encoding: "utf8" });
    assert.equal(said.stderr, "", name);
    const shown = said.stdout.replaceAll(/\s+/g, " ");
    for (const { path, examples } of leaves) if (path[0] === name) for (const [line] of examples) assert.ok(shown.includes(line.replaceAll(/\s+/g, " ")), `${line} is not in ${name}`);
  }
});

test("`man FOLDER` writes the pages, `man` prints one, and a page that is not there is suggested", async () => {
  const folder = mkdtempSync(join(tmpdir(), "clusterd-man-"));
  try {
    assert.equal((await run(["man", folder])).code, EXIT.ok);
    assert.deepEqual(readdirSync(folder, { recursive: true }).sort(), ["man5", "man5/cluster.conf.5", "man8", "man8/clusterd.8", "man8/mirror.8"]);
    assert.equal(readFileSync(join(folder, "man8/mirror.8"), "utf8"), `${(await run(["man", "--page", "mirror"])).out}`);
    assert.match((await run(["man", "--page", "miror"])).err, /Did you mean mirror\?/);
    assert.match((await run(["completion", "tcsh"])).err, /Did you mean|Known: bash zsh fish/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("what is installed is where man and the shells look", () => {
  assert.deepEqual(manualFiles().map(({ path }) => path).sort(), [
    "/usr/share/bash-completion/completions/clusterd", "/usr/share/bash-completion/completions/mirror",
    "/usr/share/fish/vendor_completions.d/clusterd.fish", "/usr/share/fish/vendor_completions.d/mirror.fish",
    "/usr/share/man/man5/cluster.conf.5", "/usr/share/man/man8/clusterd.8", "/usr/share/man/man8/mirror.8",
    "/usr/share/zsh/vendor-completions/_clusterd", "/usr/share/zsh/vendor-completions/_mirror",
  ]);
});
