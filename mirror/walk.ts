// Everything below a folder, with names as the bytes they are: a name that is no UTF-8 cannot be opened again by its text.
//
// Links are not followed. What goes while we look, or cannot be read, is passed over. Node core only.

import { readdirSync } from "node:fs";

export interface Found { readonly path: Buffer; /** From the root, without a slash at either end. */ readonly name: Buffer; readonly folder: boolean }

const SLASH = 0x2f;

/** `enter` says whether to look into a folder; default: into each. Folders come before what is in them. */
export function* walk(root: string | Buffer, enter: (found: Found) => boolean = () => true): Generator<Found> {
  const bare = Buffer.from(root as string);
  const top = bare.at(-1) === SLASH ? bare : Buffer.concat([bare, Buffer.from("/")]);
  const waiting: Buffer[] = [Buffer.alloc(0)];
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    for (const entry of entries(Buffer.concat([top, at]))) {
      const name = Buffer.concat([at, entry.name]);
      const found: Found = { path: Buffer.concat([top, name]), name, folder: entry.isDirectory() };
      yield found;
      if (found.folder && enter(found)) waiting.push(Buffer.concat([name, Buffer.from("/")]));
    }
  }
}

function entries(folder: Buffer) {
  try {
    return readdirSync(folder, { withFileTypes: true, encoding: "buffer" });
  } catch {
    return [];
  }
}

/** rsync(1), --8-bit-output: in the C locale what is not printable ASCII is \#ooo, and so is a backslash that looks like that. */
export function asRsyncPrints(name: Buffer): string {
  const octal = (character: string): string => `\\#${character.charCodeAt(0).toString(8).padStart(3, "0")}`;
  return name.toString("latin1").replace(/[^\x20-\x7e]|\\(?=#\d{3})/g, octal);
}

/** The bytes again, one in each character. */
export const fromRsyncPrint = (printed: string): string => printed.replace(/\\#(\d{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
