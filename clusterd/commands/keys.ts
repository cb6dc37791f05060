import type { Command } from "./command.ts";
export const KEY_COMMANDS: readonly Command[] = [];
