// Starts a helper that is talked with over its standard input and output, whatever the machine has left.
//
// Without a free file descriptor Node's spawn() gives a child that has no streams at all, without memory it throws. Here a helper
// that cannot be started is one that ends at once: it has streams, and "error" follows. "close" may not: take the first of the two.

import { ChildProcess, spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { PassThrough } from "node:stream";

export function startHelper(program: string, words: readonly string[], { cwd }: { readonly cwd?: string } = {}): ChildProcessWithoutNullStreams {
  const child = attempt(() => spawn(program, words, { stdio: "pipe", ...(cwd !== undefined && { cwd }) }));
  return Object.assign(child, { stdin: child.stdin ?? new PassThrough(), stdout: child.stdout ?? new PassThrough(), stderr: child.stderr ?? new PassThrough() }) as ChildProcessWithoutNullStreams;
}

function attempt(start: () => ChildProcess): ChildProcess {
  try {
    return start();
  } catch (error) {
    const none = new ChildProcess();
    process.nextTick(() => none.emit("error", error));
    return none;
  }
}
