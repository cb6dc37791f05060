// Starting, stopping and checking an identity's services: in which order, for how long, and with what result.
//
// Start goes by `order`, then name; stop goes the other way. One that fails does not keep the others from their turn: a
// node that serves something is better than none, and the outcome says what is missing. At most one thing happens to an
// identity's services at a time; a stop cancels every start that runs or waits. Each program is ended, with its whole
// process group, when its time is over. Stopping what never ran here is a success; a stop that leaves a process behind is none.
//
// Not here: when to start or stop (core/), and the identity itself, which goes down without waiting for any of this.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { reasonOf } from "../base/errors.ts";
import { describe, run, type Ran } from "../base/exec.ts";
import type { Log } from "../base/log.ts";
import { RUN } from "../base/paths.ts";
import { formatDuration, monotonicNow, type Duration } from "../base/time.ts";
import type { Config, ServiceConfig } from "../config/config.ts";
import type { Index } from "../core/model.ts";
import { inWords, leftoversOf } from "./leftovers.ts";
import { commandFor, INIT_FOLDERS, saysItRuns, serviceEnvironment, type ServiceVerb } from "./commands.ts";

export interface ServiceOutcome {
  readonly service: string;
  readonly ok: boolean;
  /** One sentence; of a failure: what was run, what it said, how long it took. */
  readonly detail: string;
  readonly took: Duration;
}

export interface ServicesOutcome {
  readonly ok: boolean;
  /** For people: "2 of 3 services started; samba: …". */
  readonly detail: string;
  readonly each: readonly ServiceOutcome[];
}

export interface Followed {
  readonly stopped: ServicesOutcome | null;
  readonly started: ServicesOutcome | null;
}

export type ServicesConfig = Pick<Config, "services" | "nodes">;

/** None of these rejects; what fails is in the outcome. */
export interface Services {
  start(identity: Index): Promise<ServicesOutcome>;
  stop(identity: Index): Promise<ServicesOutcome>;
  /** Stops and starts one of its services, in its turn. */
  restart(identity: Index, service: string): Promise<ServicesOutcome>;
  /** Does each service run? One that cannot be asked counts as well. Waits for nothing and changes nothing. */
  check(identity: Index): Promise<ServicesOutcome>;
  /** From now on by this configuration. What runs or waits keeps its place: a stop still cancels a start from before. */
  use(config: ServicesConfig): void;
  /** Of an identity whose services are started: what the configuration in use has no more is stopped as it was started, what it has more is
   *  started. A service whose unit, script or start command is another counts as both. Null: there is nothing to do. */
  follow(identity: Index): Promise<Followed | null>;
}

/** Where things are; tests have their own. */
export interface ServicePlaces {
  readonly path?: string;
  readonly initFolders: readonly string[];
  /** Takes the output of each service's last start and stop. */
  readonly outputs: string;
  /** Between SIGTERM and SIGKILL. */
  readonly grace: Duration;
}

const PLACES: ServicePlaces = {
  initFolders: INIT_FOLDERS,
  outputs: join(RUN, "services"),
  grace: 2000,
};

const CHECK_TIMEOUT: Duration = 10_000;
const DONE: Record<ServiceVerb, string> = { start: "started", stop: "stopped", check: "running" };

/** `started`: what an identity's stop has to end, whatever the configuration says by then; what a daemon before this one started was in the files that this one began with. */
type Waiting = { last: Promise<unknown>; readonly starts: Set<AbortController>; started: readonly ServiceConfig[] };

