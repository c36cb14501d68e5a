import { SavepointMisused, TransactionOver } from '../errors.ts';

/** What one run of a transaction's work may still do. Once it has failed it stays so, whatever the work catches. */
export class TxState {
  #over = false;
  #failure: { readonly error: unknown } | undefined;
  #opened = 0;
  readonly #open: number[] = [];

  get over(): boolean {
    return this.#over;
  }

  /** Asked before each statement. */
  check(): void {
    if (this.#failure) throw this.#failure.error;
    if (this.#over) throw new TransactionOver('this tx was used after its transaction had settled: await everything inside `transaction`');
  }

  /** The transaction is lost: every further statement throws `error`, and so does its end. The first failure counts. */
  fail(error: unknown): void {
    this.#failure ??= { error };
  }

  enter(): number {
    const mark = this.#opened++;
    this.#open.push(mark);
    return mark;
  }

  /** Ends the savepoint `mark`. Savepoints end in the reverse of their order, else one would take the other's rows along. */
  leave(mark: number): void {
    this.check();
    if (this.#open.at(-1) !== mark) {
      this.fail(new SavepointMisused('a savepoint ended while one that began after it was open: await each before the next begins'));
    }
    this.check();
    this.#open.pop();
  }

  /** The work is done. Throws when the transaction is lost, or a savepoint is still open. */
  finish(): void {
    if (this.#open.length > 0) {
      this.fail(new SavepointMisused('the work ended while a savepoint was open: await every savepoint inside `transaction`'));
    }
    this.end();
    if (this.#failure) throw this.#failure.error;
  }

  end(): void {
    this.#over = true;
  }
}
