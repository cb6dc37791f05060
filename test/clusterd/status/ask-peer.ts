// One question to the peer, from a process of its own, so that it can run in another network: JSON in the first word, JSON out.

import { loadConfig } from "../../../clusterd/config/load.ts";
import { ETC } from "../../../clusterd/base/paths.ts";
import { askPeer } from "../../../clusterd/status/peer.ts";
import type { AskOptions } from "../../../clusterd/status/peer.ts";

const { words, options } = JSON.parse(process.argv[2] ?? "") as { readonly words: readonly string[]; readonly options: AskOptions };
const loaded = loadConfig({ etc: ETC, self: process.env["CLUSTERD_NODE"] ?? "" });
if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
process.stdout.write(JSON.stringify(await askPeer(loaded.config, words, options)));
