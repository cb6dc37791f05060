// npm start: the main job, told from beginning to end on two real nodes.
//
// Exit: 0 every promise kept; 1 one was broken or the story could not go on; 130 ended by Ctrl-C.

import { readFileSync } from "node:fs";

import { Command, Option } from "commander";

import { Lab } from "../lab.ts";
import { isKept, promises, table } from "./figures.ts";
import type { Profile } from "./figures.ts";
import { tellStory } from "./story.ts";

const program = new Command("npm start --")
  .description("Brings two nodes up, mirrors a real tree, cuts the power of one, shows the takeover, lets it return, fails back, and proves that nothing was lost.")
  .option("--once", "end after the story; without it the pair stays up on a terminal, until Ctrl-C")
  .option("--json", "print one JSON object as the last line of standard output; the story goes to standard error")
  .option("--name <lab>", "name of the lab", "story")
  .addOption(new Option("--profile <profile>", "timing profile").choices(["fast", "balanced", "safety"]).default("balanced"))
  .parse();
const { once, json, name, profile } = program.opts<{ once?: boolean; json?: boolean; name: string; profile: Profile }>();

const began = performance.now();
const tell = (line: string): void => {
  const stamped = `${((performance.now() - began) / 1000).toFixed(1).padStart(6)} s  ${line}`;
  if (json === true) console.error(stamped);
  else console.log(stamped);
};

const lab = new Lab(name);
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.once(signal, () => void lab.down().finally(() => process.exit(130)));
}

let ok = false;
try {
  const figures = await tellStory(lab, profile, tell);
  ok = promises(profile).every((promise) => isKept(promise, figures[promise.figure]));
  tell(`${ok ? "Every promise was kept" : "A promise was BROKEN"} (${profile} profile):\n\n${table(figures, profile)}\n`);
  if (json === true) console.log(JSON.stringify({ ok, figures }));
} catch (error) {
  tell(`The story could not go on: ${(error as Error).message}`);
  for (const node of ["serv1", "serv2"]) tell(`Last words of ${node}:\n${lastWords(lab, node)}`);
  if (json === true) console.log(JSON.stringify({ ok: false, error: (error as Error).message }));
}

if (once !== true && process.stdout.isTTY) {
  tell(`The pair stays up. In another terminal, for example:
    npm run lab -- exec --name ${name} serv1 -- clusterd status
    npm run lab -- power-off --name ${name} serv2
    npm run lab -- --help
  Ctrl-C takes it down.`);
  setInterval(() => {}, 1 << 30);
} else {
  await lab.down();
  process.exit(ok ? 0 : 1);
}

/** From the node's disk, since the node may be off. */
function lastWords(lab: Lab, node: string): string {
  try {
    return readFileSync(`${lab.disk(node)}/var/log/clusterd/clusterd-console.log`, "utf8").split("\n").slice(-25).join("\n");
  } catch (error) {
    return (error as Error).message;
  }
}
