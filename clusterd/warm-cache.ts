// Fills Node's compile cache with the daemon's modules, so that its first start needs no TypeScript stripper:
// 60 MB resident instead of 100, and half the start-up time. Run once by `clusterd install`; doing it again does no harm.

import { flushCompileCache } from "node:module";

await import("./main.ts");
flushCompileCache();
