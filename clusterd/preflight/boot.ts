// What the system itself does at boot: network files that would raise an identity, services that would start by themselves.

import { existsSync, readFileSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { run } from "../base/exec.ts";
import type { Config } from "../config/config.ts";
import type { Facts } from "./facts.ts";

const PATIENCE = 5000;
/** Where Debian, Red Hat, netplan, networkd and NetworkManager keep what they raise. */
const NETWORK_FILES: readonly (readonly [folder: string, names: RegExp])[] = [
  ["/etc/network", /^interfaces$/], ["/etc/network/interfaces.d", /./], ["/etc/netplan", /\.ya?ml$/], ["/run/systemd/network", /\.(network|link)$/], ["/etc/systemd/network", /\.(network|link)$/],
  ["/etc/NetworkManager/system-connections", /./], ["/etc/sysconfig/network-scripts", /^ifcfg-/], ["/etc/sysconfig/network", /^ifcfg-/],
];

export function raisedAtBoot(config: Config, root = "/"): Facts["raisedAtBoot"] {
  const identities = config.nodes.flatMap(({ name, main }) => [{ what: `the address of ${name} (${main.address})`, word: main.address }, { what: `the MAC of ${name} (${main.mac})`, word: main.mac }])
    .concat(config.services.flatMap(({ name, addresses }) => addresses.map(({ address }) => ({ what: `the address of ${name} (${address})`, word: address }))));
  return networkFiles(root).flatMap((file) => {
    const words = new Set(withoutComments(readFileSync(file, "utf8")).toLowerCase().split(/[^0-9a-f.:]+/));
    return identities.filter(({ word }) => words.has(word.toLowerCase())).map(({ what }) => ({ file: `/${file.slice(root.length)}`.replace("//", "/"), what }));
  });
}

const withoutComments = (text: string): string => text.split("\n").filter((line) => !/^\s*[#;]/.test(line)).join("\n");

function networkFiles(root: string): readonly string[] {
  return NETWORK_FILES.flatMap(([folder, names]) => {
    const at = join(root, folder);
    return existsSync(at) ? readdirSync(at, { withFileTypes: true }).filter((entry) => entry.isFile() && names.test(entry.name)).map(({ name }) => join(at, name)) : [];
  });
}

const hasSystemd = (): boolean => existsSync("/run/systemd/system");

export async function servicesOf(config: Config): Promise<Facts["services"]> {
  const services = config.services.filter(({ action }) => action !== null);
  return Promise.all(services.map(async ({ name, action }) => {
    if (action?.kind === "systemd") {
      const ran = await run(["systemctl", "is-enabled", action.unit], { timeout: PATIENCE });
      const said = ran.stdout.trim();
      return { name, what: action.unit, exists: said !== "" && said !== "not-found", atBoot: said === "enabled" };
    }
    const program = action?.kind === "init" ? action.script : action?.kind === "command" ? action.start[0] ?? "" : "";
    return { name, what: program, exists: existsSync(program), atBoot: action?.kind === "init" ? await initAtBoot(basename(program)) : false };
  }));
}

/** A start link of runlevel 2 to 5; with systemd its own view of the script counts. */
async function initAtBoot(script: string): Promise<boolean> {
  if (hasSystemd()) return (await run(["systemctl", "is-enabled", `${script}.service`], { timeout: PATIENCE })).stdout.trim() === "enabled";
  return ["2", "3", "4", "5"].some((level) => existsSync(`/etc/rc${level}.d`) && readdirSync(`/etc/rc${level}.d`).some((name) => new RegExp(`^S\\d\\d${script.replaceAll(/[^\w-]/g, ".")}$`).test(name)));
}

/** clusterd's own. Null where neither systemd nor init links are. */
export async function unitsOf(): Promise<Facts["units"]> {
  const enabled = async (unit: string): Promise<boolean> => (await run(["systemctl", "is-enabled", unit], { timeout: PATIENCE })).stdout.trim() === "enabled";
  if (hasSystemd()) return Promise.all(["clusterd", "clusterd-mirror"].map(async (name) => ({ name, atBoot: await enabled(name) })));
  return [{ name: "clusterd", atBoot: existsSync("/etc/init.d/clusterd") ? await initAtBoot("clusterd") : null }];
}
