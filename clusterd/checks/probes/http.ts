// One GET: its status, and what the page must hold. The whole of it has `timeout`, not each part.

import { get } from "node:http";
import { formatDuration } from "../../base/time.ts";
import type { Check } from "../../config/config.ts";
import type { Answer, How } from "../probe.ts";
import { judge, MOST_READ, whyNot } from "./expect.ts";

export function askHttp({ address, port, path, status, expect }: Check & { kind: "http" }, { timeout, signal }: How): Promise<Answer> {
  const { promise, resolve } = Promise.withResolvers<Answer>();
  const done = (answer: Answer): void => { clearTimeout(timer); request.destroy(); resolve(answer); };
  let came = "no answer";
  const timer = setTimeout(() => done({ ok: false, said: `${came} within ${formatDuration(timeout)}` }), timeout);
  // No kept connection: a new one is what a new client would need.
  const request = get({ host: address, port, path, agent: false, headers: { "user-agent": "clusterd", connection: "close" }, ...(signal !== undefined && { signal }) }, (response) => {
    const got = `status ${response.statusCode}`;
    if (response.statusCode !== status) return done({ ok: false, said: `${got} ${response.statusMessage ?? ""}, not ${status}` });
    if (expect === null) return done({ ok: true, said: got });
    came = `${got}, but no whole page`;
    let text = "";
    response.setEncoding("utf8").on("data", (more: string) => {
      text = (text + more).slice(0, MOST_READ);
      if (text.length === MOST_READ) done(judge(text, expect, got));
    });
    response.on("end", () => done(judge(text, expect, got)));
    response.on("error", (error) => done({ ok: false, said: whyNot(error) }));
  });
  request.on("error", (error) => done({ ok: false, said: whyNot(error) }));
  return promise;
}
