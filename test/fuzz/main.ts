// npm run fuzz -- PARSER|all|heartbeat|ssh|direction [--runs N] [--packets N] [--seed S] [--json]: hostile input, as much as wanted.
//
// Exit: 0 no rule was broken; 1 one was: the input is written to a file in /tmp, which belongs into corpus/PARSER/ with the
// fix; 2 wrong usage. Each input is bounded in time, and a run by its number of inputs.

import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { fuzzHeartbeats } from "./heartbeat.ts";
import { fuzz } from "./run.ts";
import { attackAll, pushAtTheGate, pushWrong } from "./ssh.ts";
import { TARGETS } from "./targets.ts";

const HELP = `npm run fuzz -- PARSER [--runs N] [--seed S] [--json]
npm run fuzz -- heartbeat [--packets N] [--signed N] [--seed S] [--json]
npm run fuzz -- all [--runs N] [--seed S] [--json]
npm run fuzz -- ssh|direction [--runs N] [--seed S] [--json]      needs root, sshd and rsync

  heartbeat     packets forged without the key (--packets), and damaged bodies with a sound seal (--signed), into the core
  ssh           every attack of attacks.ts through a real sshd (--runs: that many, spread over the table)
  direction     10000 pushes in the wrong direction at the gate, and --runs of them (default 200) through sshd and rsync
${TARGETS.map(({ name, what }) => `  ${name.padEnd(14)}${what}`).join("\n")}

  --runs N      inputs for each parser, default 20000    --seed S  a run is had again with its seed, default 1
Exit: 0 no rule broken, 1 one was and its input is kept, 2 wrong usage.`;

/** An input that takes longer is a finding, in milliseconds. */
const PATIENCE = 2000;

const { values, positionals } = parseArgs({ allowPositionals: true, options: {
  runs: { type: "string" }, packets: { type: "string", default: "1000000" }, signed: { type: "string", default: "100000" }, seed: { type: "string", default: "1" },
  json: { type: "boolean", default: false }, help: { type: "boolean", short: "h", default: false },
} });
const usual = positionals[0] === "ssh" ? "1000000" : positionals[0] === "direction" ? "200" : "20000";
const [runs, packets, signed, seed] = [values.runs ?? usual, values.packets, values.signed, values.seed].map(Number) as [number, number, number, number];
const [what = ""] = positionals;
const chosen = what === "all" ? TARGETS : TARGETS.filter(({ name }) => name === what);

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

function finish(result: { readonly ok: boolean; readonly [figure: string]: unknown }): void {
  if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
  console.log(values.json ? JSON.stringify(result) : Object.entries(result).map(([key, value]) => `${key.padEnd(18)}${typeof value === "object" ? JSON.stringify(value) : value}`).join("\n"));
  process.exitCode = result.ok ? 0 : 1;
}

if (values.help) console.log(HELP);
else if (![runs, packets, signed, seed].every((each) => Number.isInteger(each) && each >= 0) || positionals.length !== 1 || (chosen.length === 0 && !["heartbeat", "ssh", "direction"].includes(what))) {
  console.error(HELP);
  process.exitCode = 2;
} else if (what === "heartbeat") {
  const result = fuzzHeartbeats({ packets, signed, seed, onProgress: progress });
  finish(result);
} else if (what === "ssh") {
  const { got, started, ...counts } = await attackAll({ most: runs, onProgress: progress });
  finish({ ok: got.length === 0 && started.length === 0, ...counts, processes_started: started.length, got, started });
} else if (what === "direction") {
  const atTheGate = pushAtTheGate(10_000, seed);
  const { got, started, ...counts } = await pushWrong({ attempts: runs, seed, onProgress: progress });
  finish({ ok: atTheGate.accepted === 0 && got.length === 0 && started.length === 0, seed, gate_attempts: atTheGate.attempts, gate_refused: atTheGate.attempts - atTheGate.accepted, ...counts, processes_started: started.length, got, started });
} else {
  const parsers = [];
  for (const target of chosen) {
    const { finding, ...counts } = await fuzz(target, { runs, seed, patience: PATIENCE });
    await target.close?.();
    const kept = finding === null ? null : `/tmp/clusterd-fuzz-${target.name}-${seed}`;
    if (finding !== null && kept !== null) writeFileSync(kept, finding.input);
    parsers.push({ parser: target.name, ...counts, finding: finding?.because ?? null, kept });
    if (!values.json) console.log(`${target.name.padEnd(14)}${counts.runs} inputs in ${(counts.took_ms / 1000).toFixed(1)} s, slowest ${counts.slowest_ms} ms${finding === null ? "" : `\nBROKEN by ${kept}: ${finding.because}`}`);
  }
  const broken = parsers.filter(({ finding }) => finding !== null).length;
  const total = parsers.reduce((sum, { runs: each }) => sum + each, 0);
  if (values.json) console.log(JSON.stringify({ ok: broken === 0, seed, inputs: total, broken, max_rss_mb: Math.round(process.resourceUsage().maxRSS / 1024), parsers }));
  process.exitCode = broken > 0 ? 1 : 0;
}
