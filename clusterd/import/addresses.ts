// Service addresses as the old formats write them: IP, perhaps a prefix or netmask, perhaps a broadcast address.

import { broadcastOf, isAddress4, prefixOfNetmask, whyNoHost } from "../config/addresses.ts";
import { append, note } from "./draft.ts";
import type { Draft, DraftService, Where } from "./draft.ts";

/** When nothing says how large the network is. */
const USUAL = 24;

export interface OldAddress { readonly address: string; readonly prefix: string | null; readonly broadcast: string | null }

/** Adds it to the service, or says why not. */
export function takeAddress(draft: Draft, service: DraftService, where: Where, { address, prefix, broadcast }: OldAddress): void {
  if (!isAddress4(address)) {
    const six = address.includes(":");
    return note(draft, "lost", where, six ? "services have IPv4 addresses here" : `${address} is no IPv4 address`, six ? "one IPv6 address moves with the identity: MAIN_IPADDR6 in the home node's file" : "address[] = IP/PREFIX in the service's file");
  }
  const length = prefix === null ? USUAL : /^\d{1,2}$/.test(prefix) ? Number(prefix) : prefixOfNetmask(prefix);
  if (length === null || length < 1 || length > 32) return note(draft, "lost", where, `${prefix} is neither a prefix length nor a netmask`, "address[] = IP/PREFIX in the service's file");
  const why = whyNoHost(address, length);
  if (why !== null) return note(draft, "lost", where, `${address} is ${why}`, "address[] = IP/PREFIX in the service's file, with the right prefix");
  const right = broadcastOf(address, length);
  const kept = broadcast !== null && broadcast === right ? ` ${broadcast}` : "";
  append(service.service, "address", `${address}/${length}${kept}`);
  const to = `${placeOf(service)} address[] = ${address}/${length}${kept}`;
  if (prefix === null) note(draft, "guessed", where, to, `it does not say how large the network is: is it really /${USUAL}?`);
  else note(draft, "carried", where, to);
  if (broadcast !== null && kept === "") note(draft, "lost", where, `${broadcast} is not the broadcast address of ${address}/${length}, which is ${right}`, "nothing, if the prefix is right: the right one is used");
}

export const placeOf = (service: DraftService): string => `${service.home.name ?? "?"}/${service.name}.conf`;
