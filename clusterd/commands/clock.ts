import type { Command } from "./command.ts";
export const CLOCK_COMMANDS: readonly Command[] = [];
