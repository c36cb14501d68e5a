import type { Dispatcher } from 'undici';

type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** An answer over HTTP with its whole body. */
export interface Exchanged {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** One request and its whole answer. Unlike undici's own `request` it creates no stream for a body that is read at once. */
class Exchange implements Dispatcher.DispatchHandler {
  readonly #signal: AbortSignal;
  readonly #resolve: (exchanged: Exchanged) => void;
  readonly #reject: (error: unknown) => void;
  #controller: Dispatcher.DispatchController | undefined;
  #status = 0;
  #headers: Headers = {};
  readonly #pieces: Buffer[] = [];

  constructor(signal: AbortSignal, resolve: (exchanged: Exchanged) => void, reject: (error: unknown) => void) {
    this.#signal = signal;
    this.#resolve = resolve;
    this.#reject = reject;
    signal.addEventListener('abort', this);
  }

  /** Handles the abort of the signal. A request that still waits for a connection is dropped when it gets one. */
  handleEvent(): void {
    this.onResponseError(undefined, this.#signal.reason);
    this.#controller?.abort(this.#signal.reason);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#signal.aborted) controller.abort(this.#signal.reason);
  }

  /** Records status and headers. After an interim answer (RFC 9110, 15.2) it is called again. */
  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: Headers): void {
    this.#status = status;
    this.#headers = headers;
  }

  onResponseData(_controller: Dispatcher.DispatchController, piece: Buffer): void {
    this.#pieces.push(piece);
  }

  onResponseEnd(): void {
    this.#signal.removeEventListener('abort', this);
    const [first] = this.#pieces;
    try {
      const bytes = first && this.#pieces.length === 1 ? first : Buffer.concat(this.#pieces);
      this.#resolve({ status: this.#status, headers: this.#headers, text: bytes.toString('utf8') });
    } catch (error) {
      this.#reject(error);
    }
  }

  onResponseError(_controller: unknown, error: unknown): void {
    this.#signal.removeEventListener('abort', this);
    this.#reject(error);
  }
}

/** Sends a request and resolves with its whole answer. Rejects with the error of undici, or at once with the reason of `signal`. */
export function exchange(pool: Dispatcher, request: Dispatcher.DispatchOptions, signal: AbortSignal): Promise<Exchanged> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    else pool.dispatch(request, new Exchange(signal, resolve, reject));
  });
}
