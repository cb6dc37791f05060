// What look.sh says of a machine. Pure.

import { isAddress4 } from "../config/addresses.ts";

export interface Nic {
  readonly name: string;
  /** What it was built with, where it can say so; else what it has now. */
  readonly mac: string;
  readonly up: boolean;
  readonly carrier: boolean;
  readonly wireless: boolean;
  /** The bond or bridge that it belongs to. */
  readonly master: string | null;
  /** bond, bridge, vlan, veth, …; null: hardware, as far as the kernel can tell. */
  readonly kind: string | null;
  /** IPv4, without those of the machine itself (127…, 169.254…). */
  readonly addresses: readonly { readonly address: string; readonly prefix: number; /** by DHCP */ readonly dynamic: boolean }[];
}

export interface Machine {
  readonly name: string;
  readonly uid: number;
  readonly arch: string;
  readonly init: "systemd" | "sysv" | "none";
  /** clusterd has been started. */
  readonly runs: boolean;
  readonly nics: readonly Nic[];
  /** The default route. */
  readonly gateway: { readonly address: string; readonly nic: string } | null;
  readonly programs: readonly string[];
  /** The files of /etc/cluster.d, by their path in it. */
  readonly config: ReadonlyMap<string, string>;
  /** When each of them was changed last, in seconds since 1970 by that machine's clock. */
  readonly changed: ReadonlyMap<string, number>;
  /** The files of ifupdown, by full path. */
  readonly boot: ReadonlyMap<string, string>;
  /** NetworkManager or networkd runs, and may be whom a NIC has its address from. */
  readonly managed: boolean;
}

interface Line {
  readonly ifname: string; readonly flags?: readonly string[]; readonly address?: string; readonly permaddr?: string; readonly master?: string; readonly link_type?: string;
  readonly linkinfo?: { readonly info_kind?: string };
  readonly addr_info?: readonly { readonly family?: string; readonly local?: string; readonly prefixlen?: number; readonly scope?: string; readonly dynamic?: boolean }[];
}

const ETC = "/etc/cluster.d/";

/** Null when this is not all that look.sh has to say. */
export function readMachine(text: string): Machine | null {
  const facts = text.split("\n").map((line) => { const at = line.indexOf(" "); return at < 0 ? [line, ""] as const : [line.slice(0, at), line.slice(at + 1)] as const; });
  const all = (word: string): readonly string[] => facts.filter(([fact]) => fact === word).map(([, rest]) => rest);
  const one = (word: string): string => all(word)[0] ?? "";
  if (all("end").length === 0) return null;
  const wireless = all("wireless");
  const [route] = list(one("routes")) as readonly { readonly gateway?: string; readonly dev?: string }[];
  return {
    name: one("host"), uid: Number(one("uid")), arch: one("arch"), init: one("init") as Machine["init"], programs: all("program"), runs: all("daemon").length > 0,
    nics: (list(one("addresses")) as readonly Line[]).filter(({ link_type: type }) => type === "ether").map((line) => nicOf(line, wireless.includes(line.ifname))),
    gateway: route?.gateway === undefined || route.dev === undefined || !isAddress4(route.gateway) ? null : { address: route.gateway, nic: route.dev },
    config: new Map(all("config").map(decoded).map(([path, content]) => [path.slice(ETC.length), content])), changed: new Map(all("config").map(decoded).map(([path, , changed]) => [path.slice(ETC.length), changed])),
    boot: new Map(all("boot").map(decoded).map(([path, content]) => [path, content])), managed: all("manager").length > 0,
  };
}

const nicOf = ({ ifname: name, flags = [], address = "", permaddr, master, linkinfo, addr_info: info = [] }: Line, wireless: boolean): Nic => ({
  name, mac: (permaddr ?? address).toLowerCase(), up: flags.includes("UP"), carrier: flags.includes("LOWER_UP"), wireless, master: master ?? null, kind: linkinfo?.info_kind ?? null,
  addresses: info.flatMap(({ family, local, prefixlen, scope, dynamic }) => (family === "inet" && scope === "global" && local !== undefined && prefixlen !== undefined ? [{ address: local, prefix: prefixlen, dynamic: dynamic === true }] : [])),
});

function list(json: string): readonly unknown[] {
  try {
    return json === "" ? [] : JSON.parse(json) as readonly unknown[];
  } catch {
    return []; // an ip without -j: iproute2 of before 2018
  }
}

function decoded(rest: string): readonly [path: string, content: string, changed: number] {
  const [path = "", content = "", changed = ""] = rest.split(" ");
  const text = (word: string): string => Buffer.from(word, "base64").toString("utf8");
  return [text(path), text(content), Number(changed)];
}
