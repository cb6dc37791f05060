// The lab's command line: npm run lab -- VERB. Each verb acts on the lab named by --name.
//
// Exit: 0 done; 1 it failed, with a sentence; `exec` and `client`: the program's own; 2 wrong usage (from commander).

import { setTimeout as sleep } from "node:timers/promises";

import { Command, Option } from "commander";
import { execa } from "execa";

import { NIC_WORDS, NICS } from "./cables.ts";
import type { Nic, NicWord } from "./cables.ts";
import { Lab } from "./lab.ts";
import type { Client } from "./lab.ts";
import { owners } from "./owners.ts";
import { Asker } from "./outage.ts";

const program = new Command("lab").description("Two real nodes, a switch, a crossover cable, reference hosts, clients and a witness, in namespaces of this machine.")
  .enablePositionalOptions();

interface Common { readonly name: string; readonly json?: boolean }

/** A verb with the options that all have. What `act` returns is printed: as JSON, or by `say` for people. */
function verb(usage: string, description: string, act: (lab: Lab, args: readonly string[], options: Common & Record<string, unknown>) => Promise<object | void>, say?: (result: any) => string): Command {
  const command = program.command(usage).description(description)
    .option("--name <lab>", "which lab; several run side by side", "main")
    .option("--json", "print one JSON object");
  return command.action(async (...given: unknown[]) => {
    const args = command.processedArgs.flat().filter((each): each is string => typeof each === "string");
    const options = command.opts<Common & Record<string, unknown>>();
    const result = await act(new Lab(options.name), args, options) ?? { ok: true };
    if (options.json === true) console.log(JSON.stringify(result));
    else if (say !== undefined) console.log(say(result));
    void given;
  });
}

verb("up", "Build the lab and boot both nodes. Leftovers of that name, running or not, are removed first.", async (lab, _, options) => {
  const began = performance.now();
  await lab.up({
    daemon: options["daemon"] !== false,
    ...(typeof options["config"] === "string" ? { configuration: options["config"] } : {}),
    ...(typeof options["profile"] === "string" ? { profile: options["profile"] } : {}),
  });
  return { ok: true, took_ms: Math.round(performance.now() - began), folder: lab.folder };
}, ({ took_ms, folder }) => `up in ${took_ms} ms; consoles and logs in ${folder}`)
  .option("--no-daemon", "do not start clusterd and mirror on the nodes")
  .option("--config <folder>", "configuration of the nodes instead of the sample")
  .addOption(new Option("--profile <profile>", "timing profile").choices(["fast", "balanced", "safety"]));

verb("down", "Remove the lab: processes, networks, disks.", (lab) => lab.down());

verb("status", "Which nodes are on.", async (lab) => ({
  up: lab.isUp,
  nodes: lab.isUp ? Object.fromEntries(lab.nodes().map(({ name }) => [name, lab.isOn(name) ? "on" : "off"])) : {},
}), ({ up, nodes }) => up ? Object.entries(nodes).map(([name, power]) => `${name} ${power}`).join("\n") : "down");

const joined = (command: Command): Command => command.passThroughOptions().allowExcessArguments();

joined(verb("exec <node> <command...>", "Run a program on a node: exec serv1 -- ip address", async (lab, [node, ...command]) =>
  handOver(lab.onNode(node!, undashed(command)))));

joined(verb("client <command...>", "Run a program of this machine as a client on the LAN: client -- ping 192.168.50.1", async (lab, command, { arp }) =>
  handOver(lab.onHost(arp === "frozen" ? "client-frozen" : "client", undashed(command)))))
  .addOption(new Option("--arp <cache>", "the client with an ordinary ARP cache, or the one whose entries never change").choices(["ordinary", "frozen"]).default("ordinary"));

