// haresources of Linux-HA's heartbeat: which node has which addresses and scripts.
//
// Grammar: NODE RESOURCE…, a backslash joins lines, # begins a comment. A resource is SCRIPT::ARGUMENT::…, started from left to
// right; a bare address is IPaddr::ADDRESS, and that is IP[/NETMASK[/INTERFACE][/BROADCAST]].

import { isAddress4 } from "../config/addresses.ts";
import { placeOf, takeAddress } from "./addresses.ts";
import { append, guessKey, logicalLines, newService, nodeNamed, note } from "./draft.ts";
import type { Draft, DraftNode, DraftService, Source, Where } from "./draft.ts";

interface Elsewhere { readonly text: string; readonly instead: string }

const SHARED_DISK = (what: string): Elsewhere => ({ text: `${what}: clusterd's nodes share no disk`, instead: "the directory on a disk of each node's own, and in the service's file [mirror] path[] = DIRECTORY/" });

/** Resources that are neither an address nor the script of a service. `null`: clusterd does the same by itself. */
const KNOWN: Readonly<Record<string, Elsewhere | null>> = {
  Filesystem: SHARED_DISK("a file system that moves"), drbddisk: SHARED_DISK("a DRBD device"), drbdupper: SHARED_DISK("a DRBD device"),
  LVM: SHARED_DISK("a volume group"), Raid1: SHARED_DISK("an md array"), ServeRAID: SHARED_DISK("a shared RAID"), LinuxSCSI: SHARED_DISK("a shared SCSI disk"), ICP: SHARED_DISK("a shared RAID"), ids: SHARED_DISK("a shared disk"),
  MailTo: { text: "no mail is sent by a resource", instead: "notify_mail = ADDRESS in cluster.conf is told of every takeover" },
  AudibleAlarm: { text: "nothing beeps", instead: "notify = PROGRAM in cluster.conf is told of every takeover" },
  IPsrcaddr: { text: "packets of the node itself do not leave with a service's address", instead: "let the service bind to its address" },
  IPv6addr: { text: "services have IPv4 addresses here", instead: "one IPv6 address moves with the identity: MAIN_IPADDR6 in the home node's file" },
  SendArp: null, portblock: null, Delay: null, ManageVE: { text: "containers are not known here", instead: "start = systemd:UNIT, if a unit starts it" },
};
/** Scripts that heartbeat brought with it, in /etc/ha.d/resource.d. */
const HEARTBEATS_OWN = ["apache", "db2", "hto-mapfuncs", "ManageRAID", "Pure-FTPd", "WAS", "WAS6", "WinPopup", "Xen", "Xinetd", "OCF", "mysql", "pgsql", "oracle", "oralsnr", "ldirectord"];

export function readHaresources(source: Source, draft: Draft): void {
  for (const { line, text } of logicalLines(source.text, { joined: true })) {
    const [name = "", ...resources] = text.replace(/#.*$/, "").trim().split(/\s+/);
    if (name === "") continue;
    const home = nodeNamed(draft, name);
    if (home === null) { draft.obstacles.push(`${source.file}:${line}: the node ${name} is a third one beside ${draft.nodes.map((one) => one.name).join(" and ")}`); continue; }
    readGroup(draft, home, resources, { file: source.file, line });
  }
}

function readGroup(draft: Draft, home: DraftNode, resources: readonly string[], at: Pick<Where, "file" | "line">): void {
  const parsed = resources.map((directive) => ({ directive, ...parts(directive) }));
  const scripts = parsed.filter(({ script }) => script !== "IPaddr" && script !== "IPaddr2" && !Object.hasOwn(KNOWN, script));
  const services = scripts.map(({ directive, script, args }) => scriptService(draft, home, script, args, { ...at, directive }));
  // Addresses are up before any service starts, so they may stand with the group's first.
  let first: DraftService | null = services[0] ?? null;
  for (const { directive, script, args } of parsed) {
    const where: Where = { ...at, directive };
    if (script === "IPaddr" || script === "IPaddr2") {
      if (first === null) { first = newService(draft, `${home.name}-addresses`, home); first.from.push(`${at.file}:${at.line}`); }
      address(draft, first, args[0] ?? "", where);
    } else if (Object.hasOwn(KNOWN, script)) {
      const left = KNOWN[script];
      if (left === null || left === undefined) note(draft, "needless", where, "clusterd announces addresses, and answers on none before it owns it, by itself");
      else note(draft, "lost", where, left.text, script === "Filesystem" && args[1] !== undefined ? left.instead.replace("DIRECTORY", args[1].replace(/\/$/, "")) : left.instead);
    }
  }
}

function parts(resource: string): { readonly script: string; readonly args: readonly string[] } {
  const [script = "", ...args] = resource.split("::");
  return isAddress4(script.split("/")[0] ?? "") ? { script: "IPaddr", args: [script] } : { script, args };
}

function scriptService(draft: Draft, home: DraftNode, script: string, args: readonly string[], where: Where): DraftService {
  const name = script.split("/").at(-1) ?? script;
  const elsewhere = draft.services.some((other) => other.name === name.toLowerCase() && other.home !== home);
  const service = newService(draft, elsewhere ? `${name}-${home.name}` : name, home);
  const own = HEARTBEATS_OWN.includes(script);
  append(service.service, "order", String(10 * (1 + draft.services.filter((other) => other.home === home && other !== service && other.service.has("start")).length)));
  append(service.service, "start", `init:${own ? `/etc/ha.d/resource.d/${script}` : script}${args.map((arg) => `::${arg}`).join("")}`);
  service.from.push(`${where.file}:${where.line}`);
  if (own) note(draft, "guessed", where, `${placeOf(service)} start`, `${script} came with heartbeat: keep /etc/ha.d/resource.d/${script} on both nodes, or write start = systemd:UNIT`);
  else note(draft, "carried", where, `${placeOf(service)} start = init:${[script, ...args].join("::")}`);
  return service;
}

function address(draft: Draft, service: DraftService, text: string, where: Where): void {
  const [ip = "", prefix = null, ...more] = text.split("/");
  const nic = more.find((word) => !isAddress4(word))?.split(":")[0];
  takeAddress(draft, service, where, { address: ip, prefix, broadcast: more.find(isAddress4) ?? null });
  if (nic === undefined) return;
  guessKey(draft, [service.home], "MAIN_INTERFACE", nic, where, `is ${nic} where clients come in?`);
}
