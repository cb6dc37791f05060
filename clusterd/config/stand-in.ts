// Which MAC a NIC has while it carries no identity.
//
// Locally administered (IEEE 802: second-lowest bit of the first byte), derived from the node's main MAC and the NIC's
// role by SHA-256, so that both nodes compute the same and a reboot changes nothing; never a MAC that is taken.

import { createHash } from "node:crypto";

/** `taken`: the identities' MACs and the stand-ins given out so far. */
export function standInMac(mainMac: string, role: "main" | "redundant", taken: readonly string[]): string {
  for (let attempt = 0; ; attempt += 1) {
    const bytes = createHash("sha256").update(`clusterd stand-in ${mainMac} ${role} ${attempt}`).digest().subarray(0, 6);
    bytes[0] = ((bytes[0] ?? 0) & 0xfc) | 0x02;
    const mac = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(":");
    if (!taken.includes(mac)) return mac;
  }
}
