// What does a new configuration mean for the services that are started here? What is new is started, what is gone is stopped before it
// is forgotten, and both are said. A node that does not hold their identity has nothing to do: it will start what it then knows.
//
// Not here: what may change at all while a service runs (settings.ts).

import type { Config } from "../config/config.ts";
import type { Index } from "../core/model.ts";
import type { State } from "../core/state.ts";
import type { Services, ServicesOutcome } from "./services.ts";

export interface Following {
  /** Raises and takes away services' own addresses; what went wrong, or null. */
  readonly addresses: (config: Config) => Promise<string | null>;
  readonly services: Services;
  /** The core's, now. */
  state(): State;
  /** For the core: how the services of an identity are, when that has changed. */
  stand(identity: Index, ok: boolean, detail: string): void;
  tell(level: "info" | "alarm", event: string, identity: Index | null, because: string): void;
}

/** Whether an identity's services are up here, so that they follow. One without any until now counts, once it is owned. */
export const runsHere = ({ holdings, config }: State, identity: Index): boolean => {
  const { role, services } = holdings[identity];
  return role === "owner" && (services === "started" || services === "starting" || services === "failed" || (services === "stopped" && !config.hasServices[identity]));
};

/** Puts it in force for the services of these identities; resolves when all that follows from it is done. */
export async function follow({ addresses, services, state, stand, tell }: Following, config: Config, identities: readonly Index[]): Promise<void> {
  services.use(config);
  const lacking = await addresses(config);
  if (lacking !== null) tell("alarm", "network.addresses", null, `the addresses of the new configuration: ${lacking}`);
  await Promise.all(identities.map(async (identity) => {
    const { stopped, started } = await services.follow(identity) ?? { stopped: null, started: null };
    if (stopped !== null) tell(stopped.ok ? "info" : "alarm", "service.removed", identity, `no longer in the configuration: ${inWords(stopped)}`);
    if (started !== null) tell(started.ok ? "info" : "alarm", "service.added", identity, `new in the configuration: ${inWords(started)}`);
    const now = (): string => state().holdings[identity].services;
    if (started?.ok === false) stand(identity, false, started.detail);
    else if (started !== null && now() === "stopped") stand(identity, true, started.detail);
    else if (now() === "failed") await again(identity);
  }));

  /** What had failed is what a person has mended, or has started by hand: looked at, and started where it does not run. */
  async function again(identity: Index): Promise<void> {
    const failing = (await services.check(identity)).each.filter(({ ok }) => !ok);
    const tried = [];
    // Each look takes its time: what has been stopped with its identity meanwhile stays so. A stop that comes later ends the start.
    for (const { service } of failing) if (runsHere(state(), identity)) tried.push(await services.restart(identity, service));
    const still = tried.find(({ ok }) => !ok);
    if (tried.length > 0) tell(still === undefined ? "info" : "alarm", "service.started-again", identity, tried.map(inWords).join("; "));
    if (still === undefined && state().holdings[identity].services === "failed") stand(identity, true, "all run");
  }
}

const inWords = ({ detail, each }: ServicesOutcome): string => `${each.map(({ service }) => service).join(", ")}: ${detail}`;
