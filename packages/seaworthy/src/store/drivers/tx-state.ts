import { type Named, OpenWork } from '../../core/open-work.ts';
import { SavepointMisused, TransactionOver } from '../errors.ts';
import { named } from '../statement.ts';
import type { Level } from '../store.ts';

/** The run of a transaction's work, or a savepoint in it, with the statements that were given while it was the innermost one. */
export class Mark implements Level {
  readonly depth: number;
  readonly statements = new OpenWork();
  readonly #around: Mark | undefined;
  #undone = false;

  constructor(around?: Mark) {
    this.#around = around;
    this.depth = around ? around.depth + 1 : 0;
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

const ignore = (): void => {};

/** What one run of a transaction's work may still do. Once it has failed it stays so, whatever the work catches. */
export class TxState {
  readonly #late: (error: TransactionOver) => void;
  readonly #open: Mark[] = [new Mark()];
  #over: 'done' | 'failed' | undefined;
  #failure: { readonly error: unknown } | undefined;

  /** `late` is told of each use after the work has ended well: whoever forgot to await hears of no error either. */
  constructor(late: (error: TransactionOver) => void) {
    this.#late = late;
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
    // It was refused, and that was told where it is heard.
    promise.catch(ignore);
    return promise;
  }

  /** The transaction is lost: every further statement throws `error`, and so does its end. The first failure counts. */
  fail(error: unknown): void {
    this.#failure ??= { error };
  }

  enter(): Mark {
    const mark = new Mark(this.level);
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
    this.#over ??= 'failed';
  }
}
