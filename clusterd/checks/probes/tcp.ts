// Connect, send, and read until what is expected has come. Without anything to expect, a connection is enough.

import { connect } from "node:net";
import { formatDuration } from "../../base/time.ts";
import type { Check } from "../../config/config.ts";
import type { Answer, How } from "../probe.ts";
import { judge, MOST_READ, whyNot } from "./expect.ts";

export function askTcp({ address, port, send, expect }: Check & { kind: "tcp" }, { timeout, signal }: How): Promise<Answer> {
  const { promise, resolve } = Promise.withResolvers<Answer>();
  const socket = connect({ host: address, port, ...(signal !== undefined && { signal }) });
  let [text, connected] = ["", false];
  const done = (answer: Answer): void => { clearTimeout(timer); socket.destroy(); resolve(answer); };
  const timer = setTimeout(() => done({ ok: false, said: `${connected ? text === "" ? "nothing was said" : judge(text, expect, "answers").said : "no connection"} within ${formatDuration(timeout)}` }), timeout);
  socket.setEncoding("utf8");
  socket.on("connect", () => {
    connected = true;
    if (send !== "") socket.write(send);
    if (expect === null) done({ ok: true, said: "connects" });
  });
  socket.on("data", (more: string) => {
    text = (text + more).slice(0, MOST_READ);
    const answer = judge(text, expect, "answers");
    if (answer.ok || text.length === MOST_READ) done(answer);
  });
  socket.on("end", () => done(judge(text, expect, text === "" ? "closes without a word" : "answers")));
  socket.on("error", (error) => done({ ok: false, said: whyNot(error) }));
  return promise;
}
