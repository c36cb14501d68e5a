import type { SeaworthyError } from '../../core/errors.ts';
import { type Named, OpenWork } from '../../core/open-work.ts';
import { reported } from '../../core/strays.ts';
import { SavepointMisused, TransactionOver } from '../errors.ts';
import { named } from '../statement.ts';
import type { Level } from '../store.ts';

/** The run of a transaction's work, or a savepoint in it, with the statements that were given while it was the innermost one. */
export class Mark implements Level {
  readonly depth: number;
  readonly statements: OpenWork;
  readonly #around: Mark | undefined;
  #undone = false;

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

  verify(run: string): void {
    this.statements.verify(run);
  }
}

/** What one run of a transaction's work may still do. Once it has failed it stays so, whatever the work catches. */
export class TxState {
  readonly #late: (error: SeaworthyError) => void;
  readonly #whole: Mark;
  readonly #open: Mark[];
  #over: 'done' | 'failed' | undefined;
  #failure: { readonly error: unknown } | undefined;

  /** `late` is told of each use after the work has ended well: whoever forgot to await hears of no error either. */
  constructor(late: (error: SeaworthyError) => void) {
    this.#late = late;
    this.#whole = new Mark(late);
    this.#open = [this.#whole];
  }

  /** Asked before each statement. */
  check(): void {
    if (this.#failure) throw this.#failure.error;
    if (!this.#over) return;
    const error = new TransactionOver('this tx was used after its transaction had settled: await everything inside `transaction`');
    if (this.#over === 'done') this.#late(error);
    throw error;
  }

  get level(): Mark {
    return this.#open.at(-1) as Mark;
  }

  /** The promise of a statement that runs at once. */
  ran<V>(sql: string, execute: () => V): Promise<V> {
    const { statements } = this.level;
    let value: V;
    try {
      value = execute();
    } catch (error) {
      return this.begun(named(sql), () => Promise.reject(error));
    }
    return statements.done(named(sql), value);
  }

  /** The promise of what `begin` begins, a statement or a savepoint; the work must await it. */
  begun<V>(what: Named, begin: () => Promise<V>): Promise<V> {
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

  enter(): Mark {
    const mark = new Mark(this.#late, this.level);
    this.#open.push(mark);
    return mark;
  }

  /** Ends the savepoint `mark`. Savepoints end in the reverse of their order, else one would take the other's rows along. */
  leave(mark: Mark, keep: boolean): void {
    this.check();
    if (this.level !== mark)
      this.fail(new SavepointMisused('a savepoint ended while one that began after it was open: await each before the next begins'));
    else if (keep) this.#verify(mark, 'the work of a savepoint');
    else mark.undo();
    this.check();
    this.#open.pop();
  }

  #verify(mark: Mark, what: string): void {
    try {
      mark.verify(what);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Until it can be told whether anybody handled what was refused, to be awaited before `finish`; `undefined` when nothing was. */
  settled(): Promise<void> | undefined {
    return this.#whole.statements.settled();
  }

  /** The work is done. Throws when the transaction is lost, a savepoint is still open, or a statement was not awaited. */
  finish(): void {
    if (this.#open.length > 1)
      this.fail(new SavepointMisused('the work ended while a savepoint was open: await every savepoint inside `transaction`'));
    else this.#verify(this.level, 'the work of a transaction');
    this.end();
    if (this.#failure) throw this.#failure.error;
    this.#over = 'done';
  }

  end(): void {
    this.#whole.statements.end();
    this.#over ??= 'failed';
  }
}
