import type { SeaworthyError } from '../core/errors.ts';
import { type Describe, OpenWork } from '../core/open-work.ts';
import { reported } from '../core/strays.ts';
import { textOf } from '../core/thrown.ts';
import { SavepointMisused, TransactionLost, TransactionOver } from './errors.ts';
import { statementName } from './statement-name.ts';
import type { ChangedAtCommit, Level, Value, Values } from './store.ts';

/** Copies a value as it is now, for a statement that runs later. */
export const copyOf = <V extends Value | undefined>(value: V): V => (value instanceof Uint8Array ? (value.slice() as typeof value) : value);

const none: readonly never[] = [];

/** The run of a transaction's work, or a savepoint in it, with the statements that were given while it was the innermost one. */
export class Mark implements Level {
  readonly depth: number;
  readonly statements: OpenWork;
  readonly #around: Mark | undefined;
  #undone = false;
  #lost: TransactionLost | undefined;

  constructor(late: (error: SeaworthyError) => void, around?: Mark) {
    this.#around = around;
    this.depth = around ? around.depth + 1 : 0;
    this.statements = new OpenWork({ whole: around?.statements, late });
  }

  get undone(): boolean {
    return this.#undone || (this.#around?.undone ?? false);
  }

  undo(): void {
    this.#undone = true;
  }

  /** The error of its statements, once one of them has failed. */
  get lost(): TransactionLost | undefined {
    return this.#lost;
  }

  /** The same of it, or of the nearest level around it. */
  get lostAround(): TransactionLost | undefined {
    return this.#lost ?? this.#around?.lostAround;
  }

  lose(cause: unknown): void {
    const message = `a statement has failed before, and its transaction or savepoint is lost (${textOf(cause)}): let its error go on, or run what may fail inside \`tx.savepoint\` and catch it there`;
    this.#lost ??= new TransactionLost(message, { cause });
  }

  verify(run: string): void {
    this.statements.verify(run);
  }

  settled(): Promise<void> | undefined {
    return this.statements.settled();
  }
}

/** A statement that runs with the commit, and the level that it was given in. The driver writes what it has changed. */
interface Deferred extends ChangedAtCommit {
  readonly mark: Mark;
  readonly sql: string;
  readonly values: Values;
  changes: number | undefined;
}

/** The state of one run of a transaction's work. Once it has failed it stays failed, whatever the work catches. */
export class TxState {
  readonly #late: (error: SeaworthyError) => void;
  readonly #whole: Mark;
  readonly #open: Mark[];
  #over: 'done' | 'failed' | undefined;
  #failure: { readonly error: unknown } | undefined;
  /** Some level is lost: most transactions never ask which. */
  #hasLost = false;
  #deferred: Deferred[] | undefined;
  #notices: { readonly mark: Mark; readonly topic: string }[] | undefined;

  /** `late` is called for each use after the work has ended well: code without an `await` never sees the error. */
  constructor(late: (error: SeaworthyError) => void) {
    this.#late = late;
    this.#whole = new Mark(late);
    this.#open = [this.#whole];
  }

  /** Checks that the transaction may go on, before each statement. Throws what ended or lost it. */
  check(): void {
    if (this.#failure) throw this.#failure.error;
    if (!this.#over) {
      if (this.#hasLost && this.level.lost) throw this.level.lost;
      return;
    }
    const error = new TransactionOver('this tx was used after its transaction had settled: await everything inside `transaction`');
    if (this.#over === 'done') this.#late(error);
    throw error;
  }

  get level(): Mark {
    return this.#open.at(-1) as Mark;
  }

  /** Returns the promise of a statement that runs at once. */
  ran<V>(sql: string, execute: () => V): Promise<V> {
    const { statements } = this.level;
    let value: V;
    try {
      value = execute();
    } catch (error) {
      return this.begun(statementName(sql), () => Promise.reject(error));
    }
    return statements.done(statementName(sql), value);
  }

  /** Returns the promise of a statement or a savepoint, which the work must await. */
  begun<V>(what: Describe, begin: () => Promise<V>): Promise<V> {
    const { statements } = this.level;
    const over = this.#over;
    const promise = begin();
    if (!over) return statements.add(what, promise);
    return reported(promise);
  }

  /** The transaction is lost: every further statement throws `error`, and so does its end. The first failure counts. */
  fail(error: unknown): void {
    this.#failure ??= { error };
  }

  /** Why the transaction is lost, if it is. */
  get failure(): unknown {
    return this.#failure?.error;
  }

  /** A statement failed: its level is lost, by default the innermost one. The first failure counts. */
  lose(cause: unknown, level = this.level): void {
    this.#hasLost = true;
    level.lose(cause);
  }

  /** Keeps a statement for the commit, with its values as they are now. */
  defer(sql: string, values: Values): ChangedAtCommit {
    this.check();
    const deferred: Deferred = { mark: this.level, sql, values: values.map(copyOf), changes: undefined };
    this.#deferred ??= [];
    this.#deferred.push(deferred);
    return deferred;
  }

  /** The statements that run with the commit, in the order in which they were given. */
  get deferred(): readonly Deferred[] {
    return this.#deferred?.filter(({ mark }) => !mark.undone) ?? none;
  }

  /** Keeps a notice until the commit. */
  notify(topic: string): void {
    this.check();
    this.#notices ??= [];
    this.#notices.push({ mark: this.level, topic });
  }

  /** The topics to notify after the commit, each once. */
  get notices(): readonly string[] {
    return this.#notices ? [...new Set(this.#notices.filter(({ mark }) => !mark.undone).map(({ topic }) => topic))] : none;
  }

  enter(): Mark {
    const mark = new Mark(this.#late, this.level);
    this.#open.push(mark);
    return mark;
  }

  /**
   * Ends the savepoint `mark`. Savepoints end in the reverse of their order, else one would take the other's rows along. Returns
   * whether it is kept: one that is lost is not.
   */
  leave(mark: Mark, keep: boolean): boolean {
    const kept = keep && !mark.lost;
    if (this.#failure || this.#over) this.check();
    if (this.level !== mark)
      this.fail(new SavepointMisused('a savepoint ended while one that began after it was open: await each before the next begins'));
    else if (keep) this.#verify(mark, 'the work of a savepoint');
    if (keep && mark.lost) this.#verifyWith(() => mark.statements.verifyStrays('the work of a savepoint'));
    if (this.#failure) throw this.#failure.error;
    if (!kept) mark.undo();
    this.#open.pop();
    return kept;
  }

  #verify(mark: Mark, what: string): void {
    this.#verifyWith(() => mark.verify(what));
  }

  #verifyWith(verify: () => void): void {
    try {
      verify();
    } catch (error) {
      this.fail(error);
    }
  }

  /** Resolves once it is known whether the work handled every refusal; to be awaited before `finish`. `undefined` when there was no refusal. */
  settled(): Promise<void> | undefined {
    return this.#whole.settled();
  }

  /** The work is done. Throws when the transaction is lost, a savepoint is still open, or a statement was not awaited. */
  finish(): void {
    if (this.#open.length > 1)
      this.fail(new SavepointMisused('the work ended while a savepoint was open: await every savepoint inside `transaction`'));
    else this.#verify(this.level, 'the work of a transaction');
    if (this.level.lost) this.fail(this.level.lost);
    this.end();
    if (this.#failure) throw this.#failure.error;
    this.#over = 'done';
  }

  end(): void {
    this.#whole.statements.end();
    this.#over ??= 'failed';
  }
}
