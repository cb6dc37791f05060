// Arithmetic on IPv4, IPv6 and MAC addresses, as far as a configuration needs it. Pure.

import { isIPv4, isIPv6, SocketAddress } from "node:net";

export const isAddress4 = isIPv4;

const toNumber = (address: string): number => address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
const toText = (number: number): string => [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join(".");
const mask = (prefix: number): number => (prefix === 0 ? 0 : (0xffffffff << (32 - prefix)) >>> 0);

export const networkOf = (address: string, prefix: number): string => toText((toNumber(address) & mask(prefix)) >>> 0);
export const broadcastOf = (address: string, prefix: number): string => toText((toNumber(address) | ~mask(prefix)) >>> 0);
export const isWithin = (address: string, network: string, prefix: number): boolean => networkOf(address, prefix) === networkOf(network, prefix);

/** "255.255.255.0" → 24; null when its ones are not all in front. */
export function prefixOfNetmask(netmask: string): number | null {
  if (!isIPv4(netmask)) return null;
  const prefix = 32 - Math.clz32(~toNumber(netmask)) === 0 ? 32 : Math.clz32(~toNumber(netmask));
  return mask(prefix) === toNumber(netmask) ? prefix : null;
}

/** Why no machine can have this IPv4 address; null when one can. The prefix decides network and broadcast address (RFC 3021 spares /31). */
export function whyNoHost(address: string, prefix = 32): string | null {
  const first = Number(address.split(".")[0]);
  if (first === 0) return "an address in 0.0.0.0/8";
  if (first === 127) return "a loopback address";
  if (address === "255.255.255.255") return "the broadcast address";
  if (first >= 224) return "a multicast or reserved address";
  if (prefix > 30) return null;
  if (address === networkOf(address, prefix)) return `the network address of its /${prefix}`;
  return address === broadcastOf(address, prefix) ? `the broadcast address of its /${prefix}` : null;
}

/** The one short spelling of an IPv6 address (RFC 5952); null when it is none. */
export function canonical6(text: string): string | null {
  return isIPv6(text) && !text.includes("%") ? new SocketAddress({ address: text, family: "ipv6" }).address : null;
}

/** Lower case with colons; null when it is no MAC address. */
export function canonicalMac(text: string): string | null {
  const mac = text.toLowerCase().replaceAll("-", ":");
  return /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(mac) ? mac : null;
}

/** Why no NIC can have this MAC; null when one can. */
export function whyNoMac(mac: string): string | null {
  if (mac === "00:00:00:00:00:00") return "all zero";
  if (mac === "ff:ff:ff:ff:ff:ff") return "the broadcast address";
  return (parseInt(mac.slice(0, 2), 16) & 1) === 1 ? "a multicast address (its first byte is odd)" : null;
}
