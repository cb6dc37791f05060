// The daemon's side of the service checks: keeps the process that asks, hands its answers to the policy, and does what that decides.
//
// The process is there only while something that is held here has checks. What is held is looked at every two seconds and with
// each answer, which is all that a daemon with checks does more; without any it does nothing.

import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { startHelper } from "../base/helper.ts";
import { fileURLToPath } from "node:url";
import { asOrdinary } from "../base/exec.ts";
import { monotonicNow, type Duration, type Instant } from "../base/time.ts";
import type { Config } from "../config/config.ts";
import { checkText } from "../config/check-text.ts";
import type { Index } from "../core/model.ts";
import { otherOf, type State as CoreState } from "../core/state.ts";
import type { NodeStatus } from "../status/control.ts";
import { initialState, type Decision, type Observation, type Plan, type State } from "./model.ts";
import { step } from "./policy.ts";
import type { Errand, Report } from "./prober.ts";

export interface ChecksRim {
  /** The core's state now. */
  state(): CoreState;
  restart(identity: Index, service: string): Promise<{ readonly ok: boolean; readonly detail: string }>;
  /** As a person would ask for it. */
  handOver(identity: Index, because: string): Promise<{ readonly ok: boolean; readonly text: string }>;
  tell(told: Decision & { kind: "tell" }): void;
  warn(because: string): void;
}

export interface Checks {
  use(config: Config): void;
  status(): NonNullable<NodeStatus["checks"]>;
  close(): void;
}

const LOOK: Duration = 2000;
const RESTART_PAUSE: Duration = 5000;
/** Without any answer for so long beyond what the slowest check may take, the process that asks hangs. */
const PATIENCE: Duration = 30_000;
const RUN_NODE = fileURLToPath(new URL("../bin/run-node", import.meta.url));
const PROBER = fileURLToPath(new URL("prober.ts", import.meta.url));

export function createChecks(initial: Config, rim: ChecksRim): Checks {
  let config = initial;
  let state: State = initialState(planOf(initial));
  let prober: ChildProcessWithoutNullStreams | null = null;
  let asked = "[]";
  let heardAt: Instant = 0;
  let startAfter: Instant = 0;
  let timer: NodeJS.Timeout | null = null;

  function happened(event: Observation): void {
    const decided = step(state, event);
    state = decided.state;
    for (const decision of decided.decisions) perform(decision);
  }

  function perform(decision: Decision): void {
    if (decision.kind === "tell") return rim.tell(decision);
    const { kind, service, identity } = decision;
    if (kind === "restart") return void rim.restart(identity, service).then(({ ok, detail }) => happened({ kind: "restarted", at: monotonicNow(), service, ok, said: detail }));
    void rim.handOver(identity, decision.because).then(({ ok, text }) => { if (!ok) happened({ kind: "refused", at: monotonicNow(), service, said: text }); });
  }

  /** What the core holds now, told to the policy when it is another than before; then the right things are asked. */
  function look(): void {
    const core = rim.state();
    for (const identity of [0, 1] as const) {
      const [now, before] = [heldIn(core, identity), state.held[identity]];
      if (now?.epoch !== before?.epoch || now?.active !== before?.active) happened({ kind: "held", at: monotonicNow(), identity, held: now });
    }
    const wanted = JSON.stringify(errandsOf(config, state));
    if (wanted !== asked) ask(wanted);
    else if (prober === null && wanted !== "[]" && monotonicNow() >= startAfter) ask(wanted);
    else if (prober !== null && monotonicNow() - heardAt > longest() + PATIENCE) prober.kill("SIGKILL");
  }

  const longest = (): Duration => Math.max(...state.plan.services.map(({ checking: { interval, timeout } }) => interval + timeout));

  function ask(errands: string): void {
    asked = errands;
    heardAt = monotonicNow();
    if (errands === "[]") dismiss();
    else (prober ??= launch()).stdin.write(`${errands}\n`);
  }

  /** It ends by itself, and is none of ours from now on. */
  function dismiss(): void {
    prober?.stdin.end();
    prober = null;
  }

  function launch(): ChildProcessWithoutNullStreams {
    const [program = "", ...words] = asOrdinary([RUN_NODE, "--max-semi-space-size=1", "--single-threaded", PROBER]);
    const started = startHelper(program, words, { cwd: "/" });
    let [rest, complaint] = ["", ""];
    started.stdout.setEncoding("utf8").on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      if (prober === started) for (const line of lines) hear(line);
    });
    started.stderr.setEncoding("utf8").on("data", (text: string) => { complaint = (complaint + text).slice(-500); });
    started.stdin.on("error", () => { /* its end is told by "close" */ });
    const gone = (): void => {
      if (prober !== started) return;
      prober = null;
      startAfter = monotonicNow() + RESTART_PAUSE;
      rim.warn(`the process that asks services has ended, and is started again: ${complaint.trim() || "it said nothing"}`);
    };
    started.on("error", (error) => { complaint = error.message; gone(); });
    started.on("close", gone);
    return started;
  }

  function hear(line: string): void {
    heardAt = monotonicNow();
    look();
    const { service, number, ok, said } = JSON.parse(line) as Report;
    happened({ kind: "answer", at: monotonicNow(), service, check: number, ok, said });
  }

  function watch(): void {
    const needed = state.plan.services.length > 0 || asked !== "[]";
    if (needed) timer ??= setInterval(look, LOOK);
    else if (timer !== null) { clearInterval(timer); timer = null; }
  }

  watch();
  return {
    use: (next) => {
      config = next;
      happened({ kind: "planned", at: monotonicNow(), plan: planOf(next) });
      look();
      watch();
    },
    status: () => statusOf(state, config),
    close: () => {
      if (timer !== null) clearInterval(timer);
      dismiss();
    },
  };
}

