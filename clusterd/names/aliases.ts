// Which name leads to which address: the DNS alias of each service. Pure.
//
// An alias follows its service by itself: the addresses move to the owner, the name stays. A service with addresses of its own is
// found there, any other at the address of its identity.

import type { Config } from "../config/config.ts";

export interface Alias {
  readonly alias: string;
  readonly service: string;
  /** The node whose identity it moves with. */
  readonly home: string;
  readonly addresses: readonly { readonly type: "A" | "AAAA"; readonly address: string }[];
}

export function aliasesOf({ services, nodes }: Pick<Config, "services" | "nodes">): readonly Alias[] {
  return services.flatMap(({ alias, name, home, addresses }) => {
    if (alias === null) return [];
    const { main } = nodes[home];
    const own = addresses.map(({ address }) => ({ type: "A" as const, address }));
    const identity = [{ type: "A" as const, address: main.address }, ...(main.address6 === null ? [] : [{ type: "AAAA" as const, address: main.address6.address }])];
    return [{ alias, service: name, home: nodes[home].name, addresses: own.length > 0 ? own : identity }];
  });
}

/** Lines for /etc/hosts (hosts(5)). */
export const hostsLines = (aliases: readonly Alias[], zone: string | null): string =>
  aliases.flatMap(({ alias, addresses, home }) => addresses.map(({ address }) => `${address}\t${zone === null ? "" : `${full(alias, zone)} `}${alias}\t# with ${home}`)).join("\n");

/** Lines of a zone file (RFC 1035, 5). */
export const zoneLines = (aliases: readonly Alias[], zone: string | null, ttl: number): string =>
  aliases.flatMap(({ alias, addresses }) => addresses.map(({ type, address }) => `${zone === null ? alias : `${full(alias, zone)}.`}\t${ttl}\tIN\t${type}\t${address}`)).join("\n");

export interface Update { readonly zone: string; readonly ttl: number; readonly server: { readonly host: string; readonly port: number } | null }

/** What nsupdate(1) is told: each alias gets exactly these addresses, in one transaction (RFC 2136). */
export function updateScript(aliases: readonly Alias[], { zone, ttl, server }: Update): string {
  const names = [...new Set(aliases.map(({ alias }) => alias))];
  return [
    ...(server === null ? [] : [`server ${server.host} ${server.port}`]),
    `zone ${zone}.`,
    ...names.flatMap((alias) => (["A", "AAAA"] as const).map((type) => `update delete ${full(alias, zone)}. ${type}`)),
    ...aliases.flatMap(({ alias, addresses }) => addresses.map(({ type, address }) => `update add ${full(alias, zone)}. ${ttl} ${type} ${address}`)),
    "send", "",
  ].join("\n");
}

const full = (alias: string, zone: string): string => `${alias}.${zone}`;
