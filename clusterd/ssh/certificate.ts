// The pair's own authority for host keys, and the certificates that it signs. Pure.
//
// After a takeover another machine answers under the same name and address, with another host key. Clients that trust the pair's
// authority for the pair's names, instead of one machine's key, are not alarmed. Authority and certificates follow from the
// heartbeat key alone (RFC 5869), so both nodes have the same without carrying anything, and signing again gives the same
// text: whether a certificate is still right is a comparison. Form: OpenSSH, PROTOCOL.certkeys; RFC 4251 §5; Ed25519: RFC 8032.

import { createHmac, createPrivateKey, createPublicKey, hkdfSync, sign } from "node:crypto";
import type { KeyObject } from "node:crypto";

export interface Authority {
  /** `ssh-ed25519 BASE64` */
  readonly publicKey: string;
  readonly privateKey: KeyObject;
}

const SEED_BYTES = 32;
/** What stands before the seed in PKCS #8 (RFC 8410 §7). */
const PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex");
const HOST = 2;
/** It ends when the heartbeat key is replaced: an end by the calendar would alarm just those whom it is to spare. */
const FOR_EVER = 2n ** 64n - 1n;

const number32 = (value: number): Buffer => { const bytes = Buffer.alloc(4); bytes.writeUInt32BE(value); return bytes; };
const number64 = (value: bigint): Buffer => { const bytes = Buffer.alloc(8); bytes.writeBigUInt64BE(value); return bytes; };
const text = (value: string | Buffer): Buffer => { const bytes = Buffer.from(value as string); return Buffer.concat([number32(bytes.length), bytes]); };

export function authorityOf(clusterKey: Buffer, cluster: string): Authority {
  const seed = Buffer.from(hkdfSync("sha256", clusterKey, "clusterd host authority", JSON.stringify([cluster]), SEED_BYTES));
  const privateKey = createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: "der", type: "pkcs8" });
  const raw = Buffer.from(createPublicKey(privateKey).export({ format: "jwk" }).x ?? "", "base64url");
  return { privateKey, publicKey: `ssh-ed25519 ${Buffer.concat([text("ssh-ed25519"), text(raw)]).toString("base64")}` };
}

/** One line, as in ssh_host_ed25519_key-cert.pub. `hostKey`: `TYPE BASE64`, of any type that OpenSSH knows. */
export function hostCertificate({ privateKey, publicKey }: Authority, hostKey: string, names: readonly string[], id: string): string {
  const [type = "", base64 = ""] = hostKey.split(" ");
  const key = Buffer.from(base64, "base64");
  const blob = (line: string): Buffer => Buffer.from(line.split(" ")[1] ?? "", "base64");
  const certified = `${type}-cert-v01@openssh.com`;
  const rest = Buffer.concat([
    // The key's own numbers are what follows its type.
    key.subarray(4 + key.readUInt32BE(0)),
    number64(0n), number32(HOST), text(id), text(Buffer.concat(names.map(text))), number64(0n), number64(FOR_EVER),
    text(""), text(""), text(""), text(blob(publicKey)),
  ]);
  // Nobody without the authority's key can foretell it, which is all that is asked of it.
  const nonce = createHmac("sha256", privateKey.export({ format: "der", type: "pkcs8" })).update(certified).update(rest).digest();
  const body = Buffer.concat([text(certified), text(nonce), rest]);
  const signature = Buffer.concat([text("ssh-ed25519"), text(sign(null, body, privateKey))]);
  return `${certified} ${Buffer.concat([body, text(signature)]).toString("base64")} ${id}`;
}
