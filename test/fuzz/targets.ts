// Every parser that is fuzzed.

import { ARBITER_TARGETS } from "./targets/arbiter.ts";
import { CONFIGURATION_TARGETS } from "./targets/configuration.ts";
import { REQUEST_TARGETS } from "./targets/requests.ts";
import { SCRIPT_TARGETS } from "./targets/scripts.ts";
import { STATE_TARGETS } from "./targets/state.ts";
import type { Target } from "./target.ts";

export const TARGETS: readonly Target[] = [...CONFIGURATION_TARGETS, ...STATE_TARGETS, ...REQUEST_TARGETS, ...SCRIPT_TARGETS, ...ARBITER_TARGETS];
