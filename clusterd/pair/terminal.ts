// Questions to the person at the terminal. Prompts go to standard error, so that --json stays one object.

import { createInterface } from "node:readline/promises";

export const atTerminal = (): boolean => process.stdin.isTTY && process.stderr.isTTY;

/** What was typed; Enter takes the proposal. */
export async function ask(question: string, proposal: string | null): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const typed = (await terminal.question(`${question}${proposal === null ? "" : ` [${proposal}]`}: `)).trim();
    return typed === "" ? proposal ?? "" : typed;
  } finally {
    terminal.close();
  }
}

/** Asked until it is one of the two. */
export async function askYes(question: string): Promise<boolean> {
  for (;;) {
    const typed = (await ask(`${question} yes or no`, null)).toLowerCase();
    if (/^(y|yes|n|no)$/.test(typed)) return typed.startsWith("y");
  }
}

/** Without showing it. */
export async function askSecret(question: string): Promise<string> {
  process.stderr.write(`${question}: `);
  const terminal = createInterface({ input: process.stdin, terminal: true });
  try {
    return await terminal.question("");
  } finally {
    terminal.close();
    process.stderr.write("\n");
  }
}
