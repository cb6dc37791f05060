// Are changed files sent whole, or as what differs from the old copy?
//
// Deltas save the link and cost both nodes' processors and disks a reading of the old and the new file; which is faster depends on link, disks and files, so
// it is measured: every push of some size says how many bytes of content it brought over in a second, whole or as deltas, by link and
// by size of file. Until both are known, deltas, as rsync itself decides for a remote copy. Pure.

import type { Duration } from "../clusterd/base/time.ts";
import type { WholeFile } from "../clusterd/config/config.ts";
import type { Link } from "./links.ts";
import type { Counts } from "./rsync-outcome.ts";

/** Bytes of content a second. */
interface Speed { readonly whole: number | null; readonly delta: number | null }
/** By link and size of file: `private, small files`. */
export type Speeds = Readonly<Record<string, Speed>>;

export interface Choice { readonly whole: boolean; readonly because: string }

/** Files of this many bytes on average are large. */
const LARGE = 1024 * 1024;
/** Less says more about the start than about the speed. */
const TELLING_BYTES = 8 * 1024 * 1024;
const TELLING_MS = 200;
const MB = 1_000_000;

/** What is sent: how many files, how large together. */
export interface Load { readonly link: Link["name"]; readonly files: number; readonly bytes: number }

export const kindOf = ({ link, files, bytes }: Load): string => `${link}, ${bytes / Math.max(1, files) >= LARGE ? "large" : "small"} files`;

/** `unfinished`: the run before was cut off, and has left half-received files. */
export function chooseWhole(setting: WholeFile, speeds: Speeds, load: Load, unfinished: boolean): Choice {
  if (setting !== "auto") return { whole: setting === "yes", because: `whole_file = ${setting}` };
  if (unfinished) return { whole: false, because: "deltas: the run before was cut off, and they go on from what it has left" };
  const kind = kindOf(load);
  const { whole, delta } = speeds[kind] ?? { whole: null, delta: null };
  if (whole === null || delta === null) return { whole: false, because: `deltas: ${whole === null && delta === null ? "nothing is measured yet" : `only ${whole === null ? "deltas are" : "whole files are"} measured yet`} (${kind})` };
  const speed = (rate: number): string => `${(rate / MB).toFixed(0)} MB/s`;
  return { whole: whole >= delta, because: `${whole >= delta ? "whole files" : "deltas"}: whole ${speed(whole)}, as deltas ${speed(delta)} (${kind})` };
}

/** With what a push has shown. What is new on the peer goes whole in any case. */
export function measured(speeds: Speeds, load: Load, whole: boolean, { overwritten, transferred }: Pick<Counts, "overwritten" | "transferred">, took: Duration): Speeds {
  if (load.bytes < TELLING_BYTES || took < TELLING_MS) return speeds;
  const how = whole || overwritten * 2 < transferred ? "whole" : "delta";
  const kind = kindOf(load);
  return { ...speeds, [kind]: { ...speeds[kind] ?? { whole: null, delta: null }, [how]: Math.round((load.bytes * 1000) / took) } };
}