export function createServices(initial: ServicesConfig, log: Log, places: ServicePlaces = PLACES): Services {
  let config = initial;
  const of = (identity: Index): readonly ServiceConfig[] => inOrder(config.services.filter(({ home }) => home === identity));
  const waiting: readonly [Waiting, Waiting] = [newQueue(of(0)), newQueue(of(1))];

  async function each(verb: ServiceVerb, identity: Index, services: readonly ServiceConfig[], signal?: AbortSignal): Promise<ServicesOutcome> {
    const outcomes: ServiceOutcome[] = [];
    for (const service of services) {
      const outcome = verb === "stop" ? await stopped(service, identity) : await one(verb, service, identity, signal);
      outcomes.push(outcome);
      log.say(!outcome.ok ? "error" : verb === "check" ? "debug" : "info", `service.${verb}`, { service: service.name, identity: config.nodes[identity].name, ok: outcome.ok, because: outcome.detail });
    }
    return summary(verb, outcomes);
  }

  async function one(verb: ServiceVerb, service: ServiceConfig, identity: Index, signal?: AbortSignal): Promise<ServiceOutcome> {
    const began = monotonicNow();
    const outcome = (ok: boolean, detail: string): ServiceOutcome => ({ service: service.name, ok, detail, took: monotonicNow() - began });
    const { action } = service;
    if (action === null) return outcome(true, "has nothing to run");
    if (signal?.aborted === true) return outcome(false, "was not started: a stop came first");
    const command = commandFor(action, verb, places.initFolders);
    if (command.kind === "nothing") return outcome(true, `has no ${verb} command`);
    // A stop on a node where the service was never installed has nothing to do.
    if (command.kind === "problem") return outcome(verb === "stop", command.sentence);

    const ran = await execute(command.words, verb, service, identity, signal);
    if (verb === "check") {
      const runs = saysItRuns(action, ran);
      return runs === true ? outcome(true, "runs") : outcome(false, `${runs === null ? "gives no clear answer" : "does not run"}: ${describe(ran)}`);
    }
    if (ran.failure === null) return outcome(true, describe(ran));
    // Not every script calls it a success to stop what does not run, so ask.
    const check = verb === "stop" ? commandFor(action, "check", places.initFolders) : null;
    const gone = check?.kind === "run" && saysItRuns(action, await execute(check.words, "check", service, identity)) === false;
    return gone ? outcome(true, `does not run (${describe(ran)})`) : outcome(false, describe(ran));
  }

  /** Exit codes lie: nothing may go on that could still write to its files, or answer for it. */
  async function stopped(service: ServiceConfig, identity: Index): Promise<ServiceOutcome> {
    const outcome = await one("stop", service, identity);
    if (!outcome.ok || service.action === null) return outcome;
    const left = await leftoversOf(service.name, config.nodes[identity].name, places.grace);
    return left.length === 0 ? outcome : { ...outcome, ok: false, detail: inWords(left) };
  }

  function execute(words: readonly string[], verb: ServiceVerb, service: ServiceConfig, identity: Index, signal?: AbortSignal): Promise<Ran> {
    // What is started may leave a daemon that goes on writing; a check's answer is read from its output.
    const outputFile = verb === "check" ? null : outputFileOf(service, verb);
    return run(words, {
      timeout: verb === "start" ? service.startTimeout : verb === "stop" ? service.stopTimeout : CHECK_TIMEOUT,
      grace: places.grace,
      onlyEnv: true,
      ordinary: true,
      env: serviceEnvironment(service.name, config.nodes[identity].name, places.path),
      cwd: "/",
      ...(outputFile !== null && { outputFile }),
      ...(signal !== undefined && { signal }),
    });
  }

  /** Null when its folder cannot be made: a service is not kept down for that. */
  function outputFileOf({ name }: ServiceConfig, verb: ServiceVerb): string | null {
    try {
      mkdirSync(places.outputs, { recursive: true, mode: 0o700 });
      return join(places.outputs, `${name}.${verb}`);
    } catch (error) {
      log.warn("service.output-lost", { service: name, because: `cannot create the folder ${places.outputs}: ${reasonOf(error)}` });
      return null;
    }
  }

  /** Behind everything that has been asked for this identity before. */
  function queue(identity: Index, work: () => Promise<ServicesOutcome>): Promise<ServicesOutcome> {
    const turn = waiting[identity].last.then(work);
    waiting[identity].last = turn.catch(() => {});
    return turn;
  }

  /** In its turn, unless a stop comes first. */
  function cancellable(identity: Index, work: (signal: AbortSignal) => Promise<ServicesOutcome>): Promise<ServicesOutcome> {
    const cancel = new AbortController();
    waiting[identity].starts.add(cancel);
    return queue(identity, () => work(cancel.signal)).finally(() => waiting[identity].starts.delete(cancel));
  }

  return {
    start: (identity) => cancellable(identity, (signal) => {
      const all = of(identity);
      waiting[identity].started = [...gone(waiting[identity].started, all), ...all];
      return each("start", identity, all, signal);
    }),
    restart: (identity, name) => cancellable(identity, async (signal) => {
      const services = of(identity).filter((service) => service.name === name);
      // What cannot be stopped may be what has to be replaced: its start is tried all the same.
      if (!signal.aborted) await each("stop", identity, services);
      return each("start", identity, services, signal);
    }),
    stop: (identity) => {
      for (const start of waiting[identity].starts) start.abort();
      return queue(identity, async () => {
        const all = of(identity);
        const outcome = await each("stop", identity, inOrder([...gone(waiting[identity].started, all), ...all]).toReversed());
        waiting[identity].started = all;
        return outcome;
      });
    },
    follow: async (identity) => {
      let followed: Followed | null = null;
      await cancellable(identity, async (signal) => {
        const [before, now] = [waiting[identity].started, of(identity)];
        const [leaving, coming] = [gone(before, now).toReversed(), gone(now, before)];
        if (signal.aborted || leaving.length + coming.length === 0) return NOTHING;
        // What does not stop is tried again when the identity leaves.
        waiting[identity].started = [...leaving, ...now];
        const stopped = leaving.length === 0 ? null : await each("stop", identity, leaving);
        const stays = leaving.filter(({ name }) => stopped?.each.some(({ service, ok }) => service === name && !ok));
        waiting[identity].started = [...stays, ...now];
        followed = { stopped, started: coming.length === 0 ? null : await each("start", identity, coming, signal) };
        return NOTHING;
      });
      return followed;
    },
    check: (identity) => each("check", identity, of(identity)),
    use: (next) => { config = next; },
  };
}

