// A reporter for node --test that remembers what each test came to, for test/faults.md. It says nothing itself.

import type { TestEvent } from "node:test/reporters";

import { addResults, runnerOf } from "./results.ts";

export default async function* (events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of events) {
    if (event.type !== "test:pass" && event.type !== "test:fail") continue;
    const { name, file, skip, todo, details } = event.data;
    if (file === undefined || details.type === "suite" || todo !== undefined) continue;
    const skipped = skip !== undefined && skip !== false;
    addResults([{ runner: runnerOf(file), name, result: skipped ? "skipped" : event.type === "test:pass" ? "passed" : "failed", at: new Date().toISOString() }]);
  }
}