const planOf = ({ services, cluster }: Config): Plan => ({
  hold: cluster.checkHold,
  services: services.filter(({ checking }) => checking.checks.length > 0).map(({ name, home, action, checking }) => ({ name, home, startable: action !== null, checking })),
});

/** An identity whose services are started, or failed to: while they are being started or stopped an answer means nothing, and who works on the node may stop what he likes. */
function heldIn(core: CoreState, identity: Index): (Observation & { kind: "held" })["held"] {
  const { role, record, services } = core.holdings[identity];
  if (role !== "owner" && role !== "freezing") return null;
  const active = role === "owner" && services !== "starting" && services !== "stopping" && !core.maintenance;
  return { epoch: record.epoch, cameOver: record.lineage[1]?.owner === otherOf(core.config.self), active };
}

const errandsOf = ({ services, nodes }: Config, { held }: State): readonly Errand[] => services.filter(({ home }) => held[home]?.active === true).flatMap(({ name, home, action, checking: { checks, interval, timeout } }) =>
  checks.map((check, number) => ({ check, number, interval, timeout, action, service: name, identity: nodes[home].name })));

function statusOf({ plan, services, held }: State, { nodes }: Config): NonNullable<NodeStatus["checks"]> {
  const now = monotonicNow();
  return plan.services.flatMap(({ name, home, checking }) => {
    const own = services[name];
    if (own === undefined) return [];
    return [{
      service: name, identity: nodes[home].name, phase: own.phase, active: held[home]?.active ?? false, restarts: own.restarts.filter((at) => now - at < checking.restarts.within).length,
      retryIn: own.phase === "stuck" ? Math.max(0, own.retryAt - now) : null,
      checks: own.checks.map(({ failed, ok, said, row }, index) => ({
        check: checkText(checking.checks[index]!), state: failed === null ? "unknown" as const : failed ? "failing" as const : "passing" as const, ok, row, said,
      })),
    }];
  });
}