const NOTHING: ServicesOutcome = { ok: true, detail: "", each: [] };
const newQueue = (started: readonly ServiceConfig[]): Waiting => ({ last: Promise.resolve(), starts: new Set(), started });
const inOrder = (services: readonly ServiceConfig[]): readonly ServiceConfig[] => services.toSorted((a, b) => a.order - b.order || (a.name < b.name ? -1 : 1));

/** Those of `some` that run something which none of the others does under the same name. */
const gone = (some: readonly ServiceConfig[], others: readonly ServiceConfig[]): readonly ServiceConfig[] =>
  some.filter(({ name, action }) => action !== null && !others.some((other) => other.name === name && whatRuns(other.action) === whatRuns(action)));

/** Another stop or check command makes it no other program. */
const whatRuns = (action: ServiceConfig["action"]): string => JSON.stringify(action?.kind === "command" ? action.start : action);

function summary(verb: ServiceVerb, each: readonly ServiceOutcome[]): ServicesOutcome {
  const failed = each.filter(({ ok }) => !ok);
  const took = formatDuration(Math.round(each.reduce((sum, outcome) => sum + outcome.took, 0)));
  const count = failed.length === 0 ? `${each.length}` : `${each.length - failed.length} of ${each.length}`;
  const what = `${count} ${each.length === 1 ? "service" : "services"} ${DONE[verb]} in ${took}`;
  return { ok: failed.length === 0, detail: [each.length === 0 ? "no services" : what, ...failed.map(({ service, detail }) => `${service}: ${detail}`)].join("; "), each };
}
