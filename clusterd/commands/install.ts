import type { Command } from "./command.ts";
export const INSTALL_COMMANDS: readonly Command[] = [];