verb("power-off <node>", "Pull the node's mains plug: ports dark and all processes killed within a millisecond.", (lab, [node]) => lab.powerOff(node!));
verb("power-on <node>", "Boot the node from its disk.", (lab, [node]) => lab.powerOn(node!));
verb("freeze <node>", "Stop all processes of the node; its kernel lives.", (lab, [node]) => lab.freeze(node!));
verb("thaw <node>", "Let them go on.", (lab, [node]) => lab.thaw(node!));
verb("unplug <node> <nic>", "Pull a cable: eth0, eth1 or eth2.", (lab, [node, nic]) => lab.unplug(node!, oneOf(NICS, nic!) as Nic));
verb("plug <node> <nic>", "Plug it in again.", (lab, [node, nic]) => lab.plug(node!, oneOf(NICS, nic!) as Nic));
verb("cut <from> <to> <nic>", "One way: nothing that FROM sends by NIC (eth0 eth1 eth2 lan all) reaches TO. FROM and TO: a node, client, client-frozen, reference1…3, references.",
  (lab, [from, to, nic]) => lab.cut(from!, to!, oneOf(NIC_WORDS, nic!) as NicWord));
verb("serial [how...]", "How the serial line is: cut, stuck, noise=P, drop=P, chatter=N; nothing: whole.", async (lab, how) => lab.setSerialLine(how.join(" ")));
verb("mend", "Undo all cuts and plug all cables in.", (lab) => lab.mend());

verb("owners", "Which port spoke for which identity, and for how long two did at once: from the sniffer. Times: CLOCK_MONOTONIC, ms.",
  (lab, _, { since, silence }) => owners(lab, since === undefined ? 0 : Number(since), silence === undefined ? undefined : Number(silence)),
  (found) => JSON.stringify(found, null, 2))
  .option("--since <ms>", "only what was said from then on (CLOCK_MONOTONIC)")
  .option("--silence <ms>", "an owner silent for longer while another port spoke has moved away (2000)");

verb("outage [action]", "Gaps that a client sees at a request every 2 ms. ACTION: start, report, stop; without one, measures for --seconds.", async (lab, [action], options) => {
  const identity = typeof options["identity"] === "string" ? options["identity"] : lab.nodes()[0].name;
  const askers = (["client", "client-frozen"] as Client[]).map((as) => new Asker(lab, identity, as));
  const [ordinary, frozen] = askers as [Asker, Asker];
  const running = askers.some((asker) => asker.isRunning);
  if (action === "start" || (action === undefined && !running)) await Promise.all(askers.map((asker) => asker.start()));
  if (action === "start") return;
  if (action === undefined && !running) await sleep(Number(options["seconds"]) * 1000);
  else await sleep(300);
  if (action === "stop" || (action === undefined && !running)) {
    for (const asker of askers) asker.stop();
    await sleep(50);
  }
  return { ...ordinary.report(), identity, frozen_arp: frozen.report() };
}, (outage) => JSON.stringify(outage ?? {}, null, 2))
  .option("--identity <node>", "whose address to ask; default the first node's")
  .option("--seconds <s>", "how long to measure when no asker is running", "10");

program.parseAsync().catch((error: Error) => {
  const sentence = error.message.split("\n")[0];
  if (process.argv.includes("--json")) console.log(JSON.stringify({ ok: false, error: sentence }));
  console.error(`lab: ${sentence}`);
  process.exitCode = 1;
});

/** `exec serv1 -- CMD`: the dashes end our own options and are no part of the command. */
function undashed(command: readonly string[]): readonly string[] {
  return command[0] === "--" ? command.slice(1) : command;
}

/** The program takes our terminal and our exit code is its own. */
async function handOver([file, args]: [string, string[]]): Promise<never> {
  const { exitCode, signal } = await execa(file, args, { stdio: "inherit", reject: false });
  process.exit(exitCode ?? (signal === undefined ? 1 : 128));
}

function oneOf<T extends string>(words: readonly T[], word: string): T {
  const found = words.find((each) => each === word);
  if (found === undefined) throw new Error(`${word}: one of ${words.join(", ")}`);
  return found;
}
