// A step of `clusterd pair` as data: what it does on which machine, how to see that it is done already, how it is done.
//
// All that is done on a machine is a POSIX shell script, the same here and there; `input` is a text, or what another script
// prints, perhaps on the other machine.

export type Side = 0 | 1;

export interface Source { readonly at: Side; readonly script: string; readonly input?: string }
export interface Job { readonly at: Side; readonly script: string; readonly input?: string | Source }

export interface Step {
  readonly at: Side;
  /** `write /etc/cluster.d/serv1.conf` */
  readonly what: string;
  /** Ends with 0 when there is nothing to do; null: the facts say that there is. */
  readonly done: Job | null;
  readonly act: Job;
  /** Its output is for the person. */
  readonly shown?: true;
  /** What goes wrong here is said, and the rest still done: preflight judges. */
  readonly mayFail?: true;
  /** Changes nothing of its own. */
  readonly waits?: true;
}

/** A word for a shell. */
export const quote = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);
