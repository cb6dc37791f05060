// Protocol bugs, seeded one at a time: a file of the core, the exact text, what stands there instead, and what that breaks.
//
// A text that is no longer there fails loudly: the mutant is brought up to date or deleted, with the code it was about.

export interface Mutant {
  readonly name: string;
  /** In clusterd/core, without `.ts`. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
  readonly breaks: string;
  /** Why nothing finds it, for those that are known to survive. */
  readonly survives?: string;
}

const mutant = (name: string, file: string, from: string, to: string, breaks: string, survives?: string): Mutant =>
  ({ name, file, from, to, breaks, ...(survives === undefined ? {} : { survives }) });

export const MUTANTS: readonly Mutant[] = [
  // Lease
  mutant("lease-too-long", "lease", "acknowledgedAt(state, holding) + state.config.timing.lease;", "acknowledgedAt(state, holding) + 3 * state.config.timing.lease;",
    "the lease outlives the claim"),
  mutant("hearing-is-being-heard", "lease", "return Math.max(holding.ackedAt, arbiterAgreedAt(state, holding));",
    "return Math.max(holding.ackedAt, arbiterAgreedAt(state, holding), state.peer.heardAt);", "an owner that hears the peer believes itself heard"),
  mutant("lease-from-the-answer", "observe", "state.holdings[identity].ackedAt = Math.max(state.holdings[identity].ackedAt, moment);",
    "state.holdings[identity].ackedAt = state.now;", "the lease counts from the answer, not from the question; old echoes count"),
  mutant("claimer-echo-counts", "observe", "if (!contests(beat.identities[identity].role)) ", "", "a claimer's echo renews the owner's lease",
    "a claimer has not heard the owner since it fell silent: what it echoes is old, and counts from when it was sent"),
  mutant("no-lease-while-writing", "lease", `holding.role === "acquiring" || holds(holding)`, "holds(holding)", "votes that ran out while the epoch was written are revived"),
  mutant("lease-revived", "step", "if (TESTS[\"lease-over\"](state, state.holdings[identity], identity)) follow", "if (false) follow",
    "what arrives after the lease's end revives it"),
  mutant("lease-never-over", "signals", "hasLease(holding) && state.now >= holding.leaseUntil", "false", "an owner goes on when its lease is over"),
  mutant("raise-on-a-fresh-lease", "actions", "holding.leaseUntil = Math.max(holding.leaseUntil, leaseEnd(state, holding));\n    holding.leaseTold",
    "holding.leaseUntil = state.now + state.config.timing.lease;\n    holding.leaseTold", "a raise counts its lease from itself, not from an answer"),
  mutant("surely-alone-too-soon", "lease", "agreedAt - state.peer.heardAt >= aloneAfter(state) * 1.03", "true",
    "an owner that lost its votes claims again although the peer may own by a prompt takeover"),
  mutant("vote-taken-late", "lease", "state.now - state.peer.echoedAt <= aloneAfter(state)", "true", "a late takeover counts as a standing vote"),
  mutant("vote-taken-from-nobody", "lease", `(said === "raising" || said === "owner" || said === "freezing") &&`, "", "a takeover from a node that held nothing counts as its standing vote"),
  mutant("never-renewed", "duties", "(longer >= 0 && longer < grain)", "longer >= 0", "dead-man and kernel are never told that the lease goes on"),

  // Liveness
  mutant("own-stall-ignored", "liveness", "state.now - Math.max(state.peer.heardAt, state.wokeAt)", "state.now - state.peer.heardAt", "what we slept through counts as the peer's silence"),
  mutant("stall-not-noticed", "liveness", "return gap > 2 * keepalive ? gap : null;", "return null;", "a claim goes on over a stall of its own"),
  mutant("contact-without-echo", "liveness", "&& now - peer.echoedAt < Math.max(config.timing.deadtime, config.timing.lease)", "", "hearing alone is contact"),
  mutant("no-patience-at-start", "liveness", "state.now - state.startedAt >= state.config.timing.initdead", "true", "a node that has just started claims",
    "who never heard the peer claims nothing anyway, and silence and claim together take Q + C from the start"),
  mutant("configurations-not-compared", "liveness", "state.peer.beat === null ? null : state.peer.beat.digest === state.config.digest", "state.peer.beat === null ? null : true",
    "nodes with different configurations take over from each other"),
  mutant("dead-too-soon", "liveness", "silence(state) >= state.config.timing.deadtime", "silence(state) >= state.config.timing.keepalive", "one late heartbeat is a death"),

  // What is heard
  mutant("any-boot-believed", "observe", "if (!answersUs(state, beat)) {", "if (false) {", "heartbeats recorded before our start are believed"),
  mutant("replays-believed", "observe", "if (beat.seq <= peer.seq) return false;", "", "duplicated and overtaken heartbeats are news again"),
  mutant("claim-not-noticed", "observe", `if (said === undefined || (said.role !== "claiming" && !complete)) {`, "if (true as boolean) {",
    "an owner that is not heard never yields to a claim"),
  mutant("last-word-ignored", "observe", `const complete = said?.role === "acquiring";`, "const complete = false as boolean;", "an owner still objects when the claim is over",
    "not found within these bounds: the owner must hear nothing of a claim but its very last round, with the arbiter in reach"),
  mutant("any-write-confirms", "observe", "holding.pending.write > write) continue;", "false) continue;", "an earlier write confirms a later one"),
  mutant("claim-over-a-stall", "observe", "if (holding.claim !== null) holding.claim = { ...holding.claim, rounds: [NEVER] };", "void holding;", "a claimer that slept goes on with its claim"),
  mutant("minority-agrees", "lease", "of > 0 && answered * 2 > of;", "of > 0 && answered > 0;", "one of three reference hosts is enough on both sides"),
  mutant("probe-answer-ignored", "observe", "unanswered: event.mac === null ? claim.unanswered + 1 : 0", "unanswered: claim.unanswered + 1", "the identity's MAC answers and is taken all the same"),

  // Signals
  mutant("claim-cut-short", "fence", "state.now - claim.startedAt < state.config.timing.claim)", "state.now - claim.startedAt < state.config.timing.unheard)", "the claim is over before the owner's lease", "the three probes alone take 0.94 C, and their answers are waited for"),
  mutant("claim-without-probes", "signals", "(holding.claim?.unanswered ?? 0) >= 3 &&", "", "nobody asks whether the MAC still answers"),
  mutant("claim-without-arbiter", "fence", "return !hasArbiter(state.config) || state.now - claim.agreedAt <= tolerance;", "return true;",
    "the arbiter need not agree at the end of the claim"),
  mutant("missed-rounds-forgiven", "signals", "holding.claim.rounds.some((startedAt) => state.now - startedAt > roundTolerance(state))", "false", "the arbiter may miss rounds during the claim"),
  mutant("higher-epoch-ignored", "signals", "return said !== undefined && said.epoch > (holding.pending?.record ?? holding.record).epoch;", "return false;", "who hears a higher epoch goes on"),
  mutant("higher-epoch-or-equal", "signals", "said.epoch > (holding.pending?.record ?? holding.record).epoch;", "said.epoch >= (holding.pending?.record ?? holding.record).epoch && said.epoch > 0;", "`>=` for `>`: an equal epoch ends ownership"),
  mutant("unheard-for-ever", "signals", "state.now >= Math.min(askedAt + state.config.timing.unheard, yieldAt);", "false;", "an owner that is not heard does not yield in time"),
  mutant("dead-man-not-needed", "signals", "holds(holding) && !state.guard.present", "false", "an owner goes on without its dead-man"),
  mutant("raise-before-persisted", "table", `row("may-claim", "acquiring", ["send", "acquire"],`, `row("may-claim", "raising", ["send", "acquire", "raise"],`, "an identity is raised before its epoch is on disk"),
  mutant("old-offers-taken", "signals", "return said.offer > Math.max(known.epoch, known.offered);", "return said.offer > 0 && said.offer !== known.epoch;", "an offer that was overtaken is taken"),
  mutant("offers-for-ever", "signals", "holding.handover !== null && state.now - holding.since >=", "false && state.now - holding.since >=", "an offer that nobody takes stands for ever"),

  // Epochs
  mutant("epochs-alike", "epochs", "return (Math.floor(newest / 2) + 1) * 2 + owner;", "return newest + 1;", "both nodes make the same epoch"),
  mutant("epoch-again", "epochs", "return (Math.floor(newest / 2) + 1) * 2 + owner;", "return Math.max(2, Math.floor(newest / 2) * 2) + owner;", "an epoch is used again"),
  mutant("offered-forgotten", "actions", "return [latest(holding).epoch, latest(holding).offered, said?.epoch ?? 0,", "return [latest(holding).epoch, said?.epoch ?? 0,", "a node owns at an epoch that it had offered away"),

  // Guards and preference
  mutant("stale-claims", "guards", "if (record.stale && (config.witness || !mayGoAlone(state))) return ", "if (false) return ", "a node that may lack files takes over"),
  mutant("locked-claims", "guards", `if (record.locked) return "the standby lock is set: \`clusterd clear\` removes it";`, "", "the loser of a tie takes over"),
  mutant("promise-broken", "guards", "if (record.promised) return ", "if (false) return ", "who left in good order claims all the same"),
  mutant("uncertain-claims", "guards", "if (uncertain && !mayGoAlone(state)) return ", "if (false) return ", "who let go without knowing who owns claims"),
  mutant("no-hold-down", "guards", `if (heldUntil > state.now) return "held down after a lost lease or a failed raise";`, "", "a node that just failed claims again at once",
    "who tripped or failed a raise is also uncertain, which holds its claims back until it has talked to the peer; hold-down matters for grants"),
  mutant("stale-takes-offers", "guards", "!locked && !stale;", "!locked;", "an offer to a former life is taken"),
  mutant("locked-takes-offers", "guards", "sameConfiguration(state) === true && !locked && !stale;", "sameConfiguration(state) === true && !stale;", "the standby lock does not hold an offer back",
    "no offer is made to a locked node, the giver looks first; and a lock on its way to the disk makes stale as well: a second fence"),
  mutant("takes-an-offer-before-its-lock", "guards", "const { locked, stale } = cautious(holding);", "const { locked, stale } = holding.record;", "who has just yielded takes an offer while its lock is on its way to the disk"),
  mutant("hands-over-to-stale", "guards", `if (theirs.stale) return "the peer is not resynchronised yet";`, "", "an identity is handed to a node that may lack files"),
  mutant("oldest-preferred", "preference", "candidates[0].epoch >= candidates[1].epoch", "candidates[0].epoch < candidates[1].epoch", "who has the older files is granted the identity"),
  mutant("stale-preferred", "preference", "eligible: !theirs.stale && !theirs.locked", "eligible: !theirs.locked", "the identity is granted to a node that may lack files"),

  // Actions
  mutant("never-stale", "actions", "const stale = handedOver || followed ? before.stale : true;", "const stale = before.stale;", "who lost an identity trusts its files"),
  mutant("stale-flag-kept", "actions", "stale: false, promised: false, ...changes", "...changes", "the flags of a former life stay set on an owner"),
  mutant("trip-leaves-no-doubt", "actions", "holding.uncertain = !wasSurelyAlone(state);", "holding.uncertain = false;", "after a lease that ran out one claims again at once"),
  mutant("withdrawn-without-doubt", "actions", "if (state.peer.echoedAt < (holding.handover?.letGoAt ?? NEVER)) letGo(holding);", "", "an offer that was not heard is taken back as if nothing had been",
    "not found within these bounds: the peer must miss the offer, take over promptly with our vote, and then lose its arbiter to us"),
  mutant("release-forgotten", "actions", `holding.claimHeard = null;\n    effects.push({ kind: "release", identity });`, "holding.claimHeard = null;", "a role ends and the identity stays up"),
  mutant("lease-not-told", "actions", `effects.push({ kind: "lease", identity, until: holding.leaseUntil, ackedAt: holding.leaseUntil - state.config.timing.lease });\n    effects.push({ kind: "raise"`,
    `effects.push({ kind: "raise"`, "a raise does not tell the dead-man when to end",
    "the world reads the lease that the core believes in when ifup is done, and the driver hands it to ifup too; test/clusterd/takeover covers the order"),
  mutant("offer-not-promised", "actions", "if (before.offered < offered) remember(scene, { ...before, offered });", "if (before.offered < offered) remember(scene, before);", "an offer is made and not remembered"),

  // Duties
  mutant("no-objection", "duties", "holding.claimHeard.askedAt === null && holds(holding)) return say({ state, effects });", "holding.claimHeard.askedAt === null && holds(holding)) void effects;", "an owner that hears a claim objects only with its next heartbeat",
    "the next heartbeat is at most a keepalive away, and E is three at least: only slower"),
  mutant("standing-for-ever", "duties", "if (heard && !said.leaving && record.standing) return change(context, identity, { standing: false });", "", "a standing vote goes on when the peer is back"),
  mutant("promise-forgotten-first", "duties", "const forgets = record.promised && !theirs.standing &&", "const forgets = record.promised &&", "the leaver forgets its promise while the owner still counts it",
    "not found within these bounds: the owner must lose its power in the very write that ends the vote, and then the leaver its contact"),
  mutant("good-bye-before-promise", "duties", "if (open.length > 0) return;", "", "the good-bye goes out before the promise is on disk"),
  mutant("rounds-not-counted", "duties", "if (holding.claim !== null) holding.claim = { ...holding.claim, rounds: [...holding.claim.rounds, state.now] };", "void holding;",
    "a claim does not notice that the arbiter stays silent"),
  mutant("heartbeats-stop", "duties", "state.nextBeatAt = !inTime && state.nextBeatAt + pause > state.now ?", "state.nextBeatAt = pause > 0 ? state.now + 20 * pause : !inTime ?", "heartbeats are far apart"),

  // Start, waking, word
  mutant("trusts-files-after-boot", "step", "stale: record.stale || unknown || empty || record.owner === otherOf(config.self)", "stale: record.stale || unknown || empty", "who was away trusts its files"),
  mutant("trusts-an-empty-node", "step", "const empty = event.fresh &&", "const empty = false &&", "a new node stands in before the first copy is over"),
  mutant("trusts-what-is-newly-mirrored", "duties", "if (holding.gained && holding.pending === null) return gained(context, identity);", "", "a node stands in for files that a reload has named and nobody has copied yet"),
  mutant("vouches-for-what-is-newly-mirrored", "configure", "state.holdings[identity].inSync = null;", "", "the owner says that the peer has what a reload has only just named"),
  mutant("believes-another-configuration", "duties", " && sameConfiguration(state) === true;", ";", "what was in sync by the old configuration counts for the new one"),
  mutant("sleeps-over-the-deadtime", "wake", "Math.max(state.peer.heardAt, state.wokeAt) + timing.deadtime", "Infinity", "silence is noticed with the next heartbeat only"),
  mutant("says-what-is-being-written", "beat", "role, epoch: record.epoch, owner: record.owner,", "role, epoch: (pending?.record ?? record).epoch, owner: (pending?.record ?? record).owner,", "an epoch is said before it is on disk"),
  mutant("offers-before-persisted", "beat", `role === "offering" && pending === null && handover !== null && record.offered === handover.offer;`, `role === "offering" && handover !== null;`, "an offer is said before it is on disk"),
  mutant("denies-the-vote", "beat", "standing: record.standing || pending?.standing === true,", "standing: false,", "a standing vote is counted and denied"),
  mutant("denies-the-vote-too-soon", "actions", "standing: record.standing || holding.pending?.standing === true };", "standing: record.standing };", "a standing vote is denied while an earlier write may just bring it to the disk"),
  mutant("claims-silently", "beat", "    role, epoch: record.epoch,", "    role: role === \"claiming\" ? \"standby\" : role, epoch: record.epoch,", "a claim is not said aloud"),

  // Table
  mutant("claims-over-the-owner", "table", `"peer-heard": [row("otherwise", "standby", ["drop-claim", "send"], "the peer was heard: the claim is dropped")],`,
    `"peer-heard": [row("otherwise", "claiming", [], "the peer was heard: the claim is dropped")],`, "a claimer that hears the owner goes on"),
  mutant("no-claim-at-all", "table", `row("may-claim", "claiming", ["begin-claim", "send", "ask-references"], "the peer is silent on every link: claim aloud", "warn")`,
    `row("may-claim", "acquiring", ["acquire", "send"], "the peer is silent on every link: claim aloud", "warn")`, "silence is enough"),
  mutant("yields-to-nobody", "table", `unheard: [row("otherwise", "releasing", ["doubt", "lock", "stop-services", "release", "send"],`, `unheard: [row("uncertain", "releasing", ["doubt", "lock", "stop-services", "release", "send"],`,
    "an owner that is not heard does not yield"),
  mutant("raises-without-announcing", "table", `raised: [row("otherwise", "owner", ["announce", "send", "start-services"]`, `raised: [row("otherwise", "owner", ["send", "start-services"]`, "the switch goes on sending to the old port"),
  mutant("services-before-raise", "table", `persisted: [row("otherwise", "raising", ["raise"]`, `persisted: [row("otherwise", "raising", ["start-services", "raise"]`, "services start before their address is there"),
  mutant("offers-what-is-up", "table", `"hand-over": [row("nothing-to-freeze", "releasing", ["begin-handover", "release", "send"]`, `"hand-over": [row("nothing-to-freeze", "offering", ["begin-handover", "offer", "send"]`,
    "an identity is offered while it is still up"),
  mutant("owner-ignores-its-lease", "table", `"lease-over": [row("otherwise", "releasing", ["trip", "stop-services", "release", "send"],`, `"lease-over": [row("uncertain", "releasing", ["trip", "stop-services", "release", "send"],`,
    "an owner does not let go when its lease is over"),
  mutant("write-failed-goes-on", "table", `persisted: [row("otherwise", "owner", [], "remembered")],\n    "persist-failed": FAIL_HOLDING,`,
    `persisted: [row("otherwise", "owner", [], "remembered")],\n    "persist-failed": [row("otherwise", "owner", [], "the journal could not be written")],`, "an owner without memory goes on"),
];
